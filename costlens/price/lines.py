"""Lines that price themselves: usage lines, jobs billed by bytes, and query acceleration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.line import line
from costlens.price.money import exact, rated, zero
from costlens.price.times import Steps, floor_to, split

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

ACCELERATION_UNIT = "acceleration credits"
TIB = 2**40


def usage_lines(usage: ir.Table, rates: ir.Table, days: Collection[int], materialise: Steps) -> ir.Table:
    """Return one line per metered usage row of `days`, with its object; query acceleration by the hour is not among them."""
    rows = usage.filter(usage.day.isin(sorted(days)) & usage.units.notnull())
    rows = rows.filter(~_is_acceleration(rows))
    rows = materialise(
        rows.select(
            "day",
            "account",
            "region",
            "service",
            "object_id",
            "object",
            "pool_id",
            "started_at",
            "ended_at",
            "unit",
            category=rows.category.fill_null("other"),
            units=exact(rows.units),
        ),
        "usage_lines",
    )
    priced = rated(rows, rates)
    is_hour = (priced.ended_at - priced.started_at <= HOUR).fill_null(False)
    hour = ibis.ifelse(is_hour, floor_to(priced.started_at, HOUR), ibis.null("int64"))
    return line(priced, hour=hour, method="metered", is_estimated=False)


def _is_acceleration(rows: ir.Table) -> ir.BooleanValue:
    is_hour = rows.ended_at - rows.started_at <= HOUR
    return ((rows.category == "acceleration") & rows.pool_id.notnull() & is_hour).fill_null(False)


def bytes_lines(
    queries: ir.Table, rates: ir.Table, billing: Billing, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return one line per job billed by bytes, in TiB (2^40), in the hour it ended: BigQuery bills a job when it ends.

    bytes_billed counts where no pool was used; under a reservation it only informs.
    """
    jobs = queries.filter(
        queries.day.isin(sorted(days))
        & queries.pool_id.isnull()
        & (queries.pool_kind == "on-demand")
        & (queries.bytes_billed > 0)
    )
    hour = floor_to(jobs.ended_at, HOUR)
    jobs = jobs.select(
        "day",
        "account",
        "region",
        "query_id",
        hour=hour,
        service=ibis.literal(billing.bytes_service, "string"),
        unit=ibis.literal("TiB"),
        units=exact(jobs.bytes_billed.cast("float64") / TIB),
    )
    priced = rated(materialise(jobs, "bytes_jobs"), rates)
    return line(
        priced,
        started_at=priced.hour,
        ended_at=priced.hour + HOUR,
        category="query",
        method="bytes",
        is_estimated=False,
    )


def acceleration_lines(
    facts: Mapping[str, ir.Table], rates: ir.Table, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return query acceleration per pool-hour: to queries by the vendor's figure for each, the rest without a query."""
    usage = facts["usage"]
    billed = usage.filter(usage.day.isin(sorted(days)) & usage.units.notnull() & _is_acceleration(usage))
    billed = billed.mutate(hour=floor_to(billed.started_at, HOUR), units=exact(billed.units))
    hours = billed.group_by("day", "pool_id", "hour", "service", "unit").agg(
        account=billed.account.max(),
        region=billed.region.max(),
        pool=billed["object"].max(),
        billed=exact(billed.units.sum()),
    )
    hours = materialise(rated(materialise(hours, "acceleration"), rates), "acceleration")
    used = materialise(_accelerated(facts["query_usage"], hours, materialise), "accelerated")
    told = used.group_by("pool_id", "hour").agg(told=exact(used.units.sum()))
    met = used.join(told, ["pool_id", "hour"]).join(hours, ["pool_id", "hour"])
    whole = ibis.ifelse(met.told > met.billed, met.told, met.billed)
    share = exact(met.units.cast("float64") / whole.cast("float64") * met.billed.cast("float64"))
    by_hour = ibis.window(group_by=["pool_id", "hour"])
    parts = met.filter(met.billed > 0).mutate(units=ibis.ifelse(met.told > met.billed, share, exact(met.units)))
    first = ibis.window(group_by=["pool_id", "hour"], order_by=[parts.units.desc(), parts.query_id])
    parts = parts.mutate(total=exact(parts.units.sum().over(by_hour)), rank=ibis.row_number().over(first))
    excess = ibis.ifelse((parts.rank == 0) & (parts.told >= parts.billed), exact(parts.billed - parts.total), zero())
    parts = materialise(
        parts.mutate(units=exact(parts.units + excess)).filter(lambda t: t.units > 0), "acceleration_parts"
    )
    taken = parts.group_by("pool_id", "hour").agg(taken=exact(parts.units.sum()))
    left = hours.left_join(taken, ["pool_id", "hour"])
    left = left.mutate(units=exact(left.billed - left.taken.fill_null(zero())))
    left = left.filter(left.units != zero())
    columns = {"category": "acceleration", "is_estimated": False}
    return ibis.union(
        line(parts, started_at=parts.hour, ended_at=parts.hour + HOUR, method="vendor", **columns),
        line(left, started_at=left.hour, ended_at=left.hour + HOUR, method="metered", query_id=None, **columns),
    )


def _accelerated(usage: ir.Table, hours: ir.Table, materialise: Steps) -> ir.Table:
    """Return pool_id, hour, query_id and units of acceleration; figures of whole queries are spread by wall clock."""
    told = usage.filter((usage.unit == ACCELERATION_UNIT) & (usage.units > 0) & usage.pool_id.notnull())
    direct = told.filter(told.hour.notnull()).select("pool_id", "hour", "query_id", units=exact(told.units))
    whole = told.filter(told.hour.isnull() & told.ended_at.notnull())
    begin = ibis.coalesce(whole.started_at, whole.ended_at - 1)
    spans = whole.select(
        "pool_id", "query_id", "units", a=ibis.ifelse(begin < whole.ended_at, begin, whole.ended_at - 1), b="ended_at"
    )
    spans = spans.mutate(length=spans.b - spans.a)
    # The hours in which acceleration was billed are when it ran: a figure is spread over those only.
    pieces = split(materialise(spans, "accelerated"), HOUR, materialise).rename(hour="at")
    pieces = pieces.semi_join(hours, ["pool_id", "hour"])
    lengths = pieces.group_by("query_id").agg(length=(pieces.b - pieces.a).sum())
    pieces = pieces.drop("length").join(lengths, "query_id")
    share = (pieces.b - pieces.a).cast("float64") / pieces.length.cast("float64")
    spread = pieces.select("pool_id", "hour", "query_id", units=exact(pieces.units * share))
    return ibis.union(direct, spread)
