"""A stand-in account over HTTP, for the real driver: fakesnow's server with the usage views as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from costlens.connector import View
from costlens_snowflake.views import VIEWS
from tests.ports import held_port

if find_spec("fakesnow"):  # not there in the environment of the newer driver
    from fakesnow import server as fakesnow_server  # now: once it ran, the name is its module's

EXPORT = Path(__file__).parent / "export"
SCHEMAS = ("account_usage", "organization_usage", "billing", "reader_account_usage")
_TYPES = {
    "text": "varchar",
    "json": "varchar",
    "instant": "timestamp_tz",
    "day": "date",
    "integer": "number(38, 0)",
    "double": "float",
    "decimal": "number(38, 9)",
    "boolean": "boolean",
}


def exported(view: View) -> list[dict[str, Any]]:
    """Return the rows of the export by lower-case column name."""
    lines = (EXPORT / f"{view.name}.jsonl").read_text().splitlines()
    return [{name.lower(): value for name, value in json.loads(line).items()} for line in lines]


def schema_of(view: View) -> str:
    if view.name.startswith("focus"):
        return "billing"
    if view.name.startswith("reader_"):
        return "reader_account_usage"
    organization = {"rate_sheet_daily", "usage_in_currency_daily", "storage_daily_history"}
    return "organization_usage" if view.name in organization else "account_usage"


def literal(value: Any, kind: str) -> str:
    if value is None:
        return "null"
    if kind in {"integer", "double", "decimal"}:
        return str(value)
    text = str(value).replace(" +0000", "+00:00").replace("'", "''")
    return f"'{text}'::{_TYPES[kind]}"


def seed(cursor: Any, view: View) -> None:
    """Make a view's table and fill it with the export's rows."""
    spelt = (lambda name: f'"{_MIXED[name]}"') if schema_of(view) == "billing" else (lambda name: name)
    columns = [column for column in view.columns if not (view.is_snapshot and column.name == view.time_column)]
    made = ", ".join(f"{spelt(c.name)} {_TYPES[c.type]}" for c in columns)
    table = f"snowflake.{schema_of(view)}.{view.name.removeprefix('reader_')}"
    cursor.execute(f"create table {table} ({made})")
    rows = exported(view)
    values = ", ".join("(" + ", ".join(literal(row.get(c.name), c.type) for c in columns) + ")" for row in rows)
    cursor.execute(f"insert into {table} select * from values {values}")


_MIXED = {
    name.lower(): name
    for name in (
        "ChargePeriodStart",
        "BillingPeriodStart",
        "SubAccountId",
        "SubAccountName",
        "ChargeCategory",
        "ServiceName",
        "PricingUnit",
        "BillingCurrency",
        "PricingQuantity",
        "BilledCost",
    )
}


@pytest.fixture(scope="session")
def account() -> Iterator[dict[str, Any]]:
    """Start the stand-in and return what a source's settings need to reach it."""
    import snowflake.connector

    with held_port() as port, fakesnow_server(port=port) as given:
        # Its one second for an answer is too short on a busy machine.
        with (
            snowflake.connector.connect(**{**given, "network_timeout": 120}) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("create database if not exists snowflake")
            for schema in SCHEMAS:
                cursor.execute(f"create schema if not exists snowflake.{schema}")
            for view in VIEWS:
                seed(cursor, view)
        reach = {name: given[name] for name in ("user", "password", "host", "port", "protocol")}
        yield {"name": "prod", "type": "snowflake", "account": "acme-prod", **reach}
