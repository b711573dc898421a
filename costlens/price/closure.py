"""Which days a change reaches: queries tie the days they touch to each other, nothing else does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.price.times import Materialise, Steps, day_of, split

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Closure:
    """`write`: the days whose charges may differ; `read`: the days whose facts (by their `day`) those depend on."""

    write: frozenset[int]
    read: frozenset[int]


def closure(dirty: Collection[int], spans: Iterable[tuple[int, int]], *, calendar: str = "UTC") -> Closure:
    """Return the days to price and the days to read for `dirty` days.

    `spans` are the distinct (first, last) UTC days of queries that touch more than one (see `query_spans`), before and after
    the change. Days to price: the dirty ones and all days of queries that touch one; days to read: those and all days of
    queries that touch one of those. Where the billing calendar is not UTC, a billing day shares hours with its neighbours.
    """
    spans = [(first, last) for first, last in spans if first < last]
    write = _reach(set(dirty), spans)
    if calendar != "UTC":
        # The adjustment of a billing day depends on the charges of the UTC days beside it.
        write = _beside(write)
    return Closure(frozenset(write), needed(write, spans, calendar=calendar))


def needed(days: Collection[int], spans: Iterable[tuple[int, int]], *, calendar: str = "UTC") -> frozenset[int]:
    """Return the days whose facts the charges of `days` depend on: those, and all days of queries that touch one.

    Of these days all queries are needed, and a query is filed under the day it ended: those that run on from them too.
    """
    spans = list(spans)
    read = _reach(set(days) if calendar == "UTC" else _beside(days), spans)
    return frozenset(read | {last for first, last in spans if any(day in read for day in range(first, last + 1))})


def _beside(days: Collection[int]) -> set[int]:
    return {day + step for day in days for step in (-1, 0, 1)}


def _reach(days: set[int], spans: Iterable[tuple[int, int]]) -> set[int]:
    reached = set(days)
    for first, last in spans:
        if any(day in days for day in range(first, last + 1)):
            reached.update(range(first, last + 1))
    return reached


def query_spans(queries: ir.Table) -> ir.Table:
    """Return the distinct (first_day, last_day) of queries that touch more than one UTC day: small whatever the queries."""
    ends = _ends(queries)
    return ends.filter(ends.first_day < ends.last_day).select("first_day", "last_day").distinct()


def touched_days(queries: ir.Table, materialise: Materialise) -> ir.Table:
    """Return query_id and day for each UTC day that a query touches with its execution (its end included)."""
    ends = _ends(queries)
    spans = ends.select("query_id", a=ends.first_day.cast("int64") * DAY, b=(ends.last_day.cast("int64") + 1) * DAY)
    pieces = split(spans, DAY, Steps(materialise))
    return pieces.select("query_id", day=day_of(pieces["at"]))


def _ends(queries: ir.Table) -> ir.Table:
    begun = ibis.coalesce(queries.started_at, queries.ended_at)
    begun = ibis.ifelse(begun < queries.ended_at, begun, queries.ended_at)
    return queries.select("query_id", first_day=day_of(begun), last_day=day_of(queries.ended_at))
