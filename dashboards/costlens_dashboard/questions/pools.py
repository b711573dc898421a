"""Pools by hour: own, idle by cause, queueing; and what another auto-suspend or size would have cost, from the real intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

HOUR = 3_600_000_000
SECOND = 1_000_000


def costs(rows: ir.Table) -> ir.Table:
    """Return a row per pool and source: own, idle and its causes, all it cost, queries and seconds."""
    mine = rows.filter(rows.pool.notnull() & rows.category.isin(["query", "idle", "overhead", "acceleration"]))
    zero = ibis.literal(0).cast("decimal(38, 12)")
    idle = mine.category == "idle"

    def cause(*names: str) -> ir.Value:
        return ibis.ifelse(idle & mine.cause.isin(names), mine.cost, zero).sum()

    grouped = mine.group_by("source", "pool").agg(
        cost=mine.cost.sum(),
        own=ibis.ifelse(mine.category == "query", mine.cost, zero).sum(),
        idle=ibis.ifelse(idle, mine.cost, zero).sum(),
        tail=cause("suspend tail"),
        minimum=cause("minimum"),
        gap=cause("gap"),
        queries=mine.queries.sum(),
        seconds=mine.seconds.sum(),
        teams=mine.team.nunique(),
    )
    return grouped.order_by(ibis.desc("cost"), "pool")


def queued(queries: ir.Table) -> ir.Table:
    """Return a row per pool and source: seconds that queries waited, and how many waited longer than a second."""
    rows = queries.filter(queries.pool.notnull() & (queries.queued_ms > 0))
    return rows.group_by("source", "pool").agg(
        waited=rows.queued_ms.sum() / 1000.0,
        waiting=ibis.ifelse(rows.queued_ms > 1000, 1, 0).sum(),
    )


def hours(charges: ir.Table, source: str, pool: str) -> ir.Table:
    """Return hour, name, cost of one pool: its own, and idle by cause."""
    mine = charges.filter((charges.source == source) & (charges.pool == pool) & charges.hour.notnull())
    mine = mine.filter(mine.category.isin(["query", "idle"]))
    mine = mine.mutate(name=ibis.ifelse(mine.category == "query", "own", mine.cause.fill_null("idle")))
    return mine.group_by("hour", "name").agg(cost=mine.cost.sum()).order_by("hour")


def queue(queries: ir.Table, source: str, pool: str) -> ir.Table:
    """Return hour, waited seconds of one pool."""
    mine = queries.filter((queries.source == source) & (queries.pool == pool) & (queries.queued_ms > 0))
    mine = mine.mutate(hour=(mine.started_at / HOUR).floor().cast("int64") * HOUR)
    return mine.group_by("hour").agg(waited=mine.queued_ms.sum() / 1000.0).order_by("hour")


def intervals(queries: ir.Table, suspends: tuple[int, ...]) -> ir.Table:
    """Return a row per pool: its kind, seconds that something ran, how long it would idle with each auto-suspend (`s60`, …), starts.

    A pool that has nothing to do for longer than its auto-suspend stops after it and starts anew, for 60 s at least: what
    Snowflake bills. One cluster is assumed.
    """
    rows = queries.filter(
        queries.pool_id.notnull() & queries.pool_kind.isin(["standard", "reservation"]) & (queries.execution_ms > 0)
    ).select("source", "pool", "pool_kind", "started_at", "ended_at")
    order = ibis.window(group_by=["source", "pool"], order_by=["started_at", "ended_at"], preceding=(None, 1))
    rows = rows.mutate(before=rows.ended_at.max().over(order))
    gap = ibis.ifelse(rows.before.isnull(), None, (rows.started_at - rows.before) / float(SECOND))
    grown = (rows.ended_at - ibis.ifelse(rows.before > rows.started_at, rows.before, rows.started_at)) / float(SECOND)
    rows = rows.mutate(gap=ibis.ifelse(gap > 0, gap, 0.0), ran=ibis.ifelse(grown > 0, grown, 0.0))
    return rows.group_by("source", "pool").agg(
        kind=rows.pool_kind.max(),
        ran=rows.ran.sum(),
        **{f"s{limit}": ibis.ifelse(rows.gap > limit, float(limit), rows.gap).sum() for limit in suspends},
        **{f"n{limit}": ibis.ifelse((rows.gap > limit) | rows.before.isnull(), 1, 0).sum() for limit in suspends},
    )


def metered(metering: ir.Table, queries: ir.Table) -> ir.Table:
    """Return a row per pool: units metered (credits, slot-hours), and the size its queries ran on longest."""
    rows = metering.filter(metering.unit.isin(["credits", "slot-hours"]))
    units = rows.group_by("source", "pool").agg(units=rows.units.sum(), hours=rows.hour.nunique())
    sizes = queries.filter(queries.pool_size.notnull() & queries.pool.notnull())
    sizes = sizes.group_by("source", "pool", "pool_size").agg(seconds=sizes.execution_ms.sum())
    best = sizes.group_by("source", "pool").agg(size=sizes.pool_size.argmax(sizes.seconds))
    return units.left_join(best, ["source", "pool"]).drop("source_right", "pool_right")
