"""What money goes where nobody would miss it: the counts and costs behind the Waste page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir


#: Microseconds within which the same statement of the same user is another try.
RETRY_WITHIN = 3_600_000_000


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
    """Return a row per asset and team with statements that failed: their cost, how many failed, how many ran of their shapes,
    how many were tried again within an hour (the next of their shape by the same user), and how many of these went well.
    """
    told = told.select("subject_id", "asset", "team", "share")
    paid = charges.group_by("query_id").agg(cost=charges.cost.sum())
    rows = _next(asked)
    rows = rows.inner_join(told, rows.query_id == told.subject_id)
    rows = rows.left_join(paid, "query_id")
    fails = rows.status == "failed"
    again = fails & (rows.next_at - rows.started_at <= RETRY_WITHIN)
    cost = rows.cost.fill_null(0).cast("float64") * rows.share
    grouped = rows.group_by("asset", "team").agg(
        cost=ibis.ifelse(fails, cost, 0.0).sum(),
        failed=ibis.ifelse(fails, 1, 0).sum(),
        ran=rows.count(),
        retried=ibis.ifelse(again, 1, 0).sum(),
        recovered=ibis.ifelse(again & (rows.next_status == "success"), 1, 0).sum(),
    )
    return grouped.filter((grouped.failed > 0) & (grouped.cost > 0)).order_by(ibis.desc("cost"), "asset").limit(300)


def _next(asked: ir.Table) -> ir.Table:
    """Return the queries of shapes that failed at least once, with when the next of shape and user began and how it ended."""
    rows = asked.filter(asked["shape"].notnull()).select("query_id", "source", "shape", "user", "started_at", "status")
    bad = rows.filter(rows.status == "failed").select("source", "shape").distinct()
    rows = rows.semi_join(bad, ["source", "shape"])
    order = ibis.window(group_by=["source", "shape", "user"], order_by=["started_at", "query_id"])
    return rows.select(
        "query_id",
        "started_at",
        "status",
        next_at=rows.started_at.lead().over(order),
        next_status=rows.status.lead().over(order),
    )
