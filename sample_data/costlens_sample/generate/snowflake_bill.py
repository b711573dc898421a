"""The views that carry units and money: metering by hour and day, rate sheet, usage in currency."""

from __future__ import annotations

from datetime import date

from costlens_sample.generate.billing import CURRENCY, UNMETERED, Bill, MoneyLine
from costlens_sample.generate.clock import HOUR, utc
from costlens_sample.generate.company import ACCOUNT, LOCATOR, ORGANIZATION, REGION, WAREHOUSES
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.snowflake_objects import parts

WAREHOUSE_METERING_HISTORY = schema("""
START_TIME time
END_TIME time
WAREHOUSE_ID int
WAREHOUSE_NAME text
CREDITS_USED credits
CREDITS_USED_COMPUTE credits
CREDITS_USED_CLOUD_SERVICES credits
CREDITS_ATTRIBUTED_COMPUTE_QUERIES credits
""")

METERING_HISTORY = schema("""
SERVICE_TYPE text
START_TIME time
END_TIME time
ENTITY_ID int
ENTITY_TYPE text
NAME text
DATABASE_ID int
DATABASE_NAME text
SCHEMA_ID int
SCHEMA_NAME text
CREDITS_USED_COMPUTE credits
CREDITS_USED_CLOUD_SERVICES credits
CREDITS_USED credits
BYTES int
ROWS int
FILES int
""")

METERING_DAILY_HISTORY = schema("""
SERVICE_TYPE text
USAGE_DATE date
CREDITS_USED_COMPUTE credits
CREDITS_USED_CLOUD_SERVICES credits
CREDITS_USED credits
CREDITS_ADJUSTMENT_CLOUD_SERVICES credits
CREDITS_BILLED credits
""")

_CONTRACT = """
ORGANIZATION_NAME text
CONTRACT_NUMBER text
ACCOUNT_NAME text
ACCOUNT_LOCATOR text
REGION text
SERVICE_LEVEL text
"""

USAGE_IN_CURRENCY_DAILY = schema(
    _CONTRACT
    + """USAGE_DATE date
USAGE_TYPE text
USAGE thousandths
CURRENCY text
USAGE_IN_CURRENCY cents
BALANCE_SOURCE text
BILLING_TYPE text
RATING_TYPE text
SERVICE_TYPE text
IS_ADJUSTMENT bool
"""
)

RATE_SHEET_DAILY = schema(
    "DATE date\n"
    + _CONTRACT.lstrip()
    + """USAGE_TYPE text
CURRENCY text
EFFECTIVE_RATE cents
SERVICE_TYPE text
RATING_TYPE text
BILLING_TYPE text
IS_ADJUSTMENT bool
"""
)

_WAREHOUSE_IDS = {w.name: w.id for w in WAREHOUSES} | {"CLOUD_SERVICES_ONLY": 0}
_ORDER = (
    "ORGANIZATION_NAME",
    "CONTRACT_NUMBER",
    "ACCOUNT_NAME",
    "ACCOUNT_LOCATOR",
    "REGION",
    "SERVICE_LEVEL",
)
_ACCOUNT: Row = dict(zip(_ORDER, (ORGANIZATION, "K-20417", ACCOUNT, LOCATOR, REGION, "ENTERPRISE"), strict=True))


def warehouse_metering_history(bill: Bill) -> list[Row]:
    """Return one row per pool and hour but the unmetered one; the last three are there twice."""
    rows: list[Row] = [
        {
            "START_TIME": utc(hour),
            "END_TIME": utc(hour + HOUR),
            "WAREHOUSE_ID": _WAREHOUSE_IDS[name],
            "WAREHOUSE_NAME": name,
            "CREDITS_USED": entry.compute + entry.overhead,
            "CREDITS_USED_COMPUTE": entry.compute,
            "CREDITS_USED_CLOUD_SERVICES": entry.overhead,
            "CREDITS_ATTRIBUTED_COMPUTE_QUERIES": entry.own,
        }
        for (name, hour), entry in bill.hours.items()
        if (name, hour) != UNMETERED
    ]
    return [*rows, *rows[-3:]]


def metering_history(bill: Bill) -> list[Row]:
    """Return the same hours and the serverless lines as one list by service."""
    rows: list[Row] = [
        {
            "SERVICE_TYPE": "WAREHOUSE_METERING",
            "START_TIME": utc(hour),
            "END_TIME": utc(hour + HOUR),
            "ENTITY_ID": _WAREHOUSE_IDS[name],
            "ENTITY_TYPE": "WAREHOUSE",
            "NAME": name,
            "CREDITS_USED_COMPUTE": entry.compute,
            "CREDITS_USED_CLOUD_SERVICES": entry.overhead,
            "CREDITS_USED": entry.compute + entry.overhead,
        }
        for (name, hour), entry in bill.hours.items()
        if (name, hour) != UNMETERED
    ]
    for line in bill.lines:
        database, schema_name, name = parts(line)
        rows.append(
            {
                "SERVICE_TYPE": line.service,
                "START_TIME": utc(line.start),
                "END_TIME": utc(line.end),
                "ENTITY_ID": line.thing.id,
                "ENTITY_TYPE": line.thing.kind,
                "NAME": name,
                "DATABASE_NAME": database,
                "SCHEMA_NAME": schema_name,
                "CREDITS_USED_COMPUTE": line.credits,
                "CREDITS_USED_CLOUD_SERVICES": 0,
                "CREDITS_USED": line.credits,
            }
        )
    return rows


def metering_daily_history(bill: Bill) -> list[Row]:
    """Return the credit bill of record: one row per service and UTC day."""
    return [
        {
            "SERVICE_TYPE": entry.service,
            "USAGE_DATE": entry.day,
            "CREDITS_USED_COMPUTE": entry.compute,
            "CREDITS_USED_CLOUD_SERVICES": entry.overhead,
            "CREDITS_USED": entry.compute + entry.overhead,
            "CREDITS_ADJUSTMENT_CLOUD_SERVICES": entry.adjustment,
            "CREDITS_BILLED": entry.billed,
        }
        for entry in bill.days
    ]


def usage_in_currency_daily(bill: Bill) -> list[Row]:
    """Return the money of record: usage with three places, money with two."""
    return [
        {
            **_ACCOUNT,
            "USAGE_DATE": line.day,
            "USAGE_TYPE": line.usage_type,
            "USAGE": line.usage,
            "CURRENCY": CURRENCY,
            "USAGE_IN_CURRENCY": line.cost,
            "BALANCE_SOURCE": line.balance,
            "BILLING_TYPE": "consumption",
            "RATING_TYPE": line.rating,
            "SERVICE_TYPE": line.service,
            "IS_ADJUSTMENT": line.is_adjustment,
        }
        for line in bill.money
    ]


def rate_sheet_daily(bill: Bill) -> list[Row]:
    """Return one price per day and usage type; the pool's and the adjustment's are of one service each."""
    rows: dict[tuple[date, str], MoneyLine] = {}
    for line in bill.money:
        rows.setdefault((line.day, line.usage_type), line)
    return [
        {
            "DATE": line.day,
            **_ACCOUNT,
            "USAGE_TYPE": line.usage_type,
            "CURRENCY": CURRENCY,
            "EFFECTIVE_RATE": line.price,
            "SERVICE_TYPE": line.service,
            "RATING_TYPE": line.rating,
            "BILLING_TYPE": "consumption",
            "IS_ADJUSTMENT": line.is_adjustment,
        }
        for line in rows.values()
    ]
