"""The bill has the last word: what it says differently from the charges is a line of its own, per day and service."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.price.line import CHARGED, line
from costlens.price.money import exact, money_settled, zero
from costlens.price.times import Steps, billing_day, billing_period, instant_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

#: A difference up to this is the rounding of 12 places over many lines, not money.
NEGLIGIBLE = 1e-9


def adjustments(
    lines: ir.Table, bill: ir.Table, billing: Billing, days: Collection[int], as_of: int, materialise: Steps
) -> ir.Table:
    """Return what makes `lines` (with cost) equal to the bill: day, account, service as billed, currency, billing period.

    A service that was charged that day gets an `adjustment`; one that nothing was metered for gets a line with the billed
    units and cost, in the category that its kind tells. Days are the vendor's billing days; the line is booked on that date.
    """
    owed = materialise(_owed(bill, billing, days), "owed")
    begun = ibis.coalesce(lines.hour, lines.started_at)
    keys = ("day", "account_key", "service", "currency", "billing_period")
    charged = lines.group_by(
        "currency",
        "billing_period",
        day=billing_day(begun, days, billing.calendar),
        account_key=lines.account.fill_null(""),
        service=billed_as(lines.service, billing),
    ).agg(charged=exact(lines.cost.sum()))
    charged = materialise(charged, "charged")
    metered = charged.group_by("day", "account_key", "service").agg(lines=charged.count())
    owed = ibis.union(owed, _billed_elsewhen(owed, charged, keys))
    both = owed.left_join(charged, keys).select(*owed.columns, "charged")
    both = both.left_join(metered, ["day", "account_key", "service"]).select(*both.columns, "lines")
    both = both.mutate(cost=exact(both.billed - both.charged.fill_null(zero())))
    both = both.filter(both.cost.cast("float64").abs() > NEGLIGIBLE)
    settled = [day for day in sorted(days) if money_settled(day, billing, as_of)]
    begin = instant_of(both.day)
    return line(
        both,
        CHARGED,
        account=both.account_key.nullif(""),
        started_at=begin,
        ended_at=begin + DAY,
        category=ibis.ifelse(both.lines.notnull(), "adjustment", both.category),
        units=ibis.ifelse(both.lines.notnull(), zero(), both.units),
        rate_origin="usage in currency",
        rate_is_final=both.day <= settled[-1] if settled else False,
        method="billed",
        is_estimated=False,
    )


def _billed_elsewhen(owed: ir.Table, charged: ir.Table, keys: tuple[str, ...]) -> ir.Table:
    """Return a bill of nothing where a day's service is billed in another month than it was charged in.

    Google may put a day's usage on the next invoice (trap: invoice.month is not the usage's month): the charges of the one
    month then go to the other.
    """
    day_keys = [key for key in keys if key != "billing_period"]
    moved = charged.semi_join(owed, day_keys).anti_join(owed, keys)
    other = owed.group_by(day_keys).agg(category=owed.category.min(), region=owed.region.max(), unit=owed.unit.max())
    joined = moved.join(other, day_keys).mutate(billed=zero(), units=zero())
    return joined.select(**{name: _typed(joined, name, owed) for name in owed.columns})


def _typed(rows: ir.Table, name: str, like: ir.Table) -> ir.Value:
    kind = like[name].type()
    return rows[name].cast(kind) if name in rows.columns else ibis.null(kind)


def billed_as(service: ir.Value, billing: Billing) -> ir.Value:
    """Return the name under which a metered service is billed."""
    branches = [(service == metered, billed) for metered, billed in billing.bill_services.items() if metered != billed]
    return ibis.cases(*branches, else_=service).fill_null("") if branches else service.fill_null("")


def _owed(bill: ir.Table, billing: Billing, days: Collection[int]) -> ir.Table:
    rows = bill.filter(bill.day.isin(sorted(days)) & bill.cost.notnull())
    month = billing_period(instant_of(rows.day), days, "UTC")  # the day is a date of the vendor's calendar already
    rows = rows.mutate(
        account_key=rows.account.fill_null(""),
        service=billed_as(rows.service, billing),
        billing_period=ibis.coalesce(rows.billing_period, month),
    )
    summed = rows.group_by("day", "account_key", "service", "currency", "billing_period").agg(
        billed=exact(exact(rows.cost).sum()),
        kind=rows.kind.min(),
        region=rows.region.max(),
        unit=rows.unit.max(),
        other_unit=rows.unit.min(),
        billed_units=exact(exact(rows.units.fill_null(0)).sum()),
    )
    return summed.mutate(
        category=summed.kind.cases(
            ("storage", "storage"),
            ("transfer", "transfer"),
            ("adjustment", "adjustment"),
            ("credit", "adjustment"),
            else_="other",
        ),
        # Units of different kinds are not added.
        units=ibis.ifelse(summed.unit == summed.other_unit, summed.billed_units, zero()),
    )
