"""Pricing: facts and rates in, charges out; money comes from metering, weights come from queries, and the books balance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.engine import IBIS_TYPES
from costlens.model import CHARGES
from costlens.price.bill import adjustments
from costlens.price.closure import Closure, closure, needed, query_spans, touched_days
from costlens.price.line import CHARGED, line
from costlens.price.lines import acceleration_lines, bytes_lines, usage_lines
from costlens.price.money import UNPRICED, exact, money, rate_table, status_of
from costlens.price.overhead import overhead_lines
from costlens.price.own import own_parts, pool_lines
from costlens.price.pools import pool_hours
from costlens.price.rates import needs, resolve_rates
from costlens.price.times import Forget, Materialise, Steps, billing_period, final_at, turned_final
from costlens.price.timeshare import share_time
from costlens.price.weights import weigh

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

__all__ = [
    "UNPRICED",
    "Closure",
    "closure",
    "final_at",
    "needed",
    "needs",
    "price",
    "query_spans",
    "resolve_rates",
    "touched_days",
    "turned_final",
    "unpriced",
]


def price(
    facts: Mapping[str, ir.Table],
    rates: ir.Table,
    billing: Billing,
    days: Collection[int],
    as_of: int,
    materialise: Materialise,
    forget: Forget = lambda table: None,
) -> ir.Table:
    """Return the charges of `days` (columns of model.CHARGES, pipeline types) as of an instant in microseconds.

    `facts`: the fact tables of one source, by name: queries, query_usage, metering, pool_events, usage, bill. They must hold
    every query that touches a day of `needed(days, ...)`, with its query_usage, and the other facts of those days;
    more does no harm. `rates`: rows of `resolve_rates`, found by equality.

    Nothing is dropped for want of a price: such lines cost 0 and have rate_origin `unpriced` (see `unpriced`). The result
    refers to tables that `materialise` made; what it does not refer to is given to `forget`. It is the same whether days are
    priced together or apart.
    """
    days = sorted(set(days))
    if not days:
        raise ValueError("price: no days given")
    # A billing day of another zone also holds hours of the UTC day after (or before) it: those are priced to compare the
    # bill with, and not returned.
    wide = days if billing.calendar == "UTC" else sorted({day + step for day in days for step in (-1, 0, 1)})
    steps = Steps(materialise, forget)
    rates = rate_table(rates, steps)
    with steps.stage() as kept:
        shares = share_time(facts, billing, wide, steps)
        kept += [shares.parts, shares.pools, shares.lulls]
    with steps.stage() as kept:
        weights = weigh(facts, shares, billing, wide, steps)
        kept.append(weights)
    steps.forget(shares.parts)
    hours = pool_hours(facts, rates, shares, weights, billing, wide, steps)
    with steps.stage() as kept:
        own = own_parts(weights, hours, steps)
        kept.append(own)
    steps.forget(weights)
    parts = pool_lines(facts, shares, own, hours, billing, steps)
    if billing.bytes_service is not None:
        parts.append(bytes_lines(facts["queries"], rates, billing, wide, steps))
    parts.append(acceleration_lines(facts, rates, wide, steps))
    parts.append(usage_lines(facts["usage"], rates, wide, steps))
    charged = [_with_money(rows, billing, wide) for rows in parts]
    if billing.overhead_service is not None:
        charged.append(_narrow(_with_money(overhead_lines(facts, rates, billing, wide, steps), billing, wide)))
    lines = ibis.union(*charged)
    lines = ibis.union(lines, steps(adjustments(lines, facts["bill"], billing, days, as_of, steps), "adjustments"))
    return _charges(lines.filter(lines.day.isin(days)), facts, billing, days, as_of, steps)


def unpriced(charges: ir.Table) -> ir.Table:
    """Return service and unit of charges that have units and no price, with the units: the caller must report them."""
    rows = charges.filter((charges.rate_origin == UNPRICED) & (charges.units != 0))
    return rows.group_by("service", "unit").agg(units=rows.units.sum(), first_day=rows.day.min())


def _with_money(rows: ir.Table, billing: Billing, days: Collection[int]) -> ir.Table:
    begun = ibis.coalesce(rows.hour, rows.started_at)
    return line(
        rows,
        CHARGED,
        cost=money(rows.units, rows.price),
        list_cost=money(rows.units, rows.list_price),
        billing_period=billing_period(begun, days, billing.calendar),
    )


def _narrow(rows: ir.Table) -> ir.Table:
    """Round units to the places of all others: an engine keeps more of a product than Ibis knows of, and a union of both would have
    each of a million units scaled up and rounded.
    """
    return rows.mutate(units=exact(rows.units.cast("decimal(38, 18)")))


def _charges(
    lines: ir.Table,
    facts: Mapping[str, ir.Table],
    billing: Billing,
    days: Collection[int],
    as_of: int,
    materialise: Steps,
) -> ir.Table:
    """Give lines the source, their status, and the model's columns in its order and types."""
    sources = ibis.union(
        *(facts[name].select("source") for name in ("queries", "metering", "usage", "bill", "query_usage"))
    )
    whose = materialise(sources.agg(source=sources.source.min()), "source")
    named = lines.cross_join(whose)
    status = status_of(named.day, named.rate_is_final, named.is_estimated, days, billing, as_of)
    named = named.mutate(status=status)
    return named.select(**{column.name: named[column.name].cast(IBIS_TYPES[column.type]) for column in CHARGES.columns})
