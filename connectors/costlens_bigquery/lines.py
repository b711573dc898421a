"""Turns reservations into metering, and storage, streaming and commitments into usage lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from costlens_bigquery.documents import relation
from costlens_bigquery.jobs import day_of, pool_name, region_of
from costlens_bigquery.services import RESERVATIONS, STORAGE, STREAMING, WRITE_API

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: 08:00 UTC is within the same Pacific day all year; midnight UTC is within the day before.
_PACIFIC_DAY_STARTS = 8 * MICROSECONDS_PER_HOUR
_SECONDS_PER_DAY = 86_400
_GIB = float(1 << 30)
#: Edition of reservations and commitments from before there were editions.
FLAT_RATE = "FLAT_RATE"
#: Category and kind of the line that a commitment gives, until `settle` spreads it over the baselines.
COMMITMENT = ("other", "commitment")
_UNITS = "decimal(38, 12)"


def metering(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn rows of RESERVATIONS_TIMELINE, summed to hours, into slot-hours of baseline and of autoscaling.

    `slot_capacity` comes in slot-minutes; `period_autoscale_slot_seconds` is what Google charges, for scaled (not
    used) slots.
    """
    is_autoscaled = rows.filter((rows.period_autoscale_slot_seconds > 0).fill_null(False))
    return ibis.union(
        _metered(rows, region, "baseline", rows.slot_capacity.fill_null(0) / 60.0),
        _metered(is_autoscaled, region, "autoscale", is_autoscaled.period_autoscale_slot_seconds / 3600.0),
    )


def _metered(rows: ir.Table, region: str | None, part: str, units: ir.FloatingValue) -> ir.Table:
    return rows.select(
        day=day_of(rows.period_start),
        pool_id=rows.reservation_id,
        pool=pool_name(rows.reservation_id),
        pool_kind=ibis.literal("reservation"),
        account=rows.project_id,
        region=region_of(rows, region),
        service=ibis.literal(f"{RESERVATIONS}/{part} ") + ibis.coalesce(rows.edition, FLAT_RATE),
        hour=rows.period_start,
        unit=ibis.literal("slot-hours"),
        units=units.cast(_UNITS),
        own_units=ibis.null(_UNITS),
        overhead_units=ibis.null(_UNITS),
    )


def storage(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn MiB-seconds per table and Pacific day into GiB-months: divided by 1024 and by the seconds of the month.

    The line is booked on the UTC day of the same date and starts at 08:00 UTC, which is within the Pacific day all
    year. Google gives 0 for the two columns of the billing model that a data set does not have, so no model has to
    be known.
    """
    gib_months = 1024.0 * _SECONDS_PER_DAY * days_in_month(rows.usage_date)
    starts = rows.usage_date.cast("int64") * MICROSECONDS_PER_DAY + _PACIFIC_DAY_STARTS
    wide = rows.mutate(
        place=region_of(rows, region),
        object_name=relation(rows.project_id, rows.table_schema, rows.table_name),
        starts=starts,
    )
    parts = []
    for kind, service in STORAGE.items():
        used = wide[f"billable_{kind.removesuffix('_storage')}_usage"]
        held = wide.mutate(units=used / gib_months).filter((used > 0).fill_null(False))
        parts.append(_lines(held, service, ("storage", kind.replace("_", " ")), "GiB-months", MICROSECONDS_PER_DAY))
    return ibis.union(*parts)


def streaming(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn streamed rows per table and hour into GiB; the warehouse has counted each as 1 KiB at least."""
    return _streamed(rows, region, STREAMING)


def written(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn rows written through the Storage Write API per table and hour into GiB."""
    return _streamed(rows, region, WRITE_API)


def _streamed(rows: ir.Table, region: str | None, service: str) -> ir.Table:
    wide = rows.mutate(
        place=region_of(rows, region),
        object_name=relation(rows.project_id, rows.dataset_id, rows.table_id),
        starts=rows.start_timestamp,
        units=rows.total_input_bytes.fill_null(0) / _GIB,
    )
    return _lines(wide, service, ("ingest", "stored"), "GiB", MICROSECONDS_PER_HOUR)


def commitments(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn active commitments into the slot-hours that they oblige to pay for on the day they were seen on."""
    rows = rows.filter(rows.state == "ACTIVE")
    named = ibis.literal(f"{RESERVATIONS}/commitment ") + ibis.coalesce(rows.edition, FLAT_RATE)
    wide = rows.mutate(
        place=region_of(rows, region),
        object_name=rows.capacity_commitment_id,
        starts=rows.snapshot_date.cast("int64") * MICROSECONDS_PER_DAY,
        service=named + ibis.literal(" ") + ibis.coalesce(rows.commitment_plan, "UNKNOWN"),
        units=rows.slot_count * 24.0,
    )
    return _lines(wide, wide.service, COMMITMENT, "slot-hours", MICROSECONDS_PER_DAY)


def days_in_month(day: ir.IntegerValue) -> ir.IntegerValue:
    """Return how many days the month of a day (since 1970) has, by the arithmetic of the civil calendar."""
    since = day + 719_468  # days since 1 March of the year 0, so that leap days end a year
    of_era = since % 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153  # 0 = March, 11 = February
    next_year = year_of_era + 1
    is_leap = ((next_year % 4 == 0) & (next_year % 100 != 0)) | (next_year % 400 == 0)
    return ibis.cases(
        (month == 11, is_leap.ifelse(29, 28)),
        (month.isin([1, 3, 6, 8]), 30),  # April, June, September, November
        else_=31,
    )


def _lines(rows: ir.Table, service: ir.StringValue | str, part: tuple[str, str], unit: str, lasts: int) -> ir.Table:
    """Make usage lines of rows with `place`, `object_name`, `starts` and `units`; `part` is their category and kind."""
    category, kind = part
    return rows.select(
        day=day_of(rows.starts),
        account=rows.project_id,
        region=rows.place,
        service=ibis.literal(service) if isinstance(service, str) else service,
        category=ibis.literal(category),
        kind=ibis.literal(kind),
        object_id=rows.object_name,
        object=rows.object_name,
        pool_id=ibis.null("string"),
        started_at=rows.starts,
        ended_at=rows.starts + lasts,
        unit=ibis.literal(unit),
        units=rows.units.cast(_UNITS),
    )
