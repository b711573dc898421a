"""Ledgers whose newest day is not over: hours of cost, each a query of an asset, up to an instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from costlens.ledger import Ledger
from costlens.model import TABLES
from tests.report.books import EPOCH, ESTATE, line

DAYS = 43
TODAY = date(2026, 11, 19)
Cost = Callable[[datetime], float]
_KINDS = {
    "decimal": pa.decimal128(38, 12),
    "day": pa.date32(),
    "double": pa.float64(),
    "text": pa.string(),
    "int": pa.int64(),
    "instant": pa.timestamp("us", "UTC"),
}


def at(hour: int, day: date = TODAY) -> datetime:
    """Return an instant of a day, some minutes after the hour."""
    return datetime(day.year, day.month, day.day, hour, 20, tzinfo=timezone.utc)


@contextmanager
def ledger_until(folder: Path, assets: Mapping[str, Cost], now: datetime) -> Iterator[Ledger]:
    """Write what assets cost by the hour, as a sync at `now` finds it; again later, the same ledger knows more."""
    tables: dict[str, list[dict[str, Any]]] = {"charges": [], "queries": [], "attributions": [], "daily": []}
    begin = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=timezone.utc) - timedelta(days=DAYS)
    for asset, cost in assets.items():
        sums: dict[date, float] = {}
        hour = begin
        while hour < now:
            if money := cost(hour):
                _add(tables, asset, hour, money)
                sums[hour.date()] = sums.get(hour.date(), 0.0) + money
            hour += timedelta(hours=1)
        told = {"asset": asset, "user": "ETL", "shape": asset, "queries": 24.0, "seconds": 3600.0}
        tables["daily"] += [line(str(day), f"{total:.6f}", **told) for day, total in sums.items()]
    with Ledger.open(str(folder / "lake"), f"sqlite:///{folder / 'costlens.db'}") as ledger:
        with ledger.write("run", "test") as writer:
            for name, rows in tables.items():
                days = {row["day"].toordinal() - EPOCH for row in rows}
                writer.replace(name, "shop", days, _table(name, rows))
            writer.commit(now, estate=ESTATE, info={"types": {"shop": "snowflake"}})
        yield ledger


def _add(tables: dict[str, list[dict[str, Any]]], asset: str, hour: datetime, money: float) -> None:
    query, day = f"{asset} {hour.isoformat()}", hour.date()
    own = {"source": "shop", "day": day, "pool": "WH", "query_id": query}
    cost = Decimal(f"{money:.6f}")
    charge = {**own, "hour": hour, "billing_period": f"{day:%Y-%m}", "category": "query", "currency": "USD"}
    charge |= {"units": cost, "cost": cost, "list_cost": cost, "method": "vendor", "status": "provisional"}
    tables["charges"].append({**charge, "service": "WAREHOUSE_METERING", "unit": "credits"})
    tables["queries"].append({**own, "feed": "queries", "user": "ETL", "shape": asset, "ended_at": hour})
    told = {"subject_kind": "query", "subject_id": query, "asset": asset, "share": 1.0, "method": "tag"}
    tables["attributions"].append({"source": "shop", "day": day, **told})


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    columns = [column for column in TABLES[name].columns if any(column.name in row for row in rows)]
    return pa.table({c.name: pa.array([row.get(c.name) for row in rows], _KINDS[c.type]) for c in columns})


def steady(money: float) -> Cost:
    """Return so much an hour, half of it at weekends; days waver a little."""
    return lambda hour: (0.5 if hour.weekday() > 4 else 1.0) * (money + hour.day % 5 / 20)


def times(cost: Cost, factor: float, since: datetime, until: datetime) -> Cost:
    """Return a cost that is so many times as high for some hours."""
    return lambda hour: cost(hour) * (factor if since <= hour < until else 1)
