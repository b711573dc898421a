"""Small worlds for pricing: facts as rows, hours and seconds counted from one Monday, charges as dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.connector import Billing, Rate, SizeRate
from costlens.engine import Engine
from costlens.model import TABLES
from costlens.price import needs, price, resolve_rates

if TYPE_CHECKING:
    import ibis.expr.types as ir

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TODAY = (date(2026, 10, 5) - date(1970, 1, 1)).days
START = TODAY * DAY
#: Long after all of it is final.
LATER = (TODAY + 400) * DAY
SIZES = {"XSMALL": 1.0, "SMALL": 2.0, "MEDIUM": 4.0, "LARGE": 8.0}
FACTS = ("queries", "query_usage", "metering", "pool_events", "usage", "bill", "rates")
INSTANTS = ("started_at", "ended_at", "submitted_at", "hour", "at")
IDS = ("query_id", "parent_id", "root_id")
ARROW = {
    "text": pa.string(),
    "instant": pa.int64(),
    "day": pa.int32(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
}

SNOWFLAKE = Billing(
    pool_service="WAREHOUSE_METERING",
    size_rates=tuple(SizeRate("standard", size, rate) for size, rate in SIZES.items()),
    minimum_seconds={"standard": 60, "interactive": 3600},
    overhead_service="CLOUD_SERVICES",
    overhead_free_share=Decimal("0.1"),
    bill_services={"AUTO_CLUSTERING": "AUTOMATIC_CLUSTERING"},
)
BIGQUERY = Billing(
    calendar="America/Los_Angeles",
    pool_unit="slot-hours",
    pool_service="autoscale",
    bytes_service="analysis",
    bill_services={"baseline": "Reservation", "autoscale": "Reservation"},
)
PRICES = (
    Rate("*", "credits", Decimal(3), "USD", "configured"),
    Rate("*", "ai credits", Decimal(2), "USD", "configured"),
    Rate("analysis", "TiB", Decimal("6.25"), "USD", "list"),
    Rate("baseline", "slot-hours", Decimal("0.04"), "USD", "list"),
    Rate("autoscale", "slot-hours", Decimal("0.06"), "USD", "list"),
)

Row = dict[str, Any]
Number = float | str | Decimal


def number(value: Number | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


class World:
    """Facts of one source; `at` and `until` are seconds since the Monday began, `hour` its hours since then."""

    def __init__(self, billing: Billing = SNOWFLAKE, prices: Sequence[Rate] = PRICES) -> None:
        self.billing, self.prices = billing, prices
        self.rows: dict[str, list[Row]] = {name: [] for name in FACTS}

    def __repr__(self) -> str:
        return f"World({', '.join(f'{len(rows)} {name}' for name, rows in self.rows.items() if rows)})"

    def query(self, name: str, at: float, until: float, **more: Any) -> World:
        """Add a query that executed in [at, until) on pool `wh`, an X-Small; pool=None: on none."""
        begin, end = START + round(at * SECOND), START + round(until * SECOND)
        pool = more.pop("pool", "wh")
        row = {
            "query_id": name,
            "pool_id": pool,
            "pool": pool and pool.upper(),
            "pool_kind": "standard" if pool else "none",
            "pool_size": "XSMALL" if pool else None,
            "started_at": begin,
            "ended_at": end,
            "day": end // DAY,
            "status": "success",
        }
        self.rows["queries"].append(row | more)
        return self

    def told(self, name: str, units: float, *, hour: int | None = None, unit: str | None = None, **more: Any) -> World:
        """Add the vendor's figure for a query: for one hour, or for the whole of it."""
        query = next((row for row in self.rows["queries"] if row["query_id"] == name), {})
        row = {
            "query_id": name,
            "pool_id": query.get("pool_id", "wh"),
            "unit": unit or self.billing.pool_unit,
            "units": float(units),
            "hour": None if hour is None else START + hour * HOUR,
            "started_at": query.get("started_at"),
            "ended_at": query.get("ended_at"),
            **more,
        }
        end = row["hour"] if hour is not None else row["ended_at"]
        self.rows["query_usage"].append({"day": end // DAY, **row})
        return self

    def meter(self, hour: int, units: Number, own: Number | None = None, **more: Any) -> World:
        """Add an hour of metering of pool `wh`."""
        at = START + hour * HOUR
        row = {
            "pool_id": "wh",
            "pool": "WH",
            "pool_kind": "standard",
            "service": self.billing.pool_service,
            "hour": at,
            "day": at // DAY,
            "unit": self.billing.pool_unit,
            "units": number(units),
            "own_units": number(own),
        }
        self.rows["metering"].append(row | more)
        return self

    def event(self, at: float, event: str, **more: Any) -> World:
        when = START + round(at * SECOND)
        self.rows["pool_events"].append({"pool_id": "wh", "at": when, "day": when // DAY, "event": event, **more})
        return self

    def line(self, service: str, units: Number, hour: int = 0, hours: int = 1, **more: Any) -> World:
        """Add a usage line of one or more hours."""
        at = START + hour * HOUR
        row = {
            "service": service,
            "category": "serverless",
            "started_at": at,
            "ended_at": at + hours * HOUR,
            "day": at // DAY,
        }
        self.rows["usage"].append({**row, "unit": "credits", "units": number(units), **more})
        return self

    def billed(self, service: str, units: Number | None, cost: Number | None, day: int = 0, **more: Any) -> World:
        row = {
            "day": TODAY + day,
            "service": service,
            "kind": "compute",
            "unit": self.billing.pool_unit,
            "currency": "USD",
        }
        self.rows["bill"].append({**row, "units": number(units), "cost": number(cost), **more})
        return self

    def rate(self, service: str, price: Number, day: int = 0, **more: Any) -> World:
        row = {
            "day": TODAY + day,
            "service": service,
            "unit": self.billing.pool_unit,
            "price": number(price),
            "currency": "USD",
        }
        self.rows["rates"].append({**row, "origin": "rate sheet", "is_final": False, **more})
        return self

    def moved(self, days: int, prefix: str) -> World:
        """Return the world some days later, its queries renamed: so that many worlds fit into one."""
        moved = World(self.billing, self.prices)
        for table, rows in self.rows.items():
            for row in rows:
                later = {name: row[name] + days * DAY for name in INSTANTS if row.get(name) is not None}
                named = {name: f"{prefix}/{row[name]}" for name in IDS if row.get(name) is not None}
                moved.rows[table].append({**row, **later, **named, "day": row["day"] + days})
        return moved

    def days(self) -> list[int]:
        """Return every day that has a fact or that a query touches."""
        found = {row["day"] for rows in self.rows.values() for row in rows}
        for row in self.rows["queries"]:
            found.update(range(row["started_at"] // DAY, row["ended_at"] // DAY + 1))
        return sorted(found)


def register(engine: Engine, rows: Mapping[str, Sequence[Row]]) -> dict[str, ir.Table]:
    """Return rows as fact tables; what a row does not say is null, but for the source."""
    facts = {}
    for name, listed in rows.items():
        columns = TABLES[name].columns
        filled = [{"source": "prod", **row} for row in listed]
        arrow = pa.table({c.name: pa.array([row.get(c.name) for row in filled], ARROW[c.type]) for c in columns})
        facts[name] = engine.register(arrow, name, columns)
    return facts


def rates_of(
    world: World, engine: Engine, facts: Mapping[str, ir.Table], days: Collection[int], as_of: int
) -> list[Row]:
    """Return the prices of a world, resolved as a sync does."""
    wanted = engine.rows(needs(facts, world.billing, days))
    return resolve_rates(
        filled(world, "bill"), filled(world, "rates"), world.prices, wanted, world.billing, days, as_of
    )


def filled(world: World, table: str) -> list[Row]:
    """Return rows with every column of their table."""
    return [{name: row.get(name) for name in TABLES[table].names} for row in world.rows[table]]


def charges_of(
    world: World,
    days: Collection[int] | None = None,
    as_of: int = LATER,
    see: Callable[[World], Mapping[str, Sequence[Row]]] = lambda world: world.rows,
) -> list[Row]:
    """Price a world on an engine of its own; `see` says which rows pricing is shown."""
    with Engine(threads=1) as engine:
        facts = register(engine, world.rows)
        everything = world.days()
        resolved = rates_of(world, engine, facts, everything, as_of)
        shown = register(engine, see(world))
        rates = register(engine, {"rates": resolved})["rates"]
        charges = price(shown, rates, world.billing, days or everything, as_of, engine.materialise)
        return engine.rows(charges)


def book(charges: Sequence[Row], column: str = "units") -> dict[tuple[Any, ...], float]:
    """Return sums by category, query or cause or object, and hour since the Monday began."""
    found: dict[tuple[Any, ...], float] = {}
    for charge in charges:
        who = charge["query_id"] or charge["object_id"] or charge["cause"]
        hour = None if charge["hour"] is None else (charge["hour"] - START) // HOUR
        key = (charge["category"], who, hour)
        found[key] = found.get(key, 0.0) + float(charge[column])
    return found


def total(charges: Sequence[Row], column: str = "units", **where: Any) -> Decimal:
    """Return the sum of charges whose columns are as given."""
    rows = (row for row in charges if all(row[name] == value for name, value in where.items()))
    return sum((row[column] for row in rows), Decimal(0))


#: Days between worlds that are priced together.
APART = 14


def together(worlds: Mapping[str, World]) -> World:
    """Put many worlds of one warehouse into one, each some weeks after the one before."""
    every = World(next(iter(worlds.values())).billing)
    for place, (name, world) in enumerate(worlds.items()):
        for table, rows in world.moved(place * APART, name).rows.items():
            every.rows[table].extend(rows)
    return every


def charges_of_all(worlds: Mapping[str, World], **how: Any) -> dict[str, list[Row]]:
    """Price many worlds of one warehouse at once; return each one's charges as if it had been alone."""
    found: dict[str, list[Row]] = {name: [] for name in worlds}
    names = list(worlds)
    for charge in charges_of(together(worlds), **how):
        place = (charge["day"] - TODAY) // APART
        back = {name: charge[name] - place * APART * DAY for name in INSTANTS if charge.get(name) is not None}
        query = charge["query_id"] and charge["query_id"].removeprefix(f"{names[place]}/")
        found[names[place]].append({**charge, **back, "query_id": query, "day": charge["day"] - place * APART})
    return found
