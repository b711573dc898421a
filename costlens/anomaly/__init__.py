"""Spend anomalies: which series left its expected band, what drove it, and what people did about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from costlens.anomaly.store import Changes, Found
    from costlens.ledger import Ledger, Snapshot
    from costlens.settings.anomalies import Settings


def detect(ledger: Ledger, snapshot: Snapshot, settings: Settings, as_of: datetime) -> tuple[Found, ...]:
    """Return the anomalies of a snapshot's series, one per cause, explained; nothing is stored."""
    from costlens.anomaly import watching as _watch  # numpy and DuckDB are slow to load, and the store needs neither

    return _watch.detect(ledger, snapshot, settings, as_of).found


def watch(ledger: Ledger, snapshot: Snapshot, settings: Settings, as_of: datetime, at: datetime) -> Changes:
    """Detect, and record what is new, changed or over; the same snapshot again changes nothing."""
    from costlens.anomaly import watching as _watch

    return _watch.watch(ledger, snapshot, settings, as_of, at)
