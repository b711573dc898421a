"""Where a change of cost came from: the texts of its shapes, its dearest queries, the run and the code version it began with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot

TEXT_LENGTH = 300
QUERIES = 3


def texts(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, shapes: Sequence[str], days: Collection[int]
) -> dict[str, str]:
    """Return the masked texts of shapes, on one line."""
    if not shapes:
        return {}
    rows = ledger.table("shapes", snapshot, engine, days=days, columns=["shape", "text"])
    rows = rows.filter(rows["shape"].isin(list(shapes)) & rows["text"].notnull())
    found = engine.rows(rows.group_by("shape").agg(text=rows["text"].min()))
    return {row["shape"]: " ".join(row["text"].split())[:TEXT_LENGTH] for row in found}


def queries(
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    shapes: Sequence[str],
    days: Collection[int],
    source: str | None,
) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return the dearest queries of each shape on the days."""
    if not shapes:
        return {}
    columns = ["source", "query_id", "shape", "user", "pool", "pool_size", "ended_at", "execution_ms"]
    asked = ledger.table("queries", snapshot, engine, source=source, days=days, columns=columns)
    asked = asked.filter(asked["shape"].isin(list(shapes)))
    paid = ledger.table("charges", snapshot, engine, source=source, days=days, columns=["source", "query_id", "cost"])
    paid = paid.filter(paid.query_id.notnull()).group_by(["source", "query_id"]).agg(cost=paid.cost.sum())
    joined = asked.join(paid, ["source", "query_id"])
    ranked = joined.mutate(
        place=ibis.row_number().over(ibis.window(group_by="shape", order_by=[ibis.desc("cost"), "query_id"]))
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in engine.rows(ranked.filter(ranked.place < QUERIES).order_by("place")):
        found.setdefault(row["shape"], []).append(
            {
                "source": row["source"],
                "query_id": row["query_id"],
                "user": row["user"],
                "pool": row["pool"],
                "pool_size": row["pool_size"],
                "ended_at": _time(row["ended_at"]),
                "seconds": (row["execution_ms"] or 0) / 1000,
                "cost": str(row["cost"]),
            }
        )
    return {shape: tuple(rows) for shape, rows in found.items()}


def began(
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    assets: Sequence[str],
    before: Collection[int],
    after: Collection[int],
) -> dict[str, Any] | None:
    """Return the first run of an asset in the later days and, where its code version is a new one, from which to which."""
    if not assets or not after:
        return None
    asset = assets[0]
    found: dict[str, Any] = {"asset": asset}
    found |= _run(ledger, snapshot, engine, asset, after)
    found |= _versions(ledger, snapshot, engine, asset, before, after)
    return found if len(found) > 1 else None


def _run(ledger: Ledger, snapshot: Snapshot, engine: Engine, asset: str, after: Collection[int]) -> dict[str, Any]:
    rows = ledger.table("materializations", snapshot, engine, days=after)
    rows = rows.filter(rows.asset == asset).order_by(["started_at", "run_id"]).limit(1)
    for row in engine.rows(rows):
        run = {name: row[name] for name in ("run_id", "orchestrator", "partition", "code_ref") if row[name]}
        return {"run": {**run, "started_at": _time(row["started_at"])}}
    return {}


def _versions(
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    asset: str,
    before: Collection[int],
    after: Collection[int],
) -> dict[str, Any]:
    rows = ledger.table("attributions", snapshot, engine, days=set(before) | set(after))
    is_code = rows.code_version.notnull() | rows.code_ref.notnull()
    rows = rows.filter((rows.asset == asset) & is_code & (rows.purpose.fill_null("build") == "build"))
    rows = rows.group_by(["code_ref", "code_version"]).agg(
        first=rows.day.min(), last=rows.day.max(), subject_id=rows.subject_id.min()
    )
    told = engine.rows(rows.order_by(["first", "code_version"]))
    old = [row for row in told if row["first"] < min(after)]
    new = [row for row in told if row["first"] in after]
    if not told:
        return {}
    code: dict[str, Any] = {}
    place = next((row["code_ref"] for row in (*new, *old) if row["code_ref"]), None)
    if place:
        code["code_ref"] = place
    known = {row["code_version"] for row in old}
    fresh = [row for row in new if row["code_version"] and row["code_version"] not in known]
    if fresh:
        code["code_version"] = fresh[0]["code_version"]
        code["first_day"] = _time(fresh[0]["first"] * 86_400_000_000)[:10]
        code["first_query_id"] = fresh[0]["subject_id"]
        earlier = [row["code_version"] for row in old if row["code_version"]]
        code["code_version_before"] = earlier[-1] if earlier else None
    return {"code": code} if code else {}


def _time(microseconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)).isoformat()
