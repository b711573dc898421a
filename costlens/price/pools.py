"""Pool-hours: what was metered, what of it belongs to queries, and by which factors the weights become units.

A pool-hour is one row whatever the number of services it was metered as; its price is the mean over them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.price.money import EXACT, exact, money, rated, zero
from costlens.price.times import Steps
from costlens.price.timeshare import UNIT, Shares

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

    Factors = tuple[ir.Value, ir.Value, ir.Value]

#: Weights this near to all that was metered are all of it: the rest is rounding, not idle.
_NEARLY = 1 - 1e-9


def pool_hours(
    facts: Mapping[str, ir.Table],
    rates: ir.Table,
    shares: Shares,
    weights: ir.Table,
    billing: Billing,
    days: Collection[int],
    materialise: Steps,
) -> ir.Table:
    """Return one row per pool and hour of `days`, with its price and the factors that turn weights into units.

    Columns: place (its number), pool_id, hour, day, pool, pool_kind, account, region, service, PRICE_COLUMNS, metered (units,
    0 where not metered), is_metered, present (queries with a weight), v_factor and g_factor (own part = v_factor x v, or
    g_factor x g where there is no v), own (what the parts must add up to exactly; null = whatever they add up to),
    unlisted (units of queries that nobody lists), is_separable.
    """
    used = weights.group_by("pool_id", "hour", "day").agg(
        v=weights.v.sum().fill_null(0).cast("float64"),
        g=weights.g.sum(where=weights.v.isnull()).fill_null(0.0) / UNIT,
        told=weights.v.count(),
        # Figures of the vendor need no size; time shares need the size of all that ran beside them.
        is_known=weights.known.all() | (weights.v.count() == weights.count()),
        ran=weights.count(),
    )
    metered = _metered(facts["metering"], rates, billing, days, materialise)
    used = materialise(used, "used")
    on_meter = metered.left_join(used, ["pool_id", "hour", "day"])
    on_meter = on_meter.select(*metered.columns, "v", "g", "told", "is_known", "ran", is_metered=ibis.literal(True))
    waiting = _unmetered(used.anti_join(metered, ["pool_id", "hour"]), shares, rates, billing, materialise)
    both = ibis.union(on_meter, waiting.select(*on_meter.columns))
    both = both.mutate(
        v=both.v.fill_null(0.0),
        g=both.g.fill_null(0.0),
        told=both.told.fill_null(0),
        is_known=both.is_known.fill_null(True),
    )
    numbered = both.mutate(place=ibis.row_number().cast("int64"), present=(both.ran.fill_null(0) > 0))
    numbered = materialise(numbered.drop("ran"), "pool_hours")
    return materialise(_factors(numbered), "pool_hours")


def _metered(
    metering: ir.Table, rates: ir.Table, billing: Billing, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return the metered pool-hours of `days` with the mean price of their services."""
    rows = metering.filter(metering.day.isin(sorted(days)) & (metering.unit == billing.pool_unit))
    rows = rows.mutate(units=exact(rows.units.fill_null(0)), own_units=exact(rows.own_units))
    rows = rated(rows, rates)
    rows = rows.mutate(cost=money(rows.units, rows.price), list_cost=money(rows.units, rows.list_price))
    hours = rows.group_by("pool_id", "hour", "day").agg(
        pool=rows.pool.max(),
        pool_kind=rows.pool_kind.max().fill_null("standard"),
        account=rows.account.max(),
        region=rows.region.max(),
        service=rows.service.min(),
        metered=exact(rows.units.sum()),
        told_own=exact(rows.own_units.sum()),
        cost=exact(rows.cost.sum()),
        list_cost=exact(rows.list_cost.sum()),
        low=rows.price.min(),
        high=rows.price.max(),
        list_low=rows.list_price.min(),
        list_high=rows.list_price.max(),
        currency=rows.currency.max(),
        rate_origin=rows.rate_origin.max(),
        rate_is_final=rows.rate_is_final.all(),
    )
    return materialise(
        hours.mutate(
            price=_mean(hours.cost, hours.metered, hours.low, hours.high),
            list_price=_mean(hours.list_cost, hours.metered, hours.list_low, hours.list_high),
        ).drop("cost", "list_cost", "low", "high", "list_low", "list_high"),
        "metered",
    )


def _mean(cost: ir.Value, units: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    """Return the one price, or cost / units where an hour has several."""
    is_one = (low == high) | (units <= 0)
    return ibis.ifelse(is_one, high, exact(cost.cast("float64") / units.cast("float64")))


def _unmetered(used: ir.Table, shares: Shares, rates: ir.Table, billing: Billing, materialise: Steps) -> ir.Table:
    """Return the pool-hours in which queries ran and no metering is there yet, with the price of the pool's service."""
    hours = used.left_join(shares.pools, ["pool_id", "day"])
    hours = hours.select(
        *used.columns,
        pool=hours.pool,
        pool_kind=hours.pool_kind.fill_null("standard"),
        account=hours.account,
        region=hours.region,
        service=ibis.literal(billing.pool_service, "string"),
        unit=ibis.literal(billing.pool_unit, "string"),
        metered=zero(),
        told_own=ibis.null(EXACT),
        is_metered=ibis.literal(False),
    )
    return rated(hours, rates)


def _factors(hours: ir.Table) -> ir.Table:
    """Add v_factor, g_factor, own, unlisted and is_separable by the rules of each kind of pool."""
    by_use = hours.pool_kind.isin(["adaptive", "reservation"])
    told = ibis.cases(
        (hours.told_own < 0, zero()), (hours.told_own > hours.metered, hours.metered), else_=hours.told_own
    )
    says = hours.told_own.notnull() & ~by_use
    usable = (hours.metered > 0) & (hours.v + hours.g > 0)
    is_separable = ibis.ifelse(by_use, (hours.v > 0) | (hours.pool_kind == "adaptive"), says | hours.is_known)
    nothing = (ibis.literal(0.0), ibis.literal(0.0), ibis.null(EXACT))
    choices = (
        (~hours.is_metered, _estimated(hours, by_use)),
        (~usable, nothing),
        (by_use, _by_use(hours)),
        (says, _said(hours, told)),
    )
    otherwise = _unsaid(hours, is_separable)
    v_factor, g_factor, own = (
        ibis.cases(*((when, then[i]) for when, then in choices), else_=otherwise[i]) for i in range(3)
    )
    unlisted = ibis.ifelse(says & ~usable & hours.is_metered & (hours.metered > 0), told, zero())
    return hours.mutate(v_factor=v_factor, g_factor=g_factor, own=own, unlisted=unlisted, is_separable=is_separable)


def _said(hours: ir.Table, told: ir.Value) -> Factors:
    """The vendor says what queries used in all: queries with a figure keep it as far as they can.

    Those without (too short to be listed, or late) get their time share of what is left, never more than that share
    unless there is nobody else.
    """
    total = told.cast("float64")
    left = total - hours.v
    v_factor = ibis.cases(
        (left > hours.g, _over(total - hours.g, hours.v)), (left > 0, 1.0), else_=_over(total, hours.v)
    )
    g_factor = ibis.cases((left <= 0, 0.0), ((left <= hours.g) | (hours.v <= 0), _over(left, hours.g)), else_=1.0)
    return v_factor, g_factor, told


def _unsaid(hours: ir.Table, is_separable: ir.Value) -> Factors:
    """The vendor does not say: figures and time shares as they are, within what was metered.

    Where the size rate is unknown, idle cannot be told from use and the queries carry all.
    """
    metered, weight = hours.metered.cast("float64"), hours.v + hours.g
    carries_all = ~is_separable | (weight >= metered * _NEARLY)
    factor = ibis.ifelse(carries_all, _over(metered, weight), 1.0)
    return factor, factor, ibis.ifelse(carries_all, hours.metered, ibis.null(EXACT))


def _by_use(hours: ir.Table) -> Factors:
    """Adaptive pools and reservations: the vendor's figures are the whole, scaled down where they exceed what was paid.

    For a reservation that is paid x used / max(paid, used): borrowed slots cost nothing. Only where there is no figure at
    all does time decide.
    """
    metered = hours.metered.cast("float64")
    has_figures = hours.v > 0
    v_factor = ibis.ifelse(hours.v > metered * _NEARLY, _over(metered, hours.v), 1.0)
    g_factor = ibis.ifelse(has_figures, 0.0, _over(metered, hours.g))
    return v_factor, g_factor, ibis.ifelse(has_figures & (hours.v < metered * _NEARLY), ibis.null(EXACT), hours.metered)


def _estimated(hours: ir.Table, by_use: ir.Value) -> Factors:
    """Not metered yet: vendor figures, and time shares where they are in units of a known size rate."""
    g_factor = ibis.ifelse(hours.is_known & ~by_use, 1.0, 0.0)
    return ibis.literal(1.0), g_factor, ibis.null(EXACT)


def _over(part: ir.Value, whole: ir.Value) -> ir.Value:
    """Divide, or return 0 where there is nothing to divide by."""
    return ibis.ifelse(whole > 0, part / ibis.ifelse(whole > 0, whole, 1.0), 0.0)
