"""The queries of the ledger that `costlens blame` is asked about: one by its id, or the dearest without an asset."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.blame import Asked
from costlens.engine import Engine
from costlens.errors import UsageError

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def query(ledger: Ledger, snapshot: Snapshot, query_id: str) -> Asked:
    """Return a query by its id; its text is the masked one of its shape."""
    with Engine() as engine:
        rows = ledger.table("queries", snapshot, engine)
        rows = rows.filter(rows.query_id == query_id).select(
            "source", "shape", "submitted_at", "started_at", "ended_at", "user"
        )
        found = engine.rows(rows.limit(1))
        if not found:
            raise UsageError(
                f'blame: the ledger has no query {query_id!r}: look for ids with `costlens sql "select query_id from queries"`'
            )
        row = found[0]
        text = _text(ledger, snapshot, engine, row["source"], row["shape"])
    if text is None:
        raise UsageError(
            f"blame: no text of query {query_id!r} is kept: give it with --file, or keep texts when you sync"
        )
    at = row["submitted_at"] or row["started_at"] or row["ended_at"]
    return Asked(query_id, text, _instant(at), source=row["source"], user=row["user"])


def dearest(ledger: Ledger, snapshot: Snapshot, top: int, days: int) -> list[Asked]:
    """Return the shapes without an asset that cost most in the last days of the ledger, each as it last was seen."""
    with Engine() as engine:
        daily = ledger.table("daily", snapshot, engine)
        last = engine.rows(daily.agg(day=daily.day.max()))[0]["day"]
        if last is None:
            return []
        lone = daily.filter(daily.asset.isnull() & daily["shape"].notnull() & (daily.day > last - days))
        sums = lone.group_by("source", "shape", "currency").agg(
            cost=lone.cost.sum(), queries=lone.queries.sum(), day=lone.day.max(), user=lone.user.max()
        )
        rows = engine.rows(sums.filter(sums.cost > 0).order_by(ibis.desc("cost"), "shape").limit(top))
        return [_shape(ledger, snapshot, engine, row) for row in rows]


def _shape(ledger: Ledger, snapshot: Snapshot, engine: Engine, row: dict[str, Any]) -> Asked:
    text = _text(ledger, snapshot, engine, row["source"], row["shape"]) or ""
    end = datetime.combine(date(1970, 1, 1), datetime.min.time(), timezone.utc) + timedelta(days=row["day"] + 1)
    return Asked(
        f"shape {row['shape']}",
        text,
        end,
        Decimal(str(row["cost"])),
        row["currency"],
        round(row["queries"] or 0),
        row["source"],
        row["user"],
    )


def _text(ledger: Ledger, snapshot: Snapshot, engine: Engine, source: str, shape: str | None) -> str | None:
    shapes = ledger.table("shapes", snapshot, engine, source=source)
    rows = engine.rows(shapes.filter((shapes["shape"] == shape) & shapes.text.notnull()).select("text").limit(1))
    return str(rows[0]["text"]) if rows else None


def _instant(microseconds: int | None) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if microseconds is not None else None
