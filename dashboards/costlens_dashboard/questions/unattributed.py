"""What is nobody's and is no query's and no object's: idle, overhead and the like, which a policy spreads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir


SHARED = ("idle", "overhead", "adjustment")


def other(rows: ir.Table) -> ir.Table:
    """Return source, category, pool, cost of money that has neither asset nor team and is shared by nature, over the cube."""
    mine = rows.filter(rows.category.isin(SHARED) & rows.asset.isnull() & rows.team.isnull())
    grouped = mine.group_by("source", "category", "pool").agg(cost=mine.cost.sum())
    return grouped.filter(grouped.cost > 0).order_by(ibis.desc("cost")).limit(300)
