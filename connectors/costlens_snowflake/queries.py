"""Turns query, attribution, adaptive metering and session rows into facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

from costlens.connector import Facts
from costlens_snowflake.services import ACCELERATION_CREDITS, CREDITS

if TYPE_CHECKING:
    import ibis.expr.types as ir

MICROSECONDS_PER_DAY = 86_400_000_000
#: ERROR_CODE of a cancelled statement; the message is the documented sign and may be missing from an export.
_CANCELLED = ("604", "000604")
_CANCELLED_TEXT = "SQL execution canceled"
_NULL = ibis.null("string")
#: What the view does not tell: parents are in QUERY_ATTRIBUTION_HISTORY, relations in ACCESS_HISTORY.
_OBJECTS = '[{"objectDomain":"VARCHAR","objectName":"VARCHAR"}]'
_objects_in = ibis.udf.scalar.builtin(
    lambda document, shape: None,
    name="from_json",
    signature=((dt.string, dt.string), dt.Array(dt.Struct({"objectDomain": "string", "objectName": "string"}))),
)
_quoted = ibis.udf.scalar.builtin(lambda text: None, name="to_json", signature=((dt.string,), dt.string))
_ABSENT = {
    **dict.fromkeys(("parent_id", "root_id", "region", "labels", "mark", "shape", "targets", "reads"), _NULL),
    **dict.fromkeys(("bytes_billed", "slot_ms"), ibis.null("int64")),
    "destination_is_temporary": ibis.null("boolean"),
}


def day_of(instant: ir.IntegerValue) -> ir.IntegerValue:
    """Return the UTC day of an instant."""
    return (instant // MICROSECONDS_PER_DAY).cast("int32")


def size_name(size: ir.StringValue, kind: ir.StringValue) -> ir.StringValue:
    """Return a warehouse size as the model names it: X-Small is XSMALL; Snowpark-optimised ones end in _SNOWPARK."""
    name = size.upper().re_replace("[^A-Z0-9]", "")
    return ibis.ifelse(kind.fill_null("").upper().startswith("SNOWPARK"), name + "_SNOWPARK", name)


def queries(rows: ir.Table, account: str | None, *, texts: bool) -> list[Facts]:
    """Return the query facts of QUERY_HISTORY.

    A statement used warehouse compute where WAREHOUSE_SIZE is filled; the name alone is the session's. START_TIME is the
    submission: execution starts after queueing, compiling and listing files, none of which uses compute.
    """
    waited = _queued(rows)
    begun = rows.start_time + (waited + _prepared(rows)) * 1000
    ran = rows.warehouse_size.notnull()
    spilled = rows.bytes_spilled_to_local_storage.fill_null(0) + rows.bytes_spilled_to_remote_storage.fill_null(0)
    facts = rows.select(
        day=day_of(rows.end_time),
        query_id=rows.query_id,
        session_id=rows.session_id,
        transaction_id=rows.transaction_id.nullif("0"),
        submitted_at=rows.start_time,
        started_at=ibis.ifelse(begun < rows.end_time, begun, rows.end_time),
        ended_at=rows.end_time,
        queued_ms=waited,
        execution_ms=rows.execution_time,
        pool_id=ibis.ifelse(ran, rows.warehouse_id, _NULL),
        pool=rows.warehouse_name,
        pool_kind=_pool_kind(rows),
        pool_size=size_name(rows.warehouse_size, rows.warehouse_type),
        cluster=ibis.ifelse(ran, rows.cluster_number, _NULL),
        account=ibis.literal(account, "string"),
        database=rows.database_name,
        schema=rows.schema_name,
        statement_type=rows.query_type,
        status=_status(rows),
        error=rows.error_code.nullif(""),
        user=rows.user_name,
        role=rows.role_name,
        tag=rows.query_tag.nullif(""),
        bytes_scanned=rows.bytes_scanned,
        bytes_spilled=spilled,
        rows_written=_changed(rows),
        overhead_units=rows.credits_used_cloud_services,
        from_cache=ibis.ifelse(ran, False, ibis.null("boolean")),  # the view does not tell a cache from metadata
        is_client_generated=rows.is_client_generated_statement,
        text=rows.query_text if texts else _NULL,
        shape_hint=rows.query_parameterized_hash.nullif(""),
        **_ABSENT,
    )
    return [Facts("queries", facts)]


def _queued(rows: ir.Table) -> ir.IntegerValue:
    waiting = (rows.queued_overload_time, rows.queued_provisioning_time, rows.queued_repair_time)
    return sum((part.fill_null(0) for part in waiting[1:]), waiting[0].fill_null(0))


def _changed(rows: ir.Table) -> ir.IntegerValue:
    return rows.rows_inserted.fill_null(0) + rows.rows_updated.fill_null(0) + rows.rows_deleted.fill_null(0)


def _prepared(rows: ir.Table) -> ir.IntegerValue:
    return rows.compilation_time.fill_null(0) + rows.list_external_files_time.fill_null(0)


def _pool_kind(rows: ir.Table) -> ir.StringValue:
    kind, size = rows.warehouse_type.fill_null("").upper(), rows.warehouse_size.upper()
    return ibis.cases(
        (rows.warehouse_size.isnull(), "none"),
        ((kind == "ADAPTIVE") | (size == "ADAPTIVE"), "adaptive"),
        (kind == "INTERACTIVE", "interactive"),
        else_="standard",
    )


def _status(rows: ir.Table) -> ir.StringValue:
    status = rows.execution_status.lower()
    cancelled = rows.error_code.isin(_CANCELLED) | rows.error_message.fill_null("").startswith(_CANCELLED_TEXT)
    return ibis.cases(
        (cancelled.fill_null(False), "cancelled"),
        (status == "success", "success"),
        (status.isin(["fail", "failed", "failed_with_error", "failed_with_incident", "incident"]), "failed"),
        else_=_NULL,  # the list is open
    )


def attribution(rows: ir.Table) -> list[Facts]:
    """Return what QUERY_ATTRIBUTION_HISTORY gives each query: whole-query figures, a procedure without its children's."""
    accelerated = rows.filter(rows.credits_used_query_acceleration.notnull())
    return [
        Facts("query_usage", _usage(rows, CREDITS, rows.credits_attributed_compute)),
        Facts(
            "query_usage",
            _usage(accelerated, ACCELERATION_CREDITS, accelerated.credits_used_query_acceleration),
        ),
    ]


def _usage(rows: ir.Table, unit: str, units: ir.FloatingValue) -> ir.Table:
    return rows.select(
        day=day_of(rows.end_time),
        query_id=rows.query_id,
        parent_id=rows.parent_query_id,
        root_id=rows.root_query_id,
        pool_id=rows.warehouse_id,
        pool=rows.warehouse_name,
        hour=ibis.null("int64"),
        started_at=rows.start_time,
        ended_at=rows.end_time,
        unit=ibis.literal(unit),
        units=units,
    )


def adaptive(rows: ir.Table) -> list[Facts]:
    """Return what QUERY_METERING_HISTORY gives each query of an adaptive warehouse in each hour; acceleration is inside."""
    facts = rows.select(
        day=day_of(rows.query_metering_hour),
        query_id=rows.query_id,
        parent_id=rows.parent_query_id,
        root_id=rows.root_query_id,
        pool_id=rows.warehouse_id,
        pool=rows.warehouse_name,
        hour=rows.query_metering_hour,
        started_at=rows.query_start_time,
        ended_at=rows.query_end_time,
        unit=ibis.literal(CREDITS),
        units=rows.credits_used_compute,
    )
    return [Facts("query_usage", facts)]


def sessions(rows: ir.Table) -> list[Facts]:
    """Return the sessions; the client tells its application and script in CLIENT_ENVIRONMENT."""
    environment = rows.client_environment.cast("json")
    application = environment["APPLICATION"].unwrap_as("string")
    facts = rows.select(
        day=day_of(rows.created_on),
        session_id=rows.session_id,
        opened_at=rows.created_on,
        user=rows.user_name,
        application=ibis.coalesce(application, rows.client_application_id),
        path=environment["APPLICATION_PATH"].unwrap_as("string"),
        driver=rows.client_application_id,
    )
    return [Facts("sessions", facts)]


def running(rows: ir.Table) -> ir.Table:
    """Return what runs now; a statement without a warehouse size uses none."""
    kind = ibis.ifelse(rows.warehouse_type.fill_null("").upper() == "ADAPTIVE", "adaptive", "standard")
    return rows.select(
        query_id=rows.query_id,
        user=rows.user_name,
        role=rows.role_name,
        pool=rows.warehouse_name,
        pool_kind=ibis.ifelse(rows.warehouse_size.notnull(), kind, "none"),
        pool_size=size_name(rows.warehouse_size, rows.warehouse_type),
        region=_NULL,
        started_at=rows.start_time,
        text=rows.query_text,
        shape_hint=rows.query_parameterized_hash,
        bytes=ibis.null("int64"),
        slot_ms=ibis.null("int64"),
    )


def accesses(rows: ir.Table) -> list[Facts]:
    """Return what ACCESS_HISTORY says of each query; stages and functions are no relations, and a cut-off row says it has more."""
    facts = rows.group_by("query_id").agg(
        accessed_at=rows.query_start_time.min(),
        targets=_relations(rows.objects_modified).max(),
        reads=_relations(rows.direct_objects_accessed).max(),
    )
    return [Facts("accesses", facts.mutate(day=day_of(facts.accessed_at)))]


def _relations(objects: ir.StringValue) -> ir.StringValue:
    """Turn a list of objects into a JSON list of the tables and views among them, null where there are none."""
    listed = _objects_in(objects, _OBJECTS)
    kept = listed.filter(lambda each: each.objectDomain.lower().re_search("table|view|stream").fill_null(False))
    names = kept.map(lambda each: _quoted(each.objectName)).unique().sort().join(",")
    return ibis.ifelse(names.nullif("").notnull(), ibis.literal("[") + names + "]", _NULL)
