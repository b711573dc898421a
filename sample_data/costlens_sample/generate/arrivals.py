"""Rows that came later than the vendor says, and rows that were restated: what a sync at a given hour did not see yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from costlens_sample.generate.account import Account
from costlens_sample.generate.bigquery import Project
from costlens_sample.generate.bigquery_bill import LATE_DAY
from costlens_sample.generate.billing import PRICES, RESTATED_DAY, Bill
from costlens_sample.generate.clock import HOUR, at, utc
from costlens_sample.generate.company import BIGQUERY, SNOWFLAKE
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.snowflake_bill import (
    metering_daily_history,
    usage_in_currency_daily,
    warehouse_metering_history,
)

#: `key` and `before` are JSON objects of columns; `before` = what the row said until `arrived_at`, null = nothing.
ARRIVALS = schema("""
source text
view text
key text
arrived_at time
before text
""")

#: Compute credits that the first version of three pool-hours lacked.
MISSING = Decimal("1.25")


def plain(value: object) -> str | None:
    """Return a value as it stands in `key` and `before`."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return None if value is None else str(value)


def rows(account: Account, bill: Bill, project: Project) -> list[Row]:
    """Return what was late or restated in both sources."""
    return [*_late_snowflake(account), *_restated(bill), *_late_bigquery(project)]


def _row(source: str, view: str, key: Mapping[str, object], arrived_at: datetime, before: Row | None = None) -> Row:
    return {
        "source": source,
        "view": view,
        "key": json.dumps({name: plain(value) for name, value in key.items()}),
        "arrived_at": arrived_at,
        "before": json.dumps({name: plain(value) for name, value in before.items()}) if before else None,
    }


def _ended(account: Account, start: int, hours: int) -> Iterable[str]:
    return (e.query_id for e in account.executions if start <= e.ended < start + hours * HOUR)


def _late_snowflake(account: Account) -> Iterator[Row]:
    """Late: an hour of queries by 12 hours, six by 60, two hours of weights by a day, a warehouse's metering by ten."""
    hour = at(date(2026, 10, 21), 14)
    for query_id in _ended(account, hour, 1):
        yield _row(SNOWFLAKE, "query_history", {"QUERY_ID": query_id}, utc(hour + 13 * HOUR))
    hour = at(date(2026, 10, 5), 8)
    for query_id in list(_ended(account, hour, 1))[:6]:
        yield _row(SNOWFLAKE, "query_history", {"QUERY_ID": query_id}, utc(hour + 61 * HOUR))
    hour = at(date(2026, 10, 23), 10)
    for query_id in _ended(account, hour, 2):
        yield _row(SNOWFLAKE, "query_attribution_history", {"QUERY_ID": query_id}, utc(hour + 30 * HOUR))
    for number in range(4):
        hour = at(date(2026, 10, 28), 12 + number)
        key = {"START_TIME": utc(hour), "WAREHOUSE_NAME": "BI_WH"}
        yield _row(SNOWFLAKE, "warehouse_metering_history", key, utc(hour + 11 * HOUR))


def _restated(bill: Bill) -> Iterator[Row]:
    """Three pool-hours were too low at first, and with them the day in credits and in money."""
    arrived_at = utc(at(RESTATED_DAY + timedelta(days=2), 15))
    hours = {utc(at(RESTATED_DAY, hour)) for hour in (1, 2, 3)}
    for row in warehouse_metering_history(bill):
        if row["WAREHOUSE_NAME"] == "CATALOG_ML_WH" and row["START_TIME"] in hours:
            names = ("CREDITS_USED", "CREDITS_USED_COMPUTE", "CREDITS_ATTRIBUTED_COMPUTE_QUERIES")
            key = {name: row[name] for name in ("START_TIME", "WAREHOUSE_NAME")}
            before = {name: row[name] - MISSING for name in names}
            yield _row(SNOWFLAKE, "warehouse_metering_history", key, arrived_at, before)
    for row in metering_daily_history(bill):
        if row["USAGE_DATE"] == RESTATED_DAY and row["SERVICE_TYPE"] == "WAREHOUSE_METERING":
            key = {name: row[name] for name in ("USAGE_DATE", "SERVICE_TYPE")}
            names = ("CREDITS_USED_COMPUTE", "CREDITS_USED", "CREDITS_BILLED")
            before = {name: row[name] - 3 * MISSING for name in names}
            yield _row(SNOWFLAKE, "metering_daily_history", key, arrived_at, before)
    for row in usage_in_currency_daily(bill):
        if row["USAGE_DATE"] == RESTATED_DAY and row["SERVICE_TYPE"] == "WAREHOUSE_METERING":
            key = {name: row[name] for name in ("USAGE_DATE", "SERVICE_TYPE", "USAGE_TYPE", "BALANCE_SOURCE")}
            usage = row["USAGE"] - 3 * MISSING
            cost = round(usage * PRICES["compute"], 2)
            before = {"USAGE": round(usage, 3), "USAGE_IN_CURRENCY": cost}
            yield _row(SNOWFLAKE, "usage_in_currency_daily", key, arrived_at + timedelta(days=1), before)


def _late_bigquery(project: Project) -> Iterator[Row]:
    """Late: an hour of jobs by a day; storage of the month's last day by four; a credit by twelve."""
    hour = at(date(2026, 10, 14), 10)
    for run in project.runs:
        if hour <= run.job.end < hour + HOUR and run.job.region == "us":
            yield _row(BIGQUERY, "jobs", {"job_id": run.id}, utc(hour + 25 * HOUR))
    for location in ("us", "eu"):
        for kind in ("Active", "Long Term"):
            key = {"usage_date": LATE_DAY, "sku": f"{kind} Logical Storage ({location})"}
            yield _row(BIGQUERY, "billing_export", key, utc(at(LATE_DAY + timedelta(days=4), 20)))
    credit = {"usage_date": date(2026, 10, 15), "cost_type": "adjustment"}
    yield _row(BIGQUERY, "billing_export", credit, utc(at(date(2026, 10, 27), 12)))
