"""What is nobody's and is no query's and no object's: idle, overhead and the like, which a policy spreads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.unattributed import ALLOCATED

if TYPE_CHECKING:
    import ibis.expr.types as ir


def other(rows: ir.Table) -> ir.Table:
    """Return source, category, pool, cost of money that has neither asset nor team and is shared by nature, over the cube."""
    mine = rows.filter(rows.category.isin(ALLOCATED) & rows.asset.isnull() & rows.team.isnull())
    # What the bill adds here it takes away there: adjustments are one sum, or their losing half would look like spend.
    pool = ibis.ifelse(mine.category == "adjustment", ibis.null("string"), mine.pool)
    grouped = mine.group_by("source", "category", pool=pool).agg(cost=mine.cost.sum())
    return grouped.filter(grouped.cost > 0).order_by(ibis.desc("cost")).limit(300)
