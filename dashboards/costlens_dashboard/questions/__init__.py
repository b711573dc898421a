"""What pages ask: Ibis expressions over the cube and the ledger's tables, each few rows small."""

from __future__ import annotations
