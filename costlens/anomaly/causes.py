"""Gathers what one cause did to many series: the narrowest names it (asset before team before source), the others are told with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costlens.anomaly.events import Event
from costlens.anomaly.so_far import SoFar

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

#: Narrow first: what stands earlier explains what stands later. An asset is the name that people know a cause by.
NARROWNESS = ("asset", "shape", "user", "unattributed", "pool", "team", "source")
#: A narrow series explains a wide one when it has this share of the wide one's money, and this share of its own lies within it.
OF_THE_WIDE = 0.4
WITHIN = 0.6


@dataclass(frozen=True)
class Candidate:
    """An event of one series of the ledger, with the days (since 1970) that it lasted."""

    kind: str
    key: str
    source: str
    currency: str
    event: Event
    first: int
    last: int
    so_far: SoFar | None = None
    """Of a day that is not over, judged by the hour."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.key}"


@dataclass(frozen=True)
class Cause:
    """What is told as one anomaly: the candidate that names it, and the others that it explains."""

    main: Candidate
    also: tuple[Candidate, ...] = ()


def grouped(engine: Engine, spent: ir.Table, found: Sequence[Candidate]) -> list[Cause]:
    """Return causes, each candidate in one of them."""
    ordered = sorted(found, key=lambda one: (NARROWNESS.index(one.kind), -abs(one.event.money), one.key))
    causes: list[tuple[Candidate, list[Candidate]]] = []
    for one in ordered:
        for main, also in causes:
            if _explains(engine, spent, main, one):
                also.append(one)
                break
        else:
            causes.append((one, []))
    return [Cause(main, tuple(also)) for main, also in causes]


def _explains(engine: Engine, spent: ir.Table, narrow: Candidate, wide: Candidate) -> bool:
    """Tell whether a wide event is the narrow one seen from farther away."""
    if narrow.currency != wide.currency or (narrow.source and wide.source and narrow.source != wide.source):
        return False
    days = range(max(narrow.first, wide.first), min(narrow.last, wide.last) + 1)
    if not days or narrow.kind == wide.kind:
        return False
    own, common = _costs(engine, spent, narrow, wide, days)
    if (narrow.event.money < 0) != (wide.event.money < 0):
        # What moved from one shape to another, or from one pool to another, of the same asset is one cause.
        return (
            wide.kind in ("shape", "pool")
            and narrow.kind == "asset"
            and narrow.event.money > 0
            and _same_asset(engine, spent, narrow, wide)
        )
    share = abs(narrow.event.money) / max(abs(wide.event.money), 1e-9)
    return share >= OF_THE_WIDE and common >= WITHIN * own


def _costs(engine: Engine, spent: ir.Table, narrow: Candidate, wide: Candidate, days: range) -> tuple[float, float]:
    """Return what the narrow series cost on the days, and how much of it is the wide one's too."""
    mine = spent.filter(is_of(spent, narrow) & spent.day.between(days.start, days.stop - 1))
    both = mine.filter(is_of(mine, wide))
    row = engine.rows(mine.aggregate(own=mine.cost.sum()))[0], engine.rows(both.aggregate(own=both.cost.sum()))[0]
    return row[0]["own"] or 0.0, row[1]["own"] or 0.0


def _same_asset(engine: Engine, spent: ir.Table, asset: Candidate, other: Candidate) -> bool:
    """Tell whether most of another series' past cost was the asset's."""
    theirs = spent.filter(is_of(spent, other) & (spent.day < other.first) & (spent.day >= other.first - 28))
    both = theirs.filter(is_of(theirs, asset))
    whole = engine.rows(theirs.aggregate(cost=theirs.cost.sum()))[0]["cost"] or 0.0
    return whole > 0 and (engine.rows(both.aggregate(cost=both.cost.sum()))[0]["cost"] or 0.0) >= WITHIN * whole


def is_of(rows: ir.Table, one: Candidate) -> Any:
    """Return which rows of cost are of a candidate's series."""
    chosen = (rows[one.kind] == one.key) & (rows.currency == one.currency)
    return chosen & (rows.source == one.source) if one.source else chosen
