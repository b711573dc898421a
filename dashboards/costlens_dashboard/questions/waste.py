"""What money goes where nobody would miss it: the counts and costs behind the Waste page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir


def use(rows: ir.Table) -> ir.Table:
    """Return a row per asset: what builds, tests and keeping it cost, and how often it was built and read."""
    zero = ibis.literal(0).cast("decimal(38, 12)")
    mine = rows.filter(rows.asset.notnull())
    query = mine.category == "query"

    def cost(condition: ir.Value) -> ir.Value:
        return ibis.ifelse(condition, mine.cost, zero).sum()

    def count(purpose: str) -> ir.Value:
        return ibis.ifelse(query & (mine.purpose == purpose), mine.queries, 0.0).sum()

    return mine.group_by("asset").agg(
        team=mine.team.max(),
        builds=cost(query & (mine.purpose == "build")),
        storage=cost(mine.category == "storage"),
        built=count("build"),
        read=count("read"),
        built_days=ibis.ifelse(query & (mine.purpose == "build"), mine.day, ibis.null("int32")).nunique(),
    )


def testing(rows: ir.Table) -> ir.Table:
    """Return kind (tests, ci, development), team, cost, queries of what is not production's building and reading."""
    kind = ibis.cases(
        (rows.environment == "ci", "ci"),
        (rows.environment == "development", "development"),
        (rows.purpose == "test", "tests"),
    )
    mine = rows.filter(rows.category == "query").mutate(kind=kind)
    mine = mine.filter(mine.kind.notnull())
    return mine.group_by("kind", "team").agg(cost=mine.cost.sum(), queries=mine.queries.sum())


def failed(asked: ir.Table, charges: ir.Table, told: ir.Table) -> ir.Table:
    """Return asset, team, shape, cost and counts of statements that failed, and how many of the shape succeeded."""
    told = told.select("subject_id", "asset", "team", "share")
    paid = charges.group_by("query_id").agg(cost=charges.cost.sum())
    rows = asked.inner_join(told, asked.query_id == told.subject_id).inner_join(paid, "query_id")
    fails = rows.status == "failed"
    cost = rows.cost.cast("float64") * rows.share
    grouped = rows.group_by("asset", "team", "shape").agg(
        cost=ibis.ifelse(fails, cost, 0.0).sum(),
        failed=ibis.ifelse(fails, 1, 0).sum(),
        ran=rows.count(),
        user=rows.user.max(),
    )
    return grouped.filter((grouped.failed > 0) & (grouped.cost > 0)).order_by(ibis.desc("cost")).limit(300)
