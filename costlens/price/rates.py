"""Rates: one price per day, account, region, service and unit, from today's facts alone, never from what was booked before.

The order is usage in currency / usage, else the rate sheet, else configured and list prices in the connector's order.
Vendors round both sides of the quotient (Snowflake: money to 2 decimals, usage to 3; docs.snowflake.com, USAGE_IN_CURRENCY_DAILY
and RATE_SHEET_DAILY), so a day's bill gives an interval of prices: any price within explains it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.model import RATES
from costlens.price.money import exact
from costlens.price.times import EPOCH, day_to_date, rates_final_at

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing, Rate

Row = Mapping[str, Any]

HALF_CENT = Decimal("0.005")
HALF_UNIT = Decimal("0.0005")
PLACES = 12
#: What the bill says of these kinds is no price of a unit.
NOT_USAGE = ("credit", "tax", "adjustment")
#: Service of a configured rate that holds for every service of its unit.
ANY_SERVICE = "*"


def needs(facts: Mapping[str, ir.Table], billing: Billing, days: Collection[int]) -> ir.Table:
    """Return what a price is needed for: day (null = every day), account, region, service, unit, units (metered)."""
    wanted = sorted(days)
    metering = facts["metering"].filter(facts["metering"].day.isin(wanted))
    usage = facts["usage"].filter(facts["usage"].day.isin(wanted))
    queries = facts["queries"]
    any_day, no_units = ibis.null("int32"), ibis.null("decimal(28, 12)")
    key = ("account", "region")
    rows = [
        metering.select("day", *key, "service", "unit", units=exact(metering.units)),
        usage.select("day", *key, "service", "unit", units=exact(usage.units)),
    ]
    pool_unit = ibis.literal(billing.pool_unit)
    on_pool = queries.filter(queries.pool_id.notnull()).select(*key).distinct()
    if billing.pool_service is not None:
        rows.append(
            on_pool.select(day=any_day, **_named(on_pool, billing.pool_service), unit=pool_unit, units=no_units)
        )
    if billing.overhead_service is not None:
        bill = facts["bill"].mutate(region=ibis.null("string"))
        accounts = ibis.union(metering.select(*key), queries.select(*key), bill.select(*key), distinct=True)
        rows.append(
            accounts.select(day=any_day, **_named(accounts, billing.overhead_service), unit=pool_unit, units=no_units)
        )
    if billing.bytes_service is not None:
        jobs = queries.filter(queries.day.isin(wanted) & (queries.bytes_billed > 0))
        rows.append(
            jobs.select(
                "day",
                **_named(jobs, billing.bytes_service),
                unit=ibis.literal("TiB"),
                units=exact(jobs.bytes_billed.cast("float64") / 2**40),
            )
        )
    every = ibis.union(*rows)
    return every.group_by("day", *key, "service", "unit").agg(units=every.units.sum())


def _named(rows: ir.Table, service: str) -> dict[str, ir.Value]:
    return {"account": rows.account, "region": rows.region, "service": ibis.literal(service)}


def resolve_rates(
    bill: Iterable[Row],
    sheet: Iterable[Row],
    rates: Sequence[Rate],
    needed: Iterable[Row],
    billing: Billing,
    days: Collection[int],
    as_of: int,
) -> list[dict[str, Any]]:
    """Return one row of the rates table per need that has a price: what `price` joins with.

    `bill` and `sheet`: rows (as dicts, pipeline types) of the bill and rates facts, for the whole months of `days` and what
    went before as far as a price may have to be carried. `needed`: rows of `needs`. A need without a price has no row:
    `price` charges it at 0 with origin `unpriced`.
    """
    book = _Book(bill, sheet, rates, billing)
    needs_of_days: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for need in needed:
        for day in [need["day"]] if need["day"] is not None else days:
            key = (day, need["account"], need["region"], need["service"], need["unit"])
            needs_of_days[key] += need["units"] or 0
    book.count(needs_of_days)
    found = []
    for day, account, region, service, unit in sorted(needs_of_days, key=lambda key: tuple(map(_sortable, key))):
        price = book.price(day, account, region, service, unit)
        if price is not None:
            may_change = price.is_vendors or book.has_money(account)
            row = {
                **dict.fromkeys(RATES.names),
                "day": day,
                "account": account,
                "region": region,
                "service": service,
                "unit": unit,
                "valid_from": day,
                "valid_to": day + 1,
                "feed": "resolved",
                "price": price.price,
                "list_price": price.list_price,
                "currency": price.currency,
                "origin": price.origin,
                "is_final": not may_change or as_of >= rates_final_at(day, billing),
            }
            found.append(row)
    return found


def _sortable(value: object) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


@dataclass(frozen=True)
class _Price:
    price: Decimal
    currency: str
    origin: str
    list_price: Decimal | None = None
    is_vendors: bool = True


@dataclass
class _Billed:
    """Sum of bill rows: what was owed for how much, and how many roundings are in it."""

    cost: Decimal = Decimal(0)
    units: Decimal = Decimal(0)
    roundings: int = 0

    def add(self, cost: Decimal, units: Decimal) -> None:
        self.cost, self.units, self.roundings = self.cost + cost, self.units + units, self.roundings + 1

    def explains(self, price: Decimal) -> bool:
        """Return whether the price gives the billed figures within their rounding."""
        low, high = self.interval()
        return low <= price and (high is None or price <= high)

    def interval(self) -> tuple[Decimal, Decimal | None]:
        slack, blur = self.roundings * HALF_CENT, self.roundings * HALF_UNIT
        least = self.units - blur
        return max((self.cost - slack) / (self.units + blur), Decimal(0)), (
            self.cost + slack
        ) / least if least > 0 else None

    def simplest(self) -> Decimal:
        """Return the price with the fewest decimals that explains the figures, the nearest to their quotient."""
        ratio = self.cost / self.units
        low, high = self.interval()
        for places in range(PLACES + 1):
            step = Decimal(1).scaleb(-places)
            near = ratio.quantize(step)
            near += step if near < low else -step if high is not None and near > high else 0
            if self.explains(near) and (near > 0 or self.cost <= 0):
                return near
        return ratio.quantize(Decimal(1).scaleb(-PLACES))


@dataclass
class _Book:
    """All that is known of prices, by (account, service as billed, unit)."""

    bill: Iterable[Row]
    sheet: Iterable[Row]
    rates: Sequence[Rate]
    billing: Billing
    daily: dict[tuple[str, str, str], dict[tuple[int, str], _Billed]] = field(default_factory=lambda: defaultdict(dict))
    monthly: dict[tuple[str, str, str, str, str], _Billed] = field(default_factory=lambda: defaultdict(_Billed))
    sheets: dict[tuple[str, str, str], dict[int, _Price]] = field(default_factory=lambda: defaultdict(dict))
    unitless: dict[tuple[int, str, str], list[tuple[str, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    metered: dict[tuple[int, str, str], dict[tuple[str, str], Decimal]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    currencies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    resolved: dict[tuple[str, str, str], tuple[list[int], list[_Price]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in sorted(self.sheet, key=lambda row: (row["day"], row["price"])):
            key = (row["account"] or "", self._billed_as(row["service"]), row["unit"])
            price = _Price(row["price"], row["currency"], row["origin"] or "rate sheet", row["list_price"])
            self.sheets[key][row["day"]] = price
        for row in self.bill:
            if row["cost"] is not None and row["currency"] is not None:
                self._add_bill(row)

    def _billed_as(self, service: str) -> str:
        return self.billing.bill_services.get(service, service)

    def _add_bill(self, row: Row) -> None:
        account, service = row["account"] or "", self._billed_as(row["service"] or "")
        self.currencies[account].add(row["currency"])
        if row["kind"] in NOT_USAGE:
            return
        self.unitless[row["day"], account, service].append((row["currency"], row["cost"]))
        if row["unit"] is None or row["units"] is None or row["units"] <= 0 or row["cost"] < 0:
            return
        key = (account, service, row["unit"])
        self.daily[key].setdefault((row["day"], row["currency"]), _Billed()).add(row["cost"], row["units"])
        self.monthly[(*key, self._month(row["day"]), row["currency"])].add(row["cost"], row["units"])

    def _month(self, day: int) -> str:
        return f"{day_to_date(day):%Y-%m}"

    def count(self, needed: Mapping[tuple[Any, ...], Decimal]) -> None:
        """Take in what was metered, for bills that give money without units."""
        for (day, account, _, service, unit), units in needed.items():
            sums = self.metered[day, account or "", self._billed_as(service or "")]
            sums[service, unit] = sums.get((service, unit), Decimal(0)) + units

    def has_money(self, account: str | None) -> bool:
        return bool(self.currencies.get(account or ""))

    def price(self, day: int, account: str | None, region: str | None, service: str | None, unit: str) -> _Price | None:
        """Return the price of a unit on a day."""
        if service is None:
            return None
        key = (account or "", self._billed_as(service), unit)
        days, prices = self._known(key)
        offered = self._offered(day, account, region, service, unit)
        if days:
            # The last known price holds on; before the first one, the first does.
            found = prices[max(bisect_right(days, day) - 1, 0)]
            return found if found.list_price is not None else _with_list(found, offered)
        currencies = self.currencies.get(account or "", set())
        usable = [price for price in offered if not currencies or price.currency in currencies]
        if usable:
            return _with_list(usable[0], offered)
        return self._from_metered(day, key, service)

    def _known(self, key: tuple[str, str, str]) -> tuple[list[int], list[_Price]]:
        """Return the days on which the vendor tells a price of the key, and that price."""
        if key not in self.resolved:
            by_day: dict[int, _Price] = dict(self.sheets.get(key, {}))
            last: _Price | None = None
            for day, currency in sorted(self.daily.get(key, {})):
                last = by_day[day] = self._billed_price(key, day, currency, last)
            self.resolved[key] = sorted(by_day), [by_day[day] for day in sorted(by_day)]
        return self.resolved[key]

    def _billed_price(self, key: tuple[str, str, str], day: int, currency: str, last: _Price | None) -> _Price:
        billed = self.daily[key][day, currency]
        sheet = self._sheet_price(key, day)
        month = self.monthly[(*key, self._month(day), currency)].simplest()
        candidates = [sheet] if sheet and sheet.currency == currency else []
        candidates.append(_Price(month, currency, "usage in currency"))
        candidates.extend([last] if last and last.currency == currency else [])
        for candidate in candidates:
            if billed.explains(candidate.price):
                return candidate
        return _Price(billed.simplest(), currency, "usage in currency")

    def _sheet_price(self, key: tuple[str, str, str], day: int) -> _Price | None:
        days = sorted(self.sheets.get(key, {}))
        place = bisect_right(days, day) - 1
        return self.sheets[key][days[place]] if place >= 0 else None

    def _offered(self, day: int, account: str | None, region: str | None, service: str, unit: str) -> list[_Price]:
        """Return the configured and list prices that hold, best first."""
        on = day_to_date(day)
        origins = list(dict.fromkeys(rate.origin for rate in self.rates))
        fitting = [
            rate
            for rate in self.rates
            if rate.unit == unit
            and rate.service in (service, ANY_SERVICE)
            and rate.account in (None, account)
            and rate.region in (None, region)
            and (rate.valid_from is None or rate.valid_from <= on)
            and (rate.valid_to is None or on < rate.valid_to)
        ]
        fitting.sort(
            key=lambda rate: (
                origins.index(rate.origin),
                rate.service == ANY_SERVICE,
                rate.account is None,
                rate.region is None,
                -((rate.valid_from or EPOCH) - EPOCH).days,
            )
        )
        return [_Price(rate.price, rate.currency, rate.origin, rate.list_price, is_vendors=False) for rate in fitting]

    def _from_metered(self, day: int, key: tuple[str, str, str], service: str) -> _Price | None:
        """Divide the bill by what we metered: only where nothing else is known and the billed service is one thing."""
        account, billed_service, unit = key
        billed, metered = self.unitless.get((day, account, billed_service)), self.metered[day, account, billed_service]
        units = metered.get((service, unit), Decimal(0))
        if not billed or len(metered) != 1 or units <= 0 or len({currency for currency, _ in billed}) != 1:
            return None
        cost = sum((cost for _, cost in billed), Decimal(0))
        price = (cost / units).quantize(Decimal(1).scaleb(-PLACES))
        return _Price(price, billed[0][0], "usage in currency") if price >= 0 else None


def _with_list(price: _Price, offered: Sequence[_Price]) -> _Price:
    """Add the list price, where one in the same currency is offered."""
    if price.list_price is not None:
        return price
    for other in offered:
        if other.origin == "list" and other.currency == price.currency:
            return _Price(price.price, price.currency, price.origin, other.price, price.is_vendors)
    return price
