"""Merges what an orchestrator tells with what the ledger holds: the same rows whatever order and parts they come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from costlens.model import MATERIALIZATIONS, MICROSECONDS_PER_DAY, RUNS, Table
from costlens.orchestrator import Materialization, Run
from costlens.windows import microseconds

Row = dict[str, Any]
Key = tuple[Any, ...]

#: What is known last of a run: a later attempt that succeeds counts more than one that failed.
_RANKS = {"running": 0, "cancelled": 1, "failed": 2, "success": 3}


def run_rows(runs: Iterable[Run], orchestrator: str) -> list[Row]:
    """Return runs as rows of RUNS, without source, day and feed; instants in microseconds."""
    return [
        {
            "run_id": run.run_id,
            "parent_id": run.parent_id,
            "orchestrator": orchestrator,
            "job": run.job,
            "started_at": microseconds(run.started_at),
            "ended_at": _instant(run.ended_at),
            "status": run.status,
        }
        for run in runs
    ]


def materialization_rows(materializations: Iterable[Materialization], orchestrator: str) -> list[Row]:
    """Return materializations as rows of MATERIALIZATIONS, without source, day and feed; instants in microseconds."""
    return [
        {
            "run_id": one.run_id,
            "asset": one.asset,
            "partition": one.partition,
            "started_at": microseconds(one.started_at),
            "ended_at": _instant(one.ended_at),
            "orchestrator": orchestrator,
            "status": one.status,
            "code_ref": one.code_ref,
            "query_ids": json.dumps(sorted(set(one.query_ids))),
        }
        for one in materializations
    ]


def merge(table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    """Return one row per key; merging is associative, commutative and idempotent, so the order of telling does not matter."""
    merged: dict[Key, Row] = {}
    for told in rows:
        row = {name: value for name, value in told.items() if name != "day"}  # it follows from the start
        key = tuple(row[name] for name in table.key)
        known = merged.get(key)
        merged[key] = row if known is None else {name: _merged(name, known[name], row[name]) for name in row}
    for row in merged.values():
        row["day"] = row["started_at"] // MICROSECONDS_PER_DAY
    return merged


def arrow(table: Table, rows: Iterable[Row], source: str, feed: str) -> pa.Table:
    """Return rows in pipeline types."""
    listed = [{**row, "source": source, "feed": feed} for row in rows]
    types = {"text": pa.string(), "instant": pa.int64(), "day": pa.int32()}
    return pa.table({c.name: pa.array([row[c.name] for row in listed], types[c.type]) for c in table.columns})


def _merged(name: str, first: Any, second: Any) -> Any:
    if first == second or second is None:
        return first
    if first is None:
        return second
    return _RULES.get(name, min)(first, second)


def _both(first: str, second: str) -> str:
    return json.dumps(sorted({*json.loads(first), *json.loads(second)}))


def _further(first: str, second: str) -> str:
    return max(first, second, key=lambda status: _RANKS.get(status, -1))


#: Column -> how two values become one; where none stands, the least.
_RULES: Mapping[str, Callable[[Any, Any], Any]] = {
    "ended_at": max,
    "status": _further,
    "query_ids": _both,
}


def _instant(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


__all__ = ["MATERIALIZATIONS", "RUNS", "arrow", "materialization_rows", "merge", "run_rows"]
