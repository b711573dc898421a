"""Turns the Cloud Billing export into the bill: what is owed per Pacific day and service, net of credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens_bigquery.services import ANALYSIS, RESERVATIONS, STORAGE, STORAGE_API, STREAMING, WRITE_API

if TYPE_CHECKING:
    import ibis.expr.types as ir

_AMOUNT = "decimal(38, 12)"
#: Google's pricing unit -> ours; a unit that is not here keeps Google's name.
_UNITS = {
    "tebibyte": "TiB",
    "gibibyte month": "GiB-months",
    "gibibyte": "GiB",
    "mebibyte": "GiB",
    "hour": "slot-hours",
}
_MEBIBYTE = "mebibyte"


def bill(rows: ir.Table) -> ir.Table:
    """Turn rows of the billing export, in the form of `live/billing_export.sql`, into bill lines.

    `day` is the Pacific day of use, `billing_period` the month of the invoice, which may be another. A service is
    named as the metering names it where the sku is known, else `<service>/<sku>`, so that no two skus share a line.
    """
    sku = ibis.coalesce(rows.sku, "").re_replace(r"\s*\([^)]*\)\s*$", "")
    service = _service(rows.service, sku)
    unit = ibis.coalesce(rows.pricing_unit, "none")
    amount = rows.amount.cast("float64")
    return rows.select(
        day=rows.usage_date,
        account=rows.project_id,
        region=rows.location.lower(),
        service=service,
        kind=_kind(rows.cost_type, service),
        unit=ibis.cases(*((unit == theirs, ours) for theirs, ours in _UNITS.items()), else_=unit),
        units=(unit == _MEBIBYTE).ifelse(amount / 1024.0, amount).cast(_AMOUNT),
        overhead_units=ibis.null(_AMOUNT),
        adjustment_units=ibis.null(_AMOUNT),
        cost=rows.cost.cast(_AMOUNT),
        currency=rows.currency,
        billing_period=rows.invoice_month.left(4) + ibis.literal("-") + rows.invoice_month.right(2),
    )


def _service(service: ir.StringValue, sku: ir.StringValue) -> ir.StringValue:
    known = sku.lower().replace("-", " ")
    is_analysis = (service == ANALYSIS) & known.startswith("analysis")
    is_slots = service == RESERVATIONS
    edition = ibis.cases(
        (known.contains("enterprise plus"), "ENTERPRISE_PLUS"),
        (known.contains("enterprise"), "ENTERPRISE"),
        (known.contains("standard"), "STANDARD"),
    )
    is_committed = known.contains("commit")
    return ibis.cases(
        (is_analysis, ANALYSIS),
        *(((service == ANALYSIS) & known.startswith(kind.replace("_", " ")), named) for kind, named in STORAGE.items()),
        ((service == ANALYSIS) & known.startswith("streaming insert"), STREAMING),
        ((service == STORAGE_API) & known.endswith("write"), WRITE_API),
        (is_slots & is_committed & known.re_search("1 year|annual"), _committed(edition, "ANNUAL")),
        (is_slots & is_committed & known.re_search("3 year|three year"), _committed(edition, "THREE_YEAR")),
        (is_slots & ~is_committed & edition.notnull(), ibis.literal(f"{RESERVATIONS}/") + edition),
        else_=service + ibis.literal("/") + sku,
    )


def _committed(edition: ir.StringValue, plan: str) -> ir.StringValue:
    return ibis.literal(f"{RESERVATIONS}/commitment ") + edition + ibis.literal(f" {plan}")


def _kind(cost_type: ir.StringValue, service: ir.StringValue) -> ir.StringValue:
    return ibis.cases(
        (cost_type == "tax", "tax"),
        (cost_type == "adjustment", "adjustment"),
        (cost_type == "rounding_error", "other"),
        ((service == ANALYSIS) | service.startswith(RESERVATIONS), "compute"),
        (service.isin(list(STORAGE.values())), "storage"),
        else_="other",
    )
