"""Makes the sample month: a company, what it sends to its warehouses, what the machines do with it, and the bill."""

from __future__ import annotations
