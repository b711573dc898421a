"""What each query used of each pool-hour: the vendor's weights where there are any, time share for the rest.

Money comes from metering: whatever the weights say, the parts of a pool-hour plus its idle add up to what was metered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.money import exact
from costlens.price.times import Steps, day_of, split
from costlens.price.timeshare import Shares

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing


def weigh(
    facts: Mapping[str, ir.Table], shares: Shares, billing: Billing, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return the weights on `days`: pool_id, hour, day, query_id, g (time share in 1/UNIT), known, v (vendor's units or null).

    A query whose vendor figure comes by the hour is described by it alone; a figure for the whole query is spread over
    the query's hours by its time share (by wall clock where that is nothing); a query without a figure has its time share.
    """
    usage = facts["query_usage"].filter(facts["query_usage"].unit == billing.pool_unit)
    hourly = usage.filter(usage.hour.notnull())
    by_hour = hourly.group_by("pool_id", "hour", "query_id").agg(v=exact(exact(hourly.units).sum()))
    by_hour = by_hour.select("pool_id", "hour", "query_id", day=day_of(by_hour.hour), v="v")
    described = materialise(hourly.select("query_id").distinct(), "described")
    whole = _whole(facts, usage, described, days, materialise)
    parts = _fractions(shares.parts.anti_join(described, "query_id"))
    met = parts.filter(parts.day.isin(sorted(days))).left_join(whole, "query_id")
    spread = met.select(*("pool_id", "hour", "day", "query_id", "g", "known"), v=exact(met.units * met.fraction))
    alone = materialise(whole.anti_join(shares.parts, "query_id"), "alone")  # none of those is described
    direct = ibis.union(by_hour, _by_clock(alone, materialise))
    direct = direct.filter(direct.day.isin(sorted(days)) & direct.pool_id.notnull())
    direct = direct.select(
        *("pool_id", "hour", "day", "query_id"),
        g=ibis.literal(0.0),
        known=ibis.literal(True),
        v=exact(direct.v),
    )
    return materialise(ibis.union(spread, direct), "weights")


def _whole(
    facts: Mapping[str, ir.Table], usage: ir.Table, described: ir.Table, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return query_id, own_pool_id, started_at, ended_at and units of the figures that are for whole queries.

    A job of a reservation that the timeline does not show has at least its slot time.
    """
    touches = (usage.ended_at >= min(days) * DAY) & (usage.started_at < (max(days) + 1) * DAY)
    told = usage.filter(usage.hour.isnull() & usage.units.notnull() & touches.fill_null(True))
    told = told.anti_join(described, "query_id")
    told = told.group_by("query_id").agg(
        own_pool_id=told.pool_id.max(),
        started_at=told.started_at.min(),
        ended_at=told.ended_at.max(),
        units=exact(told.units).sum().cast("float64"),
    )
    told = materialise(told, "whole")
    jobs = facts["queries"]
    jobs = jobs.filter((jobs.pool_kind == "reservation") & jobs.pool_id.notnull() & (jobs.slot_ms > 0))
    slots = jobs.select(
        query_id="query_id",
        own_pool_id="pool_id",
        started_at="started_at",
        ended_at="ended_at",
        units=jobs.slot_ms.cast("float64") / 3_600_000,
    )
    return ibis.union(told, slots.anti_join(described, "query_id").anti_join(told, "query_id"))


def _fractions(parts: ir.Table) -> ir.Table:
    """Add what fraction of its query's figure belongs to each part: 1, or by time share where the query crosses hours."""
    columns = ("pool_id", "hour", "day", "query_id", "g", "known")
    crossing = parts.filter(parts.crosses)
    totals = crossing.group_by("query_id").agg(g_all=crossing.g.sum(), time_all=(crossing.b - crossing.a).sum())
    joined = crossing.join(totals, "query_id")
    by_share = joined.g / joined.g_all
    by_time = (joined.b - joined.a).cast("float64") / joined.time_all.cast("float64")
    split_up = joined.select(*columns, fraction=ibis.ifelse(joined.g_all > 0, by_share, by_time))
    single = parts.filter(~parts.crosses).select(*columns, fraction=ibis.literal(1.0))
    return ibis.union(single, split_up)


def _by_clock(alone: ir.Table, materialise: Steps) -> ir.Table:
    """Spread figures of queries that ran in no pool we know of over the hours of their own span."""
    end = ibis.coalesce(alone.ended_at, alone.started_at)
    begin = ibis.coalesce(alone.started_at, alone.ended_at)
    spans = alone.filter(end.notnull()).select(
        query_id="query_id", pool_id="own_pool_id", units="units", a=ibis.ifelse(begin < end, begin, end - 1), b=end
    )
    spans = spans.mutate(length=spans.b - spans.a)
    pieces = split(spans, HOUR, materialise)
    share = (pieces.b - pieces.a).cast("float64") / pieces.length.cast("float64")
    return pieces.select(
        "pool_id", hour="at", query_id="query_id", day=day_of(pieces["at"]), v=exact(pieces.units * share)
    )
