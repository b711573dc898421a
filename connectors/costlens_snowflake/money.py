"""Turns storage, the bill in credits and in currency, and the rate sheet into facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.connector import Facts
from costlens_snowflake.dates import billing_period, days_in_month
from costlens_snowflake.metering import decimal, dotted
from costlens_snowflake.queries import MICROSECONDS_PER_DAY, day_of
from costlens_snowflake.services import CLOUD_SERVICES, CREDITS, STORAGE, TIB, TIB_MONTHS, WAREHOUSE_METERING, unit_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

_NULL = ibis.null("string")
_NO_DECIMAL = ibis.null("decimal(38, 12)")
_TIB = 2.0**40


def tables(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return one day's slice of each table's storage: TiB divided by the days of the month.

    Billable are active, Time Travel, fail-safe bytes and those retained for clones, of dropped tables too; a clone owns
    only what it wrote itself.
    """
    bytes_held = (
        rows.active_bytes.fill_null(0)
        + rows.time_travel_bytes.fill_null(0)
        + rows.failsafe_bytes.fill_null(0)
        + rows.retained_for_clone_bytes.fill_null(0)
    )
    facts = rows.select(
        **_storage(rows, account),
        service=ibis.literal(STORAGE),
        kind=ibis.ifelse(rows.deleted.fill_null(False), "dropped table", "table"),
        object_id=rows.id,
        object=dotted(rows.table_catalog, rows.table_schema, rows.table_name),
        units=_slice(bytes_held, rows.usage_date),
    )
    return [Facts("usage", facts)]


def databases(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return one day's slice of each database's storage, fail-safe included."""
    facts = rows.select(
        **_storage(rows, account),
        service=ibis.literal(STORAGE),
        kind=ibis.literal("database"),
        object_id=rows.database_id,
        object=rows.database_name,
        units=_slice(rows.average_database_bytes + rows.average_failsafe_bytes.fill_null(0), rows.usage_date),
    )
    return [Facts("usage", facts)]


def accounts(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return one day's slice of the account's storage as it is billed; reader accounts have a service of their own."""
    facts = rows.select(
        **_storage(rows, account),
        service=ibis.coalesce(rows.service_type, STORAGE),
        kind=ibis.literal("account"),
        object_id=_NULL,
        object=_NULL,
        units=_slice(rows.average_bytes, rows.usage_date),
    )
    return [Facts("usage", facts)]


def _storage(rows: ir.Table, account: str | None) -> dict[str, ir.Value]:
    start = rows.usage_date.cast("int64") * MICROSECONDS_PER_DAY
    return {
        "day": rows.usage_date,
        "account": ibis.literal(account, "string"),
        "region": _NULL,
        "category": ibis.literal("storage"),
        "pool_id": _NULL,
        "started_at": start,
        "ended_at": start + MICROSECONDS_PER_DAY,
        "unit": ibis.literal(TIB_MONTHS),
    }


def _slice(size: ir.NumericValue, day: ir.IntegerValue) -> ir.DecimalValue:
    return decimal(size.cast("float64") / _TIB / days_in_month(day))


def credits_billed(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the bill in credits: a UTC day's credits of each service, cloud services before their adjustment.

    Cloud services are told apart for warehouses only: those of a serverless service are within its own credits and have
    no free part.
    """
    of_warehouses = rows.service_type == WAREHOUSE_METERING
    facts = rows.select(
        day=rows.usage_date,
        account=ibis.literal(account, "string"),
        region=_NULL,
        service=rows.service_type,
        kind=ibis.literal("compute"),
        unit=unit_of(rows.service_type),
        units=ibis.coalesce(
            rows.credits_used,
            rows.credits_used_compute.fill_null(0) + rows.credits_used_cloud_services.fill_null(0),
        ),
        overhead_units=ibis.ifelse(of_warehouses, rows.credits_used_cloud_services, _NO_DECIMAL),
        adjustment_units=rows.credits_adjustment_cloud_services,
        cost=_NO_DECIMAL,
        currency=_NULL,
        billing_period=billing_period(rows.usage_date),
    )
    return [Facts("bill", facts.mutate(units=decimal(facts.units)))]


def currency_billed(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the bill in currency: a UTC day's money of each service; rebates, fees and adjustments keep their kind."""
    service = _service(rows)
    rating, billing = rows.rating_type.fill_null("").lower(), rows.billing_type.fill_null("").lower()
    usual = billing.isin(["", "consumption"])
    kind = ibis.cases(
        (rows.is_adjustment.fill_null(False), "adjustment"),
        (billing.isin(["rebate", "support_credit"]), "credit"),
        (~usual, "other"),
        (service == CLOUD_SERVICES, "overhead"),
        (rating == "compute", "compute"),
        (rating == "storage", "storage"),
        (rating == "data_transfer", "transfer"),
        else_="other",
    )
    facts = rows.select(
        day=rows.usage_date,
        account=ibis.literal(account, "string"),
        region=_NULL,
        service=ibis.ifelse(usual, service, billing.upper() + " " + service),  # a rebate is no price of the service
        kind=kind,
        unit=_unit(service, rating),
        units=rows.usage,
        overhead_units=_NO_DECIMAL,
        adjustment_units=_NO_DECIMAL,
        cost=rows.usage_in_currency,
        currency=rows.currency,
        billing_period=billing_period(rows.usage_date),
    )
    return [Facts("bill", facts)]


def focus_billed(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the bill in currency from the FOCUS view, whose names of services are not those of the metering views."""
    day = day_of(rows.chargeperiodstart)
    category = rows.chargecategory.fill_null("Usage").lower()
    unit = ibis.cases(
        (rows.pricingunit.lower() == "credits", CREDITS),
        (rows.pricingunit.lower() == "tib-months", TIB_MONTHS),
        else_=rows.pricingunit,
    )
    facts = rows.select(
        day=day,
        account=ibis.literal(account, "string"),
        region=_NULL,
        service=ibis.ifelse(
            category.isin(["usage", "adjustment"]), rows.servicename, category.upper() + " " + rows.servicename
        ),
        kind=ibis.cases(
            (category == "adjustment", "adjustment"),
            (unit == CREDITS, "compute"),
            (unit == TIB_MONTHS, "storage"),
            else_="other",
        ),
        unit=unit,
        units=rows.pricingquantity,
        overhead_units=_NO_DECIMAL,
        adjustment_units=_NO_DECIMAL,
        cost=rows.billedcost,
        currency=rows.billingcurrency,
        billing_period=billing_period(ibis.coalesce(day_of(rows.billingperiodstart), day)),
    )
    return [Facts("bill", facts)]


def rates(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the rate sheet's prices of consumption; they have two decimals and hold for days with usage only."""
    usual = rows.billing_type.fill_null("consumption").lower() == "consumption"
    sheet = rows.filter(usual & ~rows.is_adjustment.fill_null(False))
    service = _service(sheet)
    facts = sheet.select(
        day=sheet.date,
        account=ibis.literal(account, "string"),
        region=_NULL,
        service=service,
        unit=_unit(service, sheet.rating_type.fill_null("").lower()),
        price=sheet.effective_rate,
        list_price=_NO_DECIMAL,
        currency=sheet.currency,
        valid_from=sheet.date,
        valid_to=(sheet.date + 1).cast("int32"),
        origin=ibis.literal("rate sheet"),
        is_final=ibis.literal(False),
    )
    return [Facts("rates", facts)]


def _service(rows: ir.Table) -> ir.StringValue:
    """Return the billed service; warehouses were called COMPUTE before, and fees have none."""
    named = ibis.coalesce(rows.service_type.nullif(""), rows.rating_type.upper(), ibis.literal("OTHER"))
    return ibis.ifelse(named == "COMPUTE", WAREHOUSE_METERING, named)


def _unit(service: ir.StringValue, rating: ir.StringValue) -> ir.StringValue:
    return ibis.cases((rating == "storage", TIB_MONTHS), (rating == "data_transfer", TIB), else_=unit_of(service))
