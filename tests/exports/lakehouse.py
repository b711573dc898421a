"""A connector of a third kind of warehouse (the shape of Databricks' system tables), to prove that the contract has room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import ibis

from costlens.connector import Billing, Connector, Facts, Reader, SourceSettings, View, ViewColumn
from costlens.errors import SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir

HOUR = 3_600_000_000
NOTHING = ibis.null("string")


def view(name: str, time: str, columns: str, *, essential: bool = False) -> View:
    made = tuple(
        ViewColumn(part.split()[0], part.split()[1].rstrip("!"), part.endswith("!"))  # type: ignore[arg-type]
        for part in columns.split(", ")
    )
    grant = f"grant select on system.{name} to `costlens`"
    return View(
        name, made, time, timedelta(hours=3), pull="hourly", essential=essential, grant=grant, purpose="cost of queries"
    )


HISTORY = view(
    "history",
    "end_time",
    "statement_id text!, session_id text, execution_status text, compute json, executed_by text, statement_text text, "
    "statement_type text, query_tags json, start_time instant!, end_time instant!, execution_duration_ms integer, "
    "waiting_for_compute_duration_ms integer, read_bytes integer, written_rows integer",
    essential=True,
)
USAGE = view(
    "usage",
    "usage_start_time",
    "workspace_id text, sku_name text!, usage_start_time instant!, usage_end_time instant, usage_unit text, "
    "warehouse_id text, usage_quantity decimal!",
    essential=True,
)
SQL = {
    "history": """
        select statement_id, session_id, execution_status, compute, executed_by, statement_text, statement_type, query_tags,
            start_time, end_time, execution_duration_ms, waiting_for_compute_duration_ms, read_bytes, written_rows
        from system.query.history
        where end_time >= :since and end_time < :until
    """,
    # Corrections come as rows of their own, negative ones too: their sum counts.
    "usage": """
        select workspace_id, sku_name, usage_start_time, usage_end_time, usage_unit, warehouse_id,
            sum(usage_quantity) as usage_quantity
        from system.billing.usage
        where usage_start_time >= :since and usage_start_time < :until
        group by workspace_id, sku_name, usage_start_time, usage_end_time, usage_unit, warehouse_id
    """,
}


class Lakehouse(Connector):
    """Statements with their compute as a struct, DBUs by SKU and hour, names of parameters instead of marks."""

    type = "lakehouse"
    Settings = SourceSettings
    views: ClassVar = (HISTORY, USAGE)
    billing = Billing(pool_unit="DBU")
    dialect = "databricks"

    def open(self) -> Reader:
        raise SourceError(f"{self.settings.name}: this connector reads exports only; set `export:`")

    @classmethod
    def sql(cls, view: View) -> str:
        return SQL[view.name]

    def normalise(self, view: View, rows: ir.Table) -> Sequence[Facts]:
        return [statements(rows)] if view.name == HISTORY.name else [metered(rows)]


def statements(rows: ir.Table) -> Facts:
    empty, none = ibis.null("int64"), ibis.null("boolean")
    warehouse = rows.compute.cast("json")["warehouse_id"].unwrap_as("string")
    waited = rows.waiting_for_compute_duration_ms.fill_null(0)
    status = rows.execution_status.cases(("FINISHED", "success"), ("FAILED", "failed"), ("CANCELED", "cancelled"))
    given = {
        "day": (rows.end_time // (24 * HOUR)).cast("int32"),
        "query_id": rows.statement_id,
        "session_id": rows.session_id,
        "submitted_at": rows.start_time,
        "started_at": rows.start_time + waited * 1000,
        "ended_at": rows.end_time,
        "queued_ms": waited,
        "execution_ms": rows.execution_duration_ms,
        "pool_id": warehouse,
        "pool": warehouse,
        "pool_kind": ibis.ifelse(warehouse.isnull(), "none", "standard"),
        "statement_type": rows.statement_type,
        "status": status,
        "user": rows.executed_by,
        "labels": rows.query_tags,
        "bytes_scanned": rows.read_bytes,
        "rows_written": rows.written_rows,
        "text": rows.statement_text,
    }
    integers = ("bytes_billed", "bytes_spilled", "slot_ms")
    booleans = ("from_cache", "is_client_generated", "destination_is_temporary")
    texts = (
        *("parent_id", "root_id", "transaction_id", "pool_size", "cluster", "account", "region", "database", "schema"),
        *("error", "role", "tag", "mark", "shape", "targets", "reads", "shape_hint"),
    )
    absent = {**dict.fromkeys(integers, empty), **dict.fromkeys(booleans, none), **dict.fromkeys(texts, NOTHING)}
    return Facts("queries", rows.select(**given, **absent, overhead_units=ibis.null("float64")))


def metered(rows: ir.Table) -> Facts:
    own, overhead = ibis.null("decimal(38, 12)"), ibis.null("decimal(38, 12)")
    facts = rows.select(
        day=(rows.usage_start_time // (24 * HOUR)).cast("int32"),
        pool_id=rows.warehouse_id,
        pool=rows.warehouse_id,
        pool_kind=ibis.literal("standard"),
        account=rows.workspace_id,
        region=NOTHING,
        service=rows.sku_name,
        hour=rows.usage_start_time,
        unit=rows.usage_unit,
        units=rows.usage_quantity,
        own_units=own,
        overhead_units=overhead,
    )
    return Facts("metering", facts)
