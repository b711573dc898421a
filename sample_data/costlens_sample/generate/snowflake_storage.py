"""The views of Snowflake's storage and transfer."""

from __future__ import annotations

from datetime import date

from costlens_sample.generate.clock import HOUR, at, days, utc
from costlens_sample.generate.company import ACCOUNT, LOCATOR, ORGANIZATION, REGION
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.services import slices, stored, tables, transfers

STORAGE_DAILY_HISTORY = schema("""
SERVICE_TYPE text
ORGANIZATION_NAME text
ACCOUNT_NAME text
USAGE_DATE date
AVERAGE_BYTES int
REGION text
ACCOUNT_LOCATOR text
CREDITS credits
""")

DATABASE_STORAGE_USAGE_HISTORY = schema("""
USAGE_DATE date
DATABASE_ID int
DATABASE_NAME text
DELETED time
AVERAGE_DATABASE_BYTES float
AVERAGE_FAILSAFE_BYTES float
AVERAGE_HYBRID_TABLE_STORAGE_BYTES float
""")

TABLE_STORAGE_METRICS = schema("""
USAGE_DATE date
ID int
TABLE_NAME text
TABLE_SCHEMA text
TABLE_CATALOG text
CLONE_GROUP_ID int
IS_TRANSIENT text
ACTIVE_BYTES int
TIME_TRAVEL_BYTES int
FAILSAFE_BYTES int
RETAINED_FOR_CLONE_BYTES int
DELETED bool
TABLE_CREATED time
TABLE_DROPPED time
""")

DATA_TRANSFER_HISTORY = schema("""
START_TIME time
END_TIME time
SOURCE_CLOUD text
SOURCE_REGION text
TARGET_CLOUD text
TARGET_REGION text
BYTES_TRANSFERRED int
TRANSFER_TYPE text
""")

_CREATED = date(2025, 9, 1)


def storage_daily_history() -> list[Row]:
    """Return the account's average bytes per day; CREDITS is the day's slice of a TiB-month, no compute credit."""
    return [
        {
            "SERVICE_TYPE": "STORAGE",
            "ORGANIZATION_NAME": ORGANIZATION,
            "ACCOUNT_NAME": ACCOUNT,
            "USAGE_DATE": day,
            "AVERAGE_BYTES": sum(stored(day, table) for table in tables()),
            "REGION": REGION,
            "ACCOUNT_LOCATOR": LOCATOR,
            "CREDITS": slices(day),
        }
        for day in days()
    ]


def database_storage_usage_history() -> list[Row]:
    """Return average bytes per database and day."""
    rows: list[Row] = []
    for day in days():
        for number, database in enumerate(("ANALYTICS", "RAW", "ML"), 1):
            inside = [t for t in tables() if t.name.startswith(f"{database}.") and t.bytes]
            total = sum(stored(day, t) for t in inside)
            failsafe = sum(stored(day, t) * t.failsafe // t.bytes for t in inside)
            row = {"USAGE_DATE": day, "DATABASE_ID": number, "DATABASE_NAME": database}
            rows.append(
                {**row, "AVERAGE_DATABASE_BYTES": float(total - failsafe), "AVERAGE_FAILSAFE_BYTES": float(failsafe)}
            )
    return rows


def table_storage_metrics() -> list[Row]:
    """Return one snapshot per day of what each table holds; a dropped one stays until its fail-safe ends."""
    rows: list[Row] = []
    for day in days():
        for table in tables():
            total = stored(day, table)
            if not total:
                continue
            database, schema_name, name = table.name.split(".")
            is_dropped = table.dropped is not None and table.dropped <= day
            time_travel, failsafe = (total * part // table.bytes for part in (table.time_travel, table.failsafe))
            rows.append(
                {
                    "USAGE_DATE": day,
                    "ID": table.id,
                    "TABLE_NAME": name,
                    "TABLE_SCHEMA": schema_name,
                    "TABLE_CATALOG": database,
                    "CLONE_GROUP_ID": table.id,
                    "IS_TRANSIENT": "YES" if table.is_transient else "NO",
                    "ACTIVE_BYTES": total - time_travel - failsafe,
                    "TIME_TRAVEL_BYTES": time_travel,
                    "FAILSAFE_BYTES": failsafe,
                    "RETAINED_FOR_CLONE_BYTES": 0,
                    "DELETED": is_dropped,
                    "TABLE_CREATED": utc(at(_CREATED)),
                    "TABLE_DROPPED": utc(at(table.dropped, 9)) if is_dropped and table.dropped else None,
                }
            )
    return rows


def data_transfer_history() -> list[Row]:
    """Return the copies that leave the region."""
    return [
        {
            "START_TIME": utc(start),
            "END_TIME": utc(start + HOUR),
            "SOURCE_CLOUD": "AWS",
            "SOURCE_REGION": "us-east-1",
            "TARGET_CLOUD": "GCP",
            "TARGET_REGION": "us-east4",
            "BYTES_TRANSFERRED": size,
            "TRANSFER_TYPE": "COPY",
        }
        for start, size in transfers()
    ]
