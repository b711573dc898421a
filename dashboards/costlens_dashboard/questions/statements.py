"""Shapes and queries: what they cost, why they are whose they are, where they stand in the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY

if TYPE_CHECKING:
    import ibis.expr.types as ir

SHAPES, QUERIES = 200, 200


def shapes(rows: ir.Table, asset: str | None = None) -> ir.Table:
    """Return the dearest shapes over `daily`: cost, queries, seconds, and who and what they belong to."""
    mine = rows.filter((rows.category == "query") & rows["shape"].notnull())
    if asset is not None:
        mine = mine.filter(mine.asset == asset)
    # First which, then all of these: to count whose each of a million shapes is takes three times as long.
    sums = mine.group_by("shape").agg(cost=mine.cost.sum())
    dearest = sums.order_by(ibis.desc("cost"), "shape").limit(SHAPES)
    mine = mine.semi_join(dearest, "shape")
    grouped = mine.group_by("shape").agg(
        cost=mine.cost.sum(),
        queries=mine.queries.sum(),
        seconds=mine.seconds.sum(),
        bytes=mine.bytes.sum(),
        team=mine.team.max(),
        teams=mine.team.nunique(),
        asset=mine.asset.max(),
        assets=mine.asset.nunique(),
        method=mine.method.max(),
        purpose=mine.purpose.max(),
        user=mine.user.max(),
        users=mine.user.nunique(),
        pool=mine.pool.max(),
        source=mine.source.max(),
        last=mine.day.max(),
    )
    return grouped.order_by(ibis.desc("cost"), "shape").limit(SHAPES)


def texts(table: ir.Table, wanted: tuple[str, ...]) -> ir.Table:
    """Return shape and masked text."""
    rows = table.filter(table.shape.isin(wanted) & table["text"].notnull())
    return rows.group_by("shape").agg(text=rows["text"].min())


def queries(
    asked: ir.Table, charges: ir.Table, told: ir.Table, shape: str | None, asset: str | None, status: str | None = None
) -> ir.Table:
    """Return the dearest queries: cost of their charges, how long and where they ran, and their attribution with its evidence."""
    if asset is not None:
        told = told.filter(told.asset == asset)
    if shape is not None:
        asked = asked.filter(asked["shape"] == shape)
    if status is not None:
        asked = asked.filter(asked.status == status)
    paid = charges.group_by("query_id").agg(cost=charges.cost.sum())
    # First which, over as few columns as tell, then all that is known of these: texts of evidence are heavy to sort.
    few = told.select("subject_id", "share").inner_join(paid, [("subject_id", "query_id")])
    if shape is not None or status is not None:
        few = few.semi_join(asked, "query_id")
    few = few.mutate(part=few.cost.cast("float64") * few.share)
    dearest = few.order_by(ibis.desc("part"), "query_id").limit(QUERIES).select("query_id", "cost").distinct()
    told = told.semi_join(dearest, told.subject_id == dearest.query_id)
    told = told.select(
        "subject_id", "asset", "team", "share", "method", "confidence", "evidence", "environment", "purpose", "code_ref"
    )
    mine = asked.inner_join(told, asked.query_id == told.subject_id).drop("subject_id")
    rows = mine.inner_join(dearest, "query_id")
    rows = rows.mutate(cost=rows.cost.cast("float64") * rows.share)
    columns = (
        "query_id",
        "cost",
        "source",
        "pool",
        "pool_size",
        "user",
        "role",
        "status",
        "error",
        "shape",
        "statement_type",
    )
    found = rows.select(
        *columns,
        *("asset", "team", "share", "method", "confidence", "evidence", "environment", "purpose", "code_ref"),
        "started_at",
        "bytes_scanned",
        seconds=rows.execution_ms / 1000.0,
        queued=rows.queued_ms.fill_null(0) / 1000.0,
    )
    return found.order_by(ibis.desc("cost"), "query_id").limit(QUERIES)


def statements_of(
    asked: ir.Table, charges: ir.Table, told: ir.Table, asset: str, purpose: str, since: int, until: int
) -> ir.Table:
    """Return when an asset's statements of a purpose that began on days [since, until) ran, how long and how they ended, the latest."""
    began = asked.started_at // MICROSECONDS_PER_DAY
    asked = asked.filter((began >= since) & (began < until))
    mine = told.filter((told.asset == asset) & (told.purpose == purpose)).select("subject_id").distinct()
    rows = asked.inner_join(mine, asked.query_id == mine.subject_id)
    found = rows.select("query_id", "status", "started_at", seconds=rows.execution_ms / 1000.0)
    return found.order_by(ibis.desc("started_at")).limit(5_000)
