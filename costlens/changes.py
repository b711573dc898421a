"""Compares what a pull brought with what the ledger holds: which days to write anew, and which days' money they may change."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from costlens.engine import Engine
from costlens.ingest import Staged
from costlens.model import MICROSECONDS_PER_DAY, SHAPES, TABLES, Table
from costlens.windows import Window, microseconds, within

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Stored rows of a table on some days (None: all).
Stored = Callable[[str, "Collection[int] | None"], "ir.Table"]


_BOTH_WAYS = (("old", "new"), ("new", "old"))


@dataclass
class Change:
    """What changed in one fact table: `days` to be written anew with `rows`, `dirty` days whose money may change."""

    days: set[int] = field(default_factory=set)
    dirty: set[int] = field(default_factory=set)
    rows: ir.Table | None = None
    count: int = 0
    """Rows that were brought for the changed days."""


def change_of(engine: Engine, stored: Stored, staged: Staged, name: str) -> Change:
    """Return the change that the staged feeds of a fact table make.

    A pull answers for the rows of its own feed within its window, for nothing else: the others of a day stay as they are.
    A query makes every day dirty that it touches, any other fact its own.
    """
    table, change = TABLES[name], Change()
    kept: list[Callable[[ir.Table], ir.BooleanValue]] = []
    brought: list[ir.Table] = []
    for feed, paths in staged.feeds(name).items():
        window = staged.windows[feed]
        before = stored(name, _days(window))
        before = before.filter((before.feed == feed) & within(before, name, window))
        after = engine.files(table, paths)
        if name == SHAPES.name:
            after = _merged_shapes(engine, before, after)
        old = _digests(engine, table, before)
        new = _digests(engine, table, after, compared=bool(old))
        days = {day for day in old.keys() | new.keys() if old.get(day) != new.get(day)}
        if days:
            change.count += sum(new[day][0] for day in days & new.keys())
            change.days |= days
            change.dirty |= _touched(engine, table, before, after, days, is_new=not days & old.keys())
        kept.append(_answered_by(name, feed, window))
        brought.append(after)
    if change.days:
        old = stored(name, change.days)
        outside = old.filter(~reduce(or_, [answered(old) for answered in kept]).fill_null(False))
        rows = ibis.union(outside.select(*table.names), *(rows.select(*table.names) for rows in brought))
        change.rows = rows.filter(rows.day.isin(sorted(change.days)))
    return change


def _answered_by(name: str, feed: str, window: Window) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda rows: (rows.feed == feed) & within(rows, name, window)


def _days(window: Window) -> range:
    first = microseconds(window.since) // MICROSECONDS_PER_DAY
    last = (microseconds(window.until) - 1) // MICROSECONDS_PER_DAY
    # A fact's day may lie a day beside its time (a billing day of another zone, an hour of a query that ended later).
    return range(first - 1, last + 2)


def _digests(
    engine: Engine, table: Table, rows: ir.Table, *, compared: bool = True
) -> dict[int, tuple[int, int | None]]:
    """Return count and digest of each day's rows, the digest null where it is not `compared`; it does not depend on their order."""
    columns = ", ".join(f'"{name}"' for name in table.names)
    digest = f"sum(hash({columns})::hugeint)" if compared else "null"
    found = engine.connection.execute(
        f"select day, count(*), {digest} from ({engine.sql(rows)}) group by day"
    ).fetchall()
    return {day: (count, digest) for day, count, digest in found}


def _touched(
    engine: Engine, table: Table, before: ir.Table, after: ir.Table, days: set[int], *, is_new: bool
) -> set[int]:
    """Return the days that the differing rows of `days` touch: a query every day it ran on, other facts their own."""
    if table.name not in {"queries", "query_usage"}:
        return days
    old, new = (_spans(engine, table, rows, days) for rows in (before, after))
    alone = " union all ".join(f"from {one} anti join {other} using (row, first, last)" for one, other in _BOTH_WAYS)
    spans = engine.connection.execute(
        f"with old as ({old}), new as ({new}) select distinct first, last, day from ({'from new' if is_new else alone})"
    ).fetchall()
    return {day for first, last, own in spans for day in (*range(first, last + 1), own)}


def _spans(engine: Engine, table: Table, rows: ir.Table, days: set[int]) -> str:
    """Return SQL for the digest of each row of `days`, its day, and the first and the last day that it touches."""
    chosen = rows.filter(rows.day.isin(sorted(days)))
    midnight = chosen.day.cast("int64") * MICROSECONDS_PER_DAY
    start = ibis.coalesce(chosen.started_at, chosen.ended_at, midnight)
    end = ibis.coalesce(chosen.ended_at, midnight)
    spans = chosen.mutate(touches_first=start // MICROSECONDS_PER_DAY, touches_last=end // MICROSECONDS_PER_DAY)
    columns = ", ".join(f'"{name}"' for name in table.names)
    return (
        f"select hash({columns}) as row, day, touches_first as first, touches_last as last from ({engine.sql(spans)})"
    )


def _merged_shapes(engine: Engine, before: ir.Table, after: ir.Table) -> ir.Table:
    """Keep every shape once seen: its sample is the least query id, of texts told for it the least, whichever pull brought it."""
    keys = ["source", "day", "feed", "shape", "database", "schema"]
    both = ibis.union(before.select(*SHAPES.names), after.select(*SHAPES.names))
    first = both.query_id.concat("\n", both.text)
    merged = both.group_by(keys).agg(text=both.text.argmin(first), query_id=both.query_id.min())
    return engine.materialise(merged.select(*SHAPES.names), "shapes")
