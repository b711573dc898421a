"""Databases for anomalies: the ledger's own fixtures."""

from __future__ import annotations

from tests.ledger.conftest import database, ledger, place, postgresql

__all__ = ["database", "ledger", "place", "postgresql"]
