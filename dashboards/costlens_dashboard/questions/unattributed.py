"""What is nobody's, by what a rule could name: the ranking behind the Unattributed page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir


def queries(rows: ir.Table) -> ir.Table:
    """Return user, role, pool, source, cost, queries of query money that has neither asset nor team, over `daily`."""
    mine = rows.filter((rows.category == "query") & rows.asset.isnull() & rows.team.isnull())
    grouped = mine.group_by("source", "user", "role", "pool").agg(
        cost=mine.cost.sum(),
        queries=mine.queries.sum(),
        shapes=mine.shape.nunique(),
        last=mine.day.max(),
    )
    return grouped.filter(grouped.cost > 0).order_by(ibis.desc("cost")).limit(300)


def other(rows: ir.Table) -> ir.Table:
    """Return category, pool, object, source, cost of all other money that has neither asset nor team, over `daily`."""
    mine = rows.filter((rows.category != "query") & rows.asset.isnull() & rows.team.isnull())
    mine = mine.mutate(service=ibis.ifelse(mine.pool.notnull(), ibis.null("string"), mine.service))
    grouped = mine.group_by("source", "category", "service", "pool", "object").agg(
        cost=mine.cost.sum(), last=mine.day.max()
    )
    return grouped.filter(grouped.cost > 0).order_by(ibis.desc("cost")).limit(300)
