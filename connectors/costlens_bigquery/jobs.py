"""Turns jobs into queries and their slot time into query usage, by the rules that Google bills jobs by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY
from costlens_bigquery.documents import label_object, relation, table_list, text_at

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Pool that Google lends for loading, extracting and copying; using it costs nothing.
SHARED_POOL = "default-pipeline"
_MS_PER_HOUR = 3_600_000.0


def queries(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn rows of JOBS into queries, with `text` and `shape_hint` for the core to mask; `region` is that of rows
    which do not say theirs.

    `bytes_billed` of an on-demand query is null where row-level security hides it: this view cannot price such a query.
    """
    rows = rows.filter(rows.end_time.notnull())  # a job that still runs counts when it ends
    place = region_of(rows, region)
    parent = job_name(rows.project_id, place, rows.parent_job_id)
    started = ibis.coalesce(rows.start_time, rows.creation_time)
    nothing = ibis.null("string")
    return rows.select(
        day=day_of(rows.end_time),
        query_id=job_name(rows.project_id, place, rows.job_id),
        parent_id=parent,
        root_id=parent,
        session_id=text_at(rows.session_info, "$.session_id"),
        transaction_id=rows.transaction_id,
        submitted_at=rows.creation_time,
        started_at=started,
        ended_at=rows.end_time,
        queued_ms=(started - rows.creation_time) // 1000,
        execution_ms=(rows.end_time - started) // 1000,
        pool_size=nothing,
        cluster=nothing,
        account=rows.project_id,
        region=place,
        database=rows.project_id,
        schema=nothing,
        statement_type=ibis.coalesce(rows.statement_type, rows.job_type),
        user=ibis.coalesce(rows.user_email, rows.principal_subject),
        role=nothing,
        tag=nothing,
        labels=label_object(rows.labels),
        mark=nothing,
        shape=nothing,
        bytes_spilled=ibis.null("int64"),
        rows_written=_rows_written(rows.dml_statistics),
        overhead_units=ibis.null("float64"),
        is_client_generated=ibis.literal(False),
        text=rows.query,
        shape_hint=text_at(rows.query_info, "$.query_hashes.normalized_literals"),
        **_paid_by(rows),
        **_relations(rows),
    )


def _paid_by(rows: ir.Table) -> dict[str, ir.Value]:
    """Return what a job is paid by, and what of it.

    Google's rules, from its notes on JOBS and its pricing page: a SCRIPT row repeats the sum of its children, so it has
    neither bytes nor slots; a job on a reservation is paid by slots, whatever bytes it shows as billed; else a query is
    paid by bytes: none if its result was cached or it failed, unless it was stopped; loads, extracts and copies are
    free on the shared pool.
    """
    reason = text_at(rows.error_result, "$.reason")
    is_script = (rows.statement_type == "SCRIPT").fill_null(False)
    is_cached = rows.cache_hit.fill_null(False)
    is_free = is_cached | (reason.notnull() & (reason != "stopped").fill_null(False))
    is_on_edition = rows.reservation_id.isnull() & rows.edition.notnull()
    has_slots = ~is_script & (is_pool(rows.reservation_id) | is_on_edition)
    is_on_demand = ~is_script & ~has_slots & (rows.job_type == "QUERY").fill_null(False)
    nothing, none = ibis.null("string"), ibis.null("int64")
    return {
        "pool_id": (has_slots & ~is_cached).ifelse(rows.reservation_id, nothing),
        "pool": has_slots.ifelse(pool_name(rows.reservation_id), nothing),
        "pool_kind": ibis.cases((has_slots, "reservation"), (is_on_demand, "on-demand"), else_="none"),
        "status": ibis.cases((reason.isnull(), "success"), (reason == "stopped", "cancelled"), else_="failed"),
        "error": reason,
        "bytes_scanned": is_script.ifelse(none, rows.total_bytes_processed),
        "bytes_billed": is_on_demand.ifelse(is_free.ifelse(0, rows.total_bytes_billed), none),
        "slot_ms": is_script.ifelse(none, rows.total_slot_ms),
        "from_cache": is_cached,
    }


def running(rows: ir.Table, region: str | None) -> ir.Table:
    """Return what runs now: on a reservation by its slots, else by the bytes that it has read so far."""
    has_slots, nothing = is_pool(rows.reservation_id), ibis.null("string")
    is_free = (rows.statement_type == "SCRIPT").fill_null(False) | (rows.job_type != "QUERY").fill_null(True)
    kind = ibis.cases((has_slots, "reservation"), (is_free, "none"), else_="on-demand")
    place = region_of(rows, region)
    return rows.select(
        query_id=job_name(rows.project_id, place, rows.job_id),
        user=rows.user_email,
        role=nothing,
        pool=has_slots.ifelse(pool_name(rows.reservation_id), nothing),
        pool_kind=kind,
        pool_size=nothing,
        region=place,
        started_at=ibis.coalesce(rows.start_time, rows.creation_time),
        text=rows.query,
        shape_hint=nothing,
        bytes=rows.total_bytes_processed,
        slot_ms=rows.total_slot_ms,
    )


def query_usage(rows: ir.Table, region: str | None) -> ir.Table:
    """Turn rows of JOBS_TIMELINE, summed to hours, into slot-hours per query and hour; the shared pool is no pool."""
    place = region_of(rows, region)
    parent = job_name(rows.project_id, place, rows.parent_job_id)
    is_paid = is_pool(rows.reservation_id)
    return rows.select(
        day=day_of(rows.period_start),
        query_id=job_name(rows.project_id, place, rows.job_id),
        parent_id=parent,
        root_id=parent,
        pool_id=is_paid.ifelse(rows.reservation_id, ibis.null("string")),
        pool=is_paid.ifelse(pool_name(rows.reservation_id), ibis.null("string")),
        hour=rows.period_start,
        started_at=rows.job_start_time,
        ended_at=rows.job_end_time,
        unit=ibis.literal("slot-hours"),
        units=rows.period_slot_ms.fill_null(0) / _MS_PER_HOUR,
    )


def region_of(rows: ir.Table, region: str | None) -> ir.StringValue:
    """Return where rows are from, in lower case and without the prefix that Google's view names have."""
    return ibis.coalesce(rows.region, ibis.literal(region, "string")).lower().re_replace("^region-", "")


def is_pool(reservation: ir.StringValue) -> ir.BooleanValue:
    """Tell which reservation ids are pools that somebody pays for."""
    return (~reservation.contains(SHARED_POOL) & (reservation != "unreserved")).fill_null(False)


def pool_name(reservation: ir.StringValue) -> ir.StringValue:
    """Return the name within `project:location.name`; the project may hold dots."""
    return reservation.re_extract(r"[^.:]*$", 0)


def job_name(project: ir.StringValue, region: ir.StringValue, job: ir.StringValue) -> ir.StringValue:
    """Return the id of a job as Google's API writes it: `project:location.job`, multi-regions in capitals."""
    location = region.isin(["us", "eu"]).ifelse(region.upper(), region)
    return project + ibis.literal(":") + ibis.coalesce(location + ibis.literal("."), "") + job


def day_of(instant: ir.IntegerValue) -> ir.IntegerValue:
    """Return the UTC day of an instant."""
    return (instant // MICROSECONDS_PER_DAY).cast("int32")


def _relations(rows: ir.Table) -> dict[str, ir.Value]:
    """Return what a job wrote and read. A data set whose name starts with `_` holds results that nobody keeps."""
    project, dataset, table = (
        text_at(rows.destination_table, f"$.{part}") for part in ("project_id", "dataset_id", "table_id")
    )
    is_temporary = dataset.startswith("_")
    target = ibis.literal('["') + relation(project, dataset, table) + ibis.literal('"]')
    return {
        "targets": is_temporary.ifelse(ibis.null("string"), target),
        "reads": table_list(rows.referenced_tables),
        "destination_is_temporary": is_temporary,
    }


def _rows_written(statistics: ir.StringValue) -> ir.IntegerValue:
    counts = [
        text_at(statistics, f"$.{kind}_row_count").try_cast("int64") for kind in ("inserted", "updated", "deleted")
    ]
    total = sum((count.fill_null(0) for count in counts[1:]), counts[0].fill_null(0))
    return ibis.coalesce(*counts).notnull().ifelse(total, ibis.null("int64"))
