"""Money: units times price in decimals, the price found by equality, and the status of a charge."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis

from costlens.price.times import Steps, rates_final_at, weights_final_at

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

#: Units and money while they are added and subtracted: 16 digits before the point, 12 after, on every backend.
EXACT = "decimal(28, 12)"
#: Whole units and prices: their product has 12 places as it stands, so no engine rounds it.
_WHOLE, _PRICE = "decimal(16, 0)", "decimal(20, 12)"

#: What a rate is found by, beside the day.
KEY = ("account", "region", "service", "unit")
PRICE_COLUMNS = ("price", "list_price", "currency", "rate_origin", "rate_is_final")
#: rate_origin of what has no price: it costs 0 and the caller must say so.
UNPRICED = "unpriced"


def exact(value: ir.Value) -> ir.Value:
    """Round a number to 12 places, as a decimal."""
    return value.cast(EXACT)


def zero() -> ir.Value:
    """Return 0 as a decimal."""
    return ibis.literal(0).cast(EXACT)


def money(units: ir.Value, price: ir.Value) -> ir.Value:
    """Return units times price, rounded to 12 places; null where the price is.

    Whole units multiply in decimals, the rest, less than one unit, in doubles, which are exact enough for that: a product of
    24 decimal places takes an engine a hundred times as long to round.
    """
    whole = units.cast("float64").floor().cast(_WHOLE)
    rest = (units - whole).cast("float64") * price.cast("float64")
    return exact(whole * price.cast(_PRICE) + exact(rest))


def rate_table(rates: ir.Table, materialise: Steps) -> ir.Table:
    """Return rates by day and key, one row each whatever comes in: a doubled price would double money."""
    keys = {f"{name}_key": rates[name].fill_null("") for name in KEY}
    prices = {"price": rates.price, "list_price": rates.list_price, "currency": rates.currency}
    known = rates.select(day=rates.day, **keys, **prices, rate_origin=rates.origin, rate_is_final=rates.is_final)
    one = known.group_by("day", *keys).agg(
        price=known.price.max(),
        list_price=known.list_price.max(),
        currency=known.currency.max(),
        rate_origin=known.rate_origin.max(),
        rate_is_final=known.rate_is_final.all(),
    )
    return materialise(one, "rates")


def rated(lines: ir.Table, rates: ir.Table) -> ir.Table:
    """Add PRICE_COLUMNS to lines with day and KEY, from a `rate_table`; unpriced lines get price 0."""
    filled = lines.mutate(**{f"{name}_key": lines[name].fill_null("") for name in KEY})
    joined = filled.left_join(rates, ["day", *(f"{name}_key" for name in KEY)])
    return joined.select(
        *lines.columns,
        price=joined.price.fill_null(0).cast(EXACT),
        list_price=joined.list_price.cast(EXACT),
        currency=joined.currency,
        rate_origin=joined.rate_origin.fill_null(UNPRICED),
        rate_is_final=joined.rate_is_final.fill_null(False),
    )


def status_of(
    day: ir.Value, rate_is_final: ir.Value, is_estimated: ir.Value, days: Collection[int], billing: Billing, as_of: int
) -> ir.Value:
    """Return estimated, provisional or final: final once neither the day's weights nor its rate may change."""
    settled = [day_ for day_ in sorted(days) if as_of >= weights_final_at(day_, billing)]
    # Days settle in order, so that one comparison does.
    is_settled = day <= settled[-1] if settled else ibis.literal(False)
    return ibis.cases((is_estimated, "estimated"), (is_settled & rate_is_final, "final"), else_="provisional")


def money_settled(day: int, billing: Billing, as_of: int) -> bool:
    """Return whether the vendor's money of a day can no longer change."""
    return as_of >= rates_final_at(day, billing)
