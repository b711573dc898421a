"""The Snowflake bill, from what the machines did: hours, days with the 10 % rule, currency."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from costlens_sample.generate.account import Account
from costlens_sample.generate.clock import at, day_of, days, hour_of
from costlens_sample.generate.pools import billed
from costlens_sample.generate.services import TIB, Line, lines, slices, transfers

#: Contract prices: a platform credit, an AI credit, a TiB-month, a TiB that leaves the region.
PRICES = {
    "compute": Decimal("2.85"),
    "ai": Decimal("2.20"),
    "storage": Decimal("23.00"),
    "transfer": Decimal("20.00"),
}
CURRENCY = "USD"

#: Cloud services are free up to this share of the UTC day's warehouse compute.
FREE_SHARE = Decimal("0.1")

#: A pool-hour that WAREHOUSE_METERING_HISTORY never lists, though the day's bill holds it.
UNMETERED = ("PAYMENTS_WH", at(date(2026, 10, 13), 10))

#: Day whose figures came too low at first and were restated two days later.
RESTATED_DAY = date(2026, 10, 20)

NANO = Decimal("0.000000001")


@dataclass
class PoolHour:
    """Credits of one pool in one hour; `own` is what its queries used, None on an adaptive pool."""

    compute: Decimal = Decimal(0)
    own: Decimal | None = None
    overhead: Decimal = Decimal(0)


@dataclass(frozen=True)
class ServiceDay:
    """One line of the day's bill in credits."""

    service: str
    day: date
    compute: Decimal
    overhead: Decimal = Decimal(0)
    adjustment: Decimal = Decimal(0)

    @property
    def billed(self) -> Decimal:
        return self.compute + self.overhead + self.adjustment


@dataclass(frozen=True)
class MoneyLine:
    """One line of the day's bill in money: `usage` has three places there, `cost` two."""

    service: str  # in the vocabulary of the money views
    usage_type: str
    rating: str
    day: date
    usage: Decimal
    price: Decimal
    is_adjustment: bool = False
    balance: str = "capacity"

    @property
    def cost(self) -> Decimal:
        return (self.usage * self.price).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass
class Bill:
    """Everything Snowflake charged, in credits and in money."""

    hours: dict[tuple[str, int], PoolHour] = field(default_factory=dict)  # by pool and hour
    lines: list[Line] = field(default_factory=list)
    days: list[ServiceDay] = field(default_factory=list)
    money: list[MoneyLine] = field(default_factory=list)

    def warehouses(self, day: date) -> ServiceDay:
        return next(d for d in self.days if d.day == day and d.service == "WAREHOUSE_METERING")


def nano(value: float | Decimal) -> Decimal:
    """Round to the nine places of Snowflake's credits."""
    return Decimal(value).quantize(NANO, ROUND_HALF_UP)


def bill(account: Account) -> Bill:
    """Add up hours, then days, then money."""
    result = Bill(hours=_hours(account), lines=lines(account))
    for day in days():
        result.days += _day(result, day)
        result.money += _money(result, day)
    return result


def _hours(account: Account) -> dict[tuple[str, int], PoolHour]:
    result: dict[tuple[str, int], PoolHour] = defaultdict(PoolHour)
    for pool in account.pools:
        own: dict[int, float] = defaultdict(float)
        for e in pool.executions:
            for hour, units in e.credits.items():
                own[hour] += units
        for hour, units in billed(pool).items():
            entry = result[(pool.warehouse.name, hour)]
            entry.compute = nano(units)
            is_adaptive = pool.warehouse.kind == "ADAPTIVE"
            entry.own = None if is_adaptive else min(nano(own.get(hour, 0.0)), entry.compute)
            if is_adaptive:  # the sum of its rounded query rows, exactly
                parts = (nano(e.credits[hour]) for e in pool.executions if hour in e.credits)
                entry.compute = sum(parts, Decimal(0))
    for e in account.executions:
        name = e.warehouse.name if e.warehouse else "CLOUD_SERVICES_ONLY"
        entry = result[(name, hour_of(e.ended - 1))]
        entry.overhead += nano(e.statement.overhead)
        if entry.own is None and name != "GROWTH_AP_WH":
            entry.own = Decimal(0)
    return dict(sorted(result.items(), key=lambda item: (item[0][1], item[0][0])))


def _day(result: Bill, day: date) -> list[ServiceDay]:
    entries = [entry for (_, hour), entry in result.hours.items() if day_of(hour) == day]
    compute = sum((e.compute for e in entries), Decimal(0))
    overhead = sum((e.overhead for e in entries), Decimal(0))
    free = min(overhead, nano(compute * FREE_SHARE))
    rows = [ServiceDay("WAREHOUSE_METERING", day, compute, overhead, -free)]
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in result.lines:
        if day_of(line.start) == day:
            sums[line.service] += line.credits
    return rows + [ServiceDay(service, day, units) for service, units in sorted(sums.items())]


#: Service as metered -> (service in the money views, usage type, price).
NAMES = {
    "AUTO_CLUSTERING": ("AUTOMATIC_CLUSTERING", "automatic clustering", "compute"),
    "MATERIALIZED_VIEW": ("MATERIALIZED_VIEW", "materialized views", "compute"),
    "PIPE": ("SNOWPIPE", "snowpipe", "compute"),
    "SERVERLESS_TASK": ("SERVERLESS_TASK", "serverless tasks", "compute"),
    "SEARCH_OPTIMIZATION": ("SEARCH_OPTIMIZATION", "search optimization", "compute"),
    "QUERY_ACCELERATION": ("QUERY_ACCELERATION", "query acceleration", "compute"),
    "AI_SERVICES": ("AI_SERVICES", "ai services", "ai"),
}

#: On this day the balance that was rolled over from last year ran out: its compute is billed in two rows.
ROLLOVER_ENDS = date(2026, 10, 6)


def _money(result: Bill, day: date) -> list[MoneyLine]:
    compute = PRICES["compute"]
    warehouses = result.warehouses(day)
    rows = []
    rolled = Decimal(0)
    if day <= ROLLOVER_ENDS:
        rolled = Decimal("37.125") if day == ROLLOVER_ENDS else warehouses.compute
    for usage, balance in ((rolled, "rollover"), (warehouses.compute - rolled, "capacity")):
        if usage:
            rows.append(MoneyLine("WAREHOUSE_METERING", "compute", "compute", day, usage, compute, balance=balance))
    rows.append(MoneyLine("CLOUD_SERVICES", "cloud services", "compute", day, warehouses.overhead, compute))
    free = MoneyLine(
        "CLOUD_SERVICES", "adj for incl cloud services", "compute", day, warehouses.adjustment, compute, True
    )
    rows.append(free)
    for entry in result.days:
        if entry.day == day and entry.service in NAMES:
            service, usage_type, price = NAMES[entry.service]
            rows.append(MoneyLine(service, usage_type, "compute", day, entry.billed, PRICES[price]))
    rows.append(MoneyLine("STORAGE", "storage", "storage", day, slices(day), PRICES["storage"]))
    moved = Decimal(sum(size for start, size in transfers() if day_of(start) == day)) / TIB
    rows.append(MoneyLine("DATA_TRANSFER", "data transfer", "data_transfer", day, moved, PRICES["transfer"]))
    return rows
