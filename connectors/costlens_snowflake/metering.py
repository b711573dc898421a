"""Turns metered credits, warehouse events and usage of services into facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from costlens.connector import Facts
from costlens_snowflake.queries import day_of, size_name
from costlens_snowflake.services import (
    AI_CREDITS,
    CREDITS,
    DATA_TRANSFER,
    TIB,
    WAREHOUSE_METERING,
    category_of,
    unit_of,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: What cloud services used without any warehouse are shown under.
CLOUD_SERVICES_ONLY = "CLOUD_SERVICES_ONLY"
#: Attributed credits are null for adaptive warehouses, which came in 2026, and before August 2024 for all.
ADAPTIVE_SINCE = 1_767_225_600_000_000  # 2026-01-01
_NULL = ibis.null("string")
_EVENTS = {
    "RESUME_WAREHOUSE": "resume",
    "SUSPEND_WAREHOUSE": "suspend",
    "RESIZE_WAREHOUSE": "resize",
    "WAREHOUSE_CONSISTENT": "clusters",
}


def decimal(value: ir.NumericValue) -> ir.DecimalValue:
    """Return a number in the type that units and money are kept in."""
    return value.cast("decimal(38, 12)")


def warehouses(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the warehouse-hours. No attributed credits means adaptive: there is no idle time, not all of it."""
    compute = rows.credits_used_compute
    only = (rows.warehouse_id == "0") | (rows.warehouse_name == CLOUD_SERVICES_ONLY)
    adaptive = rows.credits_attributed_compute_queries.isnull() & (rows.start_time >= ADAPTIVE_SINCE) & (compute > 0)
    facts = rows.select(
        day=day_of(rows.start_time),
        pool_id=rows.warehouse_id,
        pool=rows.warehouse_name,
        pool_kind=ibis.cases((only.fill_null(False), "none"), (adaptive, "adaptive"), else_="standard"),
        account=ibis.literal(account, "string"),
        region=_NULL,
        service=ibis.literal(WAREHOUSE_METERING),
        hour=rows.start_time,
        unit=ibis.literal(CREDITS),
        units=compute,
        own_units=rows.credits_attributed_compute_queries,
        overhead_units=rows.credits_used_cloud_services,
    )
    return [Facts("metering", facts)]


def events(rows: ir.Table) -> list[Facts]:
    """Return the events of warehouses; those of single clusters are left out, WAREHOUSE_CONSISTENT tells the state."""
    known = rows.filter(rows.event_name.isin(list(_EVENTS)))
    facts = known.select(
        day=day_of(known.timestamp),
        pool_id=known.warehouse_id,
        pool=known.warehouse_name,
        at=known.timestamp,
        event=known.event_name.cases(*_EVENTS.items(), else_=_NULL),
        cluster=_NULL,
        size=size_name(known["size"], known.warehouse_type),
        clusters=known.cluster_count.try_cast("int64"),
    )
    return [Facts("pool_events", facts)]


@dataclass(frozen=True)
class Line:
    """Which columns of an hourly view make a usage line."""

    service: str
    category: str
    object_id: str
    names: tuple[str, ...] = ()
    """Parts of the object's name, outermost first."""
    kind: str = ""
    units: str = "credits_used"


_TABLE_NAME = ("database_name", "schema_name", "table_name")
LINES = {
    "automatic_clustering_history": Line("AUTO_CLUSTERING", "serverless", "table_id", _TABLE_NAME, "version"),
    "materialized_view_refresh_history": Line("MATERIALIZED_VIEW", "serverless", "table_id", _TABLE_NAME),
    "search_optimization_history": Line("SEARCH_OPTIMIZATION", "serverless", "table_id", _TABLE_NAME, "index_id"),
    "pipe_usage_history": Line("PIPE", "ingest", "pipe_id", ("pipe_name",)),
    "snowpipe_streaming_file_migration_history": Line("SNOWPIPE_STREAMING", "ingest", "table_id", _TABLE_NAME),
    "serverless_task_history": Line(
        "SERVERLESS_TASK", "serverless", "task_id", ("database_name", "schema_name", "task_name")
    ),
    "query_acceleration_history": Line("QUERY_ACCELERATION", "acceleration", "warehouse_id", ("warehouse_name",)),
    "reader_warehouse_metering_history": Line(
        "WAREHOUSE_METERING_READER", "other", "warehouse_id", ("reader_account_name", "warehouse_name")
    ),
    "hybrid_table_usage_history": Line(
        "HYBRID_TABLE_REQUESTS",
        "serverless",
        "object_id",
        ("database_name", "schema_name", "object_name"),
        "object_type",
    ),
    "replication_group_usage_history": Line(
        "REPLICATION", "serverless", "replication_group_id", ("replication_group_name",)
    ),
}


def lines(view: str, rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the lines of a service by object: which service and object, `LINES` says."""
    line = LINES[view]
    if view == "search_optimization_history":  # bundle 2026_06 calls them so
        rows = rows.mutate(
            table_id=ibis.coalesce(rows.base_table_id, rows.table_id),
            table_name=ibis.coalesce(rows.base_table_name, rows.table_name),
        )
    object_id = rows[line.object_id]
    if view == "reader_warehouse_metering_history":  # ids are unique within a reader account
        object_id = rows.reader_account_name.fill_null("") + "." + object_id
    facts = rows.select(
        **_usage_start(rows, account),
        service=ibis.literal(line.service),
        category=ibis.literal(line.category),
        kind=rows[line.kind].fill_null("") if line.kind else ibis.literal(""),
        object_id=object_id,
        object=dotted(*(rows[name] for name in line.names)),
        pool_id=object_id if line.category == "acceleration" else _NULL,
        unit=ibis.literal(CREDITS),
        units=rows[line.units],
    )
    return [Facts("usage", facts)]


def services(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the lines of METERING_HISTORY but warehouses: credits of every other service, with what they were for."""
    other = rows.filter(rows.service_type != WAREHOUSE_METERING)
    service = other.service_type
    facts = other.select(
        **_usage_start(other, account),
        service=service,
        category=category_of(service),
        kind=other.entity_type.fill_null("") + ibis.ifelse(other.entity_id.isnull(), other.name.fill_null(""), ""),
        object_id=other.entity_id,
        object=dotted(other.database_name, other.schema_name, other.name),
        pool_id=ibis.ifelse(service == "QUERY_ACCELERATION", other.entity_id, _NULL),
        unit=unit_of(service),
        units=other.credits_used,
    )
    return [Facts("usage", facts)]


def transfers(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the bytes sent by hour, route and kind of transfer, in TiB."""
    parts = (
        rows.transfer_type,
        rows.source_cloud,
        rows.source_region,
        rows.target_cloud,
        rows.target_region,
    )
    kind = parts[0].fill_null("")
    for part in parts[1:]:
        kind = kind + " " + part.fill_null("")
    facts = rows.select(
        **_usage_start(rows, account),
        service=ibis.literal(DATA_TRANSFER),
        category=ibis.literal("transfer"),
        kind=kind,
        object_id=_NULL,
        object=_NULL,
        pool_id=_NULL,
        unit=ibis.literal(TIB),
        units=decimal(rows.bytes_transferred.cast("float64") / 2.0**40),
    )
    return [Facts("usage", facts)]


def ai_functions(rows: ir.Table, account: str | None) -> list[Facts]:
    """Return the AI credits by query, function and model; the warehouse's part is in its own metering."""
    name = rows.function_name.fill_null("") + " " + rows.model_name.fill_null("")
    facts = rows.select(
        **_usage_start(rows, account),
        service=ibis.literal("AI_SERVICES"),
        category=ibis.literal("ai"),
        kind=rows.query_id.fill_null(""),
        object_id=name.strip(),
        object=name.strip(),
        pool_id=_NULL,
        unit=ibis.literal(AI_CREDITS),
        units=rows.credits,
    )
    return [Facts("usage", facts)]


def dotted(*parts: ir.StringValue) -> ir.StringValue:
    """Return DB.SCHEMA.NAME; parts that are null or empty are left out, null where the name itself is."""
    *outer, name = parts
    prefix = ibis.literal("")
    for part in outer:
        prefix = prefix + ibis.ifelse(part.fill_null("") == "", "", part + ".")
    return ibis.ifelse(name.fill_null("") == "", _NULL, prefix + name)


def _usage_start(rows: ir.Table, account: str | None) -> dict[str, ir.Value]:
    return {
        "day": day_of(rows.start_time),
        "account": ibis.literal(account, "string"),
        "region": _NULL,
        "started_at": rows.start_time,
        "ended_at": ibis.coalesce(rows.end_time, rows.start_time + 3_600_000_000),
    }
