"""What assets cost, and of what."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

SERVERLESS = ("serverless", "ingest", "ai", "acceleration", "transfer", "other")
BUCKETS = 15
"""Points of a sparkline."""


def _part(rows: ir.Table, condition: ir.Value) -> ir.Value:
    return ibis.ifelse(condition, rows.cost, ibis.literal(0).cast("decimal(38, 12)")).sum()


def costs(rows: ir.Table, since: int, until: int) -> ir.Table:
    """Return a row per asset: cost and its parts, statements, what idle of its pools is its share, and a sparkline.

    The share of idle is an estimate for reading, no charge: a pool's idle over its queries by their own cost.
    """
    edges = _edges(since, until)
    few = _folded(rows, edges)
    idle = few.filter(few.category == "idle").group_by("source", "pool").agg(idle=lambda t: t.cost.sum())
    own = few.filter(few.category == "query").group_by("source", "pool").agg(own=lambda t: t.cost.sum())
    ratio = own.inner_join(idle, ["source", "pool"])
    ratio = ratio.filter(ratio.own > 0).select(
        "source", "pool", ratio=ratio.idle.cast("float64") / ratio.own.cast("float64")
    )
    joined = few.filter(few.asset.notnull()).left_join(ratio, ["source", "pool"]).drop("source_right", "pool_right")
    ran = (joined.category == "query") & joined.ratio.notnull()
    query = joined.category == "query"
    amount = joined.cost.cast("float64")
    trend = {
        f"b{n}": ibis.ifelse(joined.bucket == n, amount, 0.0).sum() / (after - first)
        for n, (first, after) in enumerate(pairwise(edges))
    }
    grouped = joined.group_by("asset").agg(
        team=joined.team.max(),
        sources=joined.source.nunique(),
        source=joined.source.max(),
        cost=joined.cost.sum(),
        builds=_part(joined, query & (joined.purpose == "build")),
        tests=_part(joined, query & (joined.purpose == "test")),
        reads=_part(joined, query & (joined.purpose == "read")),
        storage=_part(joined, joined.category == "storage"),
        serverless=_part(joined, joined.category.isin(SERVERLESS)),
        waits=ibis.ifelse(ran, amount * joined.ratio, 0.0).sum(),
        queries=joined.queries.sum(),
        runs=joined.runs.sum(),
        **trend,
    )
    return grouped.mutate(trend=ibis.array([grouped[name] for name in trend])).drop(*trend).order_by(ibis.desc("cost"))


def _edges(since: int, until: int) -> list[int]:
    """Cut [since, until) into fifteen even parts of whole days, or into days where there are fewer."""
    days = max(until - since, 1)
    return sorted({since + days * n // min(BUCKETS, days) for n in range(min(BUCKETS, days))} | {until})


def _folded(rows: ir.Table, edges: list[int]) -> ir.Table:
    """Return the sums by all that the parts are told by: one pass over many rows, all else is over few."""
    bucket = ibis.cases(*((rows.day < after, n) for n, after in enumerate(edges[1:])), else_=len(edges))
    keyed = rows.mutate(bucket=bucket)
    return keyed.group_by("source", "pool", "asset", "team", "category", "purpose", "bucket").agg(
        cost=keyed.cost.sum(), queries=keyed.queries.sum(), runs=keyed.runs.sum()
    )


def one_by_day(rows: ir.Table, asset: str) -> ir.Table:
    """Return day, name, cost of one asset: queries by purpose, the rest by category."""
    mine = rows.filter(rows.asset == asset)
    mine = mine.mutate(name=ibis.ifelse(mine.category == "query", mine.purpose.fill_null("query"), mine.category))
    return mine.group_by("day", "name").agg(cost=mine.cost.sum()).filter(lambda t: t.cost != 0)


def runs_of(materializations: ir.Table, names: Collection[str]) -> ir.Table:
    """Return the runs of one asset, latest first; `names` are those that orchestrators call it by."""
    rows = materializations.filter(materializations.asset.isin(list(names)))
    return (
        rows.select(
            "run_id",
            "partition",
            "orchestrator",
            "status",
            "started_at",
            seconds=(rows.ended_at - rows.started_at) / 1_000_000,
        )
        .order_by(ibis.desc("started_at"))
        .limit(5_000)
    )
