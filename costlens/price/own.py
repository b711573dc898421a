"""The parts of a pool-hour: one line per query, what nobody is listed for, and the idle rest, each pool-hour exactly whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.idle import split_idle
from costlens.price.line import line
from costlens.price.money import EXACT, exact, zero
from costlens.price.timeshare import UNIT, Shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from costlens.connector import Billing
    from costlens.price.times import Steps


def own_parts(weights: ir.Table, hours: ir.Table, materialise: Steps) -> ir.Table:
    """Return place, query_id, units and is_told (by the vendor) of each query in each pool-hour.

    Parts are rounded to 12 places; what rounding leaves of a sum that is prescribed goes to the largest part.
    """
    scaled = weights.join(hours, ["pool_id", "hour", "day"])
    by_figure = scaled.v.cast("float64") * scaled.v_factor
    by_time = scaled.g / UNIT * scaled.g_factor
    parts = scaled.select(
        place="place",
        query_id="query_id",
        is_told=scaled.v.notnull(),
        units=exact(ibis.coalesce(by_figure, by_time)),
        limit_=ibis.coalesce(scaled.own, ibis.ifelse(scaled.is_metered, scaled.metered, ibis.null(EXACT))),
        is_exact=scaled.own.notnull(),
    )
    parts = materialise(parts.filter(parts.units > 0), "own_parts")
    sums = materialise(parts.group_by("place").agg(total=exact(parts.units.sum()), top=parts.units.max()), "own_sums")
    tops = parts.join(sums, "place").filter(lambda t: t.units == t.top)
    firsts = materialise(tops.group_by("place").agg(total=tops.total.max(), query_id=tops.query_id.min()), "own_tops")
    parts = parts.left_join(firsts, ["place", "query_id"])
    is_off = parts.total.notnull() & (parts.is_exact | (parts.total > parts.limit_).fill_null(False))
    rest = ibis.ifelse(is_off, exact(parts.limit_ - parts.total), zero())
    return materialise(parts.select("place", "query_id", "is_told", units=exact(parts.units + rest)), "own")


def pool_lines(
    facts: Mapping[str, ir.Table],
    shares: Shares,
    own: ir.Table,
    hours: ir.Table,
    billing: Billing,
    materialise: Steps,
) -> list[ir.Table]:
    """Return the lines of all pool-hours: queries, unlisted queries and idle."""
    told = own.join(hours, "place")
    cause = ibis.ifelse(told.is_separable | ~told.is_metered, ibis.null("string"), "not separable")
    queries = _hour_line(
        told,
        billing,
        category="query",
        cause=cause,
        query_id=told.query_id,
        units=told.units,
        method=ibis.ifelse(told.is_told, "vendor", "time share"),
    )
    sums = own.group_by("place").agg(used=exact(own.units.sum()))
    left = hours.filter(hours.is_metered).left_join(sums, "place").drop("place_right")
    left = left.mutate(left_over=exact(left.metered - left.used.fill_null(zero())))
    is_adaptive = left.pool_kind == "adaptive"
    left = left.mutate(unlisted=ibis.ifelse(is_adaptive, left.left_over, left.unlisted))
    left = materialise(left.mutate(idle=exact(left.left_over - left.unlisted)), "left_over")
    unlisted = left.filter(left.unlisted != 0)
    unlisted_line = _hour_line(
        unlisted, billing, category="query", cause="unlisted", query_id=None, units=unlisted.unlisted, method="metered"
    )
    idle = split_idle(left.filter(left.idle != 0), facts["pool_events"], shares.lulls, billing, materialise)
    idle_line = _hour_line(
        idle, billing, category="idle", cause=idle.cause, query_id=None, units=idle.units, method="metered"
    )
    return [queries, unlisted_line, idle_line]


def _hour_line(rows: ir.Table, billing: Billing, **columns: ir.Value | str | None) -> ir.Table:
    return line(
        rows,
        hour=rows.hour,
        started_at=rows.hour,
        ended_at=rows.hour + HOUR,
        unit=billing.pool_unit,
        is_estimated=~rows.is_metered,
        **columns,
    )
