"""The series of one anomaly: its cost by day, and the `daily` rows whose change is decomposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.anomaly.decompose import COLUMNS
from costlens.anomaly.ledger_series import LEFT_OUT, SHARED

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SUMS = ("units", "cost", "queries", "seconds", "bytes")


def of(rows: ir.Table, kind: str, key: str) -> ir.Table:
    """Return the rows, with team, that a series of a kind is made of."""
    if kind == "unattributed":
        return rows.filter(rows.asset.isnull() & rows.team.isnull() & rows.category.notin(list(SHARED)))
    return rows.filter(rows[kind] == key)


def by_day(rows: ir.Table, kind: str, key: str) -> ir.Table:
    """Return day, cost: of what a series is made of, what says how the bill was reckoned left out."""
    mine = of(rows, kind, key)
    mine = mine.filter(mine.category.notin(list(LEFT_OUT)))
    return mine.group_by("day").agg(cost=mine.cost.sum()).order_by("day")


def work(rows: ir.Table, kind: str, key: str, first: int, until: int) -> ir.Table:
    """Return the sums that a decomposition takes, `is_after` telling the days from `first` on from those before."""
    mine = of(rows, kind, key).mutate(is_after=rows.day >= first)
    mine = mine.filter(mine.day < until)
    keys = ["is_after", *(name for name in COLUMNS if name not in _SUMS)]
    grouped = mine.group_by(keys).agg(**{name: mine[name].sum().cast(mine[name].type()) for name in _SUMS})
    return grouped.filter((grouped.cost != 0) | (grouped.queries != 0) | ibis.literal(False))
