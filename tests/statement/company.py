"""A small company in a real ledger: two months, two sources, two currencies, names that would like to run, and a bill that agrees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from costlens.config import Config, parse_config
from costlens.estate import Estate, Ownership, Team
from costlens.ledger import Ledger
from costlens.model import TABLES
from tests.allocate.world import World

AS_OF = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
#: A formula for a spreadsheet, a script for a browser.
FORMULA, SCRIPT = "=cmd|' /C calc'!A0", "<script>alert(1)</script>"
KINDS = {"shop": "snowflake", "lake": "bigquery"}
ESTATE = Estate(
    ownership=(
        Ownership("a/growth", "growth"),
        Ownership("a/sales", "sales"),
        Ownership("a/core", "platform"),
        Ownership(f"a/{SCRIPT}", FORMULA),
    ),
    teams=(
        Team("growth", cost_center="CC-1", email="growth@example.org"),
        Team("sales", cost_center="=CC-2"),
        Team("platform"),
    ),
)
CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
allocation:
  unattributed: separate
  rules:
    - {name: platform, match: {team: platform}, by: proportional}
budgets:
  limits:
    - {team: growth, amount: 50, currency: USD}
"""
_LAKE = {
    "text": pa.string(),
    "instant": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
}
_SEPTEMBER: dict[str, Any] = {"billing_period": "2026-09"}


def world() -> World:
    """Return two months of work; September has a line on each of its edges."""
    made = World()
    for hour in range(-720, 0, 90):
        made.query(hour, "1.005", "a/growth", **_SEPTEMBER)
        made.idle(hour, "0.4", **_SEPTEMBER)
    made.line(-1, "7.7777", "storage", "a/sales", service="STORAGE", unit="TiB-months", **_SEPTEMBER)
    for hour in range(0, 744, 62):
        made.query(hour, "2.123456789012", "a/growth", start=0, end=10)
        made.query(hour, "1.333", "a/sales", start=10, end=40)
        made.idle(hour, "0.777")
    made.query(5, "3", "a/core", pool="PLATFORM_WH")
    made.idle(5, "1", pool="PLATFORM_WH")
    made.query(20, "4.01", f"a/{SCRIPT}", pool=SCRIPT)
    made.query(21, "2.5", None, pool="ADHOC")
    made.idle(22, "1.111", pool="ADHOC", cause="no query")
    made.line(700, "9.5", "storage", "a/sales", service="STORAGE", unit="TiB-months")
    made.line(743, "-0.756", "adjustment")
    made.line(
        743, "12.345", "query", "a/sales", source="lake", currency="EUR", service="BigQuery", unit="TiB", pool=None
    )
    return made


def config(folder: Path, more: str = "") -> Config:
    """Write and read the company's configuration."""
    path = folder / "costlens.yml"
    path.write_text(CONFIG + more, encoding="utf-8")
    return parse_config(CONFIG + more, path)


def open_ledger(settings: Config) -> Ledger:
    return Ledger.open(settings.root.lake, settings.root.database)


def write(
    ledger: Ledger, made: World, *, billed: Sequence[dict[str, Any]] | None = None, as_of: datetime = AS_OF
) -> None:
    """Replace the whole ledger by a world; its bill is what was charged, unless `billed` says otherwise."""
    charges = [{**row, "method": "billed", "started_at": row["hour"], "ended_at": row["hour"]} for row in made.charges]
    bill = [
        {**row, "feed": "bill", "kind": row.get("bill_kind", "compute")}
        for row in (charges if billed is None else billed)
    ]
    queries = [{**row, "feed": "queries"} for row in made.queries]
    events = [{**row, "feed": "events"} for row in made.pool_events]
    tables = {"charges": charges, "daily": made.daily, "attributions": made.attributions, "bill": bill}
    tables |= {"queries": queries, "pool_events": events}
    with ledger.write("run", "test") as writer:
        for name, rows in tables.items():
            for source in KINDS:
                mine = [row for row in rows if row["source"] == source]
                there = writer.days(name, source)
                days = {row["day"] for row in mine}
                if days | there:
                    writer.replace(name, source, days | there, _table(name, mine))
        writer.commit(as_of, estate=ESTATE, info={"types": KINDS})


def _table(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    columns = TABLES[name].columns
    arrays = {}
    for column in columns:
        values = [row.get(column.name) for row in rows]
        raw = pa.int64() if column.type == "instant" else pa.int32() if column.type == "day" else _LAKE[column.type]
        arrays[column.name] = pa.array(values, raw).cast(_LAKE[column.type])
    return pa.table(arrays)


def total(made: World, currency: str = "USD", month: str = "2026-10") -> Decimal:
    """Return what a month was charged, exactly."""
    return sum(
        (row["cost"] for row in made.charges if row["currency"] == currency and row["billing_period"] == month),
        Decimal(0),
    )
