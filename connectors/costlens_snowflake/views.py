"""The views of Snowflake that are read, column by column, with what lets one read them and what is worse without them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from costlens.connector import View, ViewColumn

#: Role that the grants name; the reader puts the configured one in its place.
ROLE = "COSTLENS_READER"
_USAGE = f"grant database role snowflake.usage_viewer to role {ROLE}"
_GOVERNANCE = f"grant database role snowflake.governance_viewer to role {ROLE}"
_SECURITY = f"grant database role snowflake.security_viewer to role {ROLE}"
_READERS = f"grant database role snowflake.reader_usage_viewer to role {ROLE}"
_ORG_BILLING = (
    f"grant database role snowflake.organization_billing_viewer to role {ROLE} (in an account with ORGADMIN enabled)"
)
_ORG_USAGE = (
    f"grant database role snowflake.organization_usage_viewer to role {ROLE} (in an account with ORGADMIN enabled)"
)


def _view(
    name: str,
    time: str,
    columns: str,
    *,
    hours: float,
    grant: str = _USAGE,
    purpose: str,
    pull: Literal["hourly", "daily", "monthly"] = "daily",
    essential: bool = False,
    is_snapshot: bool = False,
) -> View:
    """Read `name type` pairs; `!` marks a column without which a row is no fact, `?` one that not every account has."""
    listed = []
    for part in columns.split(","):
        column, kind = part.split()
        plain: Any = kind.rstrip("!?")
        listed.append(ViewColumn(column, plain, kind.endswith("!"), kind.endswith("?")))
    return View(
        name,
        tuple(listed),
        time,
        timedelta(hours=hours),
        pull=pull,
        grant=grant,
        purpose=purpose,
        essential=essential,
        is_snapshot=is_snapshot,
        final_after=timedelta(days=40 if pull == "monthly" else 3),
    )


QUERY_HISTORY = _view(
    "query_history",
    "end_time",
    """
    query_id text!, query_text text, query_type text, database_name text, schema_name text, session_id text,
    user_name text, role_name text, warehouse_id text, warehouse_name text, warehouse_size text, warehouse_type text,
    cluster_number text, query_tag text, execution_status text, error_code text, error_message text,
    start_time instant!, end_time instant!, execution_time integer, compilation_time integer,
    queued_provisioning_time integer, queued_repair_time integer, queued_overload_time integer,
    list_external_files_time integer, bytes_scanned integer, bytes_spilled_to_local_storage integer,
    bytes_spilled_to_remote_storage integer, rows_inserted integer, rows_updated integer, rows_deleted integer,
    credits_used_cloud_services double, is_client_generated_statement boolean, transaction_id text,
    query_parameterized_hash text
    """,
    hours=0.75,
    pull="hourly",
    essential=True,
    grant=_GOVERNANCE,
    purpose="no query can be charged or attributed without it",
)
QUERY_ATTRIBUTION_HISTORY = _view(
    "query_attribution_history",
    "end_time",
    """
    query_id text!, parent_query_id text, root_query_id text, warehouse_id text, warehouse_name text,
    start_time instant, end_time instant!, credits_attributed_compute double!, credits_used_query_acceleration double
    """,
    hours=8,
    pull="hourly",
    purpose="Snowflake's own weights of queries; without it they share by running time",
)
QUERY_METERING_HISTORY = _view(
    "query_metering_history",
    "query_metering_hour",
    """
    query_id text!, parent_query_id text, root_query_id text, warehouse_id text, warehouse_name text,
    query_metering_hour instant!, query_start_time instant, query_end_time instant, credits_used_compute double!
    """,
    hours=1,
    pull="hourly",
    purpose="what queries of adaptive warehouses cost (Enterprise edition)",
)
WAREHOUSE_METERING_HISTORY = _view(
    "warehouse_metering_history",
    "start_time",
    """
    start_time instant!, end_time instant, warehouse_id text!, warehouse_name text, credits_used_compute decimal!,
    credits_used_cloud_services decimal, credits_attributed_compute_queries decimal
    """,
    hours=6,  # cloud-services credits trail compute, which takes 3
    pull="hourly",
    essential=True,
    purpose="credits of each warehouse and hour: nothing can be priced without it",
)
METERING_HISTORY = _view(
    "metering_history",
    "start_time",
    """
    service_type text!, start_time instant!, end_time instant, entity_id text, entity_type text, name text,
    database_name text, schema_name text, credits_used decimal!
    """,
    hours=12,  # Snowpipe Streaming; other services take 3 to 6
    pull="hourly",
    purpose="credits of serverless services, pipes and AI by hour",
)
METERING_DAILY_HISTORY = _view(
    "metering_daily_history",
    "usage_date",
    """
    usage_date day!, service_type text!, credits_used_compute decimal, credits_used_cloud_services decimal,
    credits_used decimal, credits_adjustment_cloud_services decimal, credits_billed decimal
    """,
    hours=3,
    pull="monthly",
    purpose="the bill in credits, and the part of cloud services that is billed",
)
WAREHOUSE_EVENTS_HISTORY = _view(
    "warehouse_events_history",
    "timestamp",
    """
    timestamp instant!, warehouse_id text!, warehouse_name text, event_name text!, event_state text, size text,
    cluster_count text, warehouse_type text
    """,
    hours=3,
    pull="hourly",
    purpose="causes of idle time, and sizes within an hour",
)
SESSIONS = _view(
    "sessions",
    "created_on",
    """
    session_id text!, created_on instant!, user_name text, client_application_id text, client_application_version text,
    client_environment json
    """,
    hours=3,
    pull="hourly",
    grant=_SECURITY,
    purpose="the tool that sent a query",
)
USERS = _view(
    "users",
    "read_on",
    "name text!, email text, default_role text, type text, deleted_on instant, read_on day!",
    hours=2,
    is_snapshot=True,
    grant=_SECURITY,
    purpose="the team of persons whose queries say none, by their default role or address",
)
GRANTS_TO_USERS = _view(
    "grants_to_users",
    "read_on",
    "role text!, grantee_name text!, deleted_on instant, read_on day!",
    hours=2,
    is_snapshot=True,
    grant=_SECURITY,
    purpose="the team of persons whose queries say none, by the roles that they hold",
)
ACCESS_HISTORY = _view(
    "access_history",
    "query_start_time",
    "query_id text!, query_start_time instant!, direct_objects_accessed json, objects_modified json",
    hours=3,
    pull="hourly",
    grant=_GOVERNANCE,
    purpose="what queries wrote and read by Snowflake's own word (Enterprise edition); without it by their texts",
)
RATE_SHEET_DAILY = _view(
    "rate_sheet_daily",
    "date",
    """
    date day!, account_name text, account_locator text, service_type text!, rating_type text, billing_type text,
    is_adjustment boolean, currency text!, effective_rate decimal!
    """,
    hours=24,
    pull="monthly",
    grant=_ORG_BILLING,
    purpose="contract prices; without it list or configured ones are used",
)
USAGE_IN_CURRENCY_DAILY = _view(
    "usage_in_currency_daily",
    "usage_date",
    """
    usage_date day!, account_name text, account_locator text, service_type text, rating_type text, billing_type text,
    is_adjustment boolean, currency text!, usage decimal, usage_in_currency decimal!
    """,
    hours=72,
    pull="monthly",
    grant=_ORG_BILLING,
    purpose="the bill in currency that charges are reconciled with",
)
FOCUS_COST_USAGE = _view(
    "focus_cost_usage_v1_3",
    "chargeperiodstart",
    """
    chargeperiodstart instant!, billingperiodstart instant, subaccountid text, subaccountname text,
    chargecategory text, servicename text!, pricingunit text, billingcurrency text!, pricingquantity decimal,
    billedcost decimal!
    """,
    hours=72,
    pull="monthly",
    grant=_ORG_BILLING,
    purpose="the bill in FOCUS form, used where the setting `bill: focus` says so",
)
TABLE_STORAGE_METRICS = _view(
    "table_storage_metrics",
    "usage_date",
    """
    usage_date day!, id text!, table_catalog text, table_schema text, table_name text, deleted boolean,
    active_bytes integer, time_travel_bytes integer, failsafe_bytes integer, retained_for_clone_bytes integer
    """,
    hours=1.5,
    is_snapshot=True,
    purpose="storage by table",
)
STORAGE_DAILY_HISTORY = _view(
    "storage_daily_history",
    "usage_date",
    "usage_date day!, service_type text, account_name text, account_locator text, average_bytes decimal!",
    hours=2,
    grant=_ORG_USAGE,
    purpose="storage as it is billed",
)
DATABASE_STORAGE_USAGE_HISTORY = _view(
    "database_storage_usage_history",
    "usage_date",
    """
    usage_date day!, database_id text!, database_name text, average_database_bytes decimal!,
    average_failsafe_bytes decimal
    """,
    hours=3,
    purpose="storage by database, for days without a snapshot of the tables",
)
_LINE = "start_time instant!, end_time instant, credits_used decimal!, schema_name text, database_name text"
_TABLE = f"{_LINE}, table_id text, table_name text"
AUTOMATIC_CLUSTERING_HISTORY = _view(
    "automatic_clustering_history", "start_time", f"{_TABLE}, version text?", hours=3, purpose="clustering by table"
)
MATERIALIZED_VIEW_REFRESH_HISTORY = _view(
    "materialized_view_refresh_history", "start_time", _TABLE, hours=3, purpose="refreshes by materialized view"
)
SEARCH_OPTIMIZATION_HISTORY = _view(
    "search_optimization_history",
    "start_time",
    # Bundle 2026_06 puts the base table's columns in the place of the table's.
    f"{_LINE}, table_id text?, table_name text?, base_table_id text?, base_table_name text?, index_id text?",
    hours=3,
    purpose="search optimization by table",
)
PIPE_USAGE_HISTORY = _view(
    "pipe_usage_history",
    "start_time",
    "start_time instant!, end_time instant, credits_used decimal!, pipe_id text, pipe_name text",
    hours=3,
    purpose="loads by pipe",
)
SNOWPIPE_STREAMING = _view(
    "snowpipe_streaming_file_migration_history",
    "start_time",
    _TABLE,
    hours=12,
    purpose="streaming loads by table",
)
SERVERLESS_TASK_HISTORY = _view(
    "serverless_task_history",
    "start_time",
    """
    start_time instant!, end_time instant, credits_used decimal!, task_id text, task_name text, schema_name text,
    database_name text
    """,
    hours=3,
    purpose="serverless compute by task",
)
QUERY_ACCELERATION_HISTORY = _view(
    "query_acceleration_history",
    "start_time",
    "start_time instant!, end_time instant, credits_used decimal!, warehouse_id text, warehouse_name text",
    hours=3,
    purpose="query acceleration by warehouse",
)
READER_WAREHOUSE_METERING_HISTORY = _view(
    "reader_warehouse_metering_history",
    "start_time",
    """
    start_time instant!, end_time instant, credits_used decimal!, reader_account_name text, warehouse_id text,
    warehouse_name text
    """,
    hours=24,
    grant=_READERS,
    purpose="compute of reader accounts by their warehouses: the provider pays it",
)
HYBRID_TABLE_USAGE_HISTORY = _view(
    "hybrid_table_usage_history",
    "start_time",
    """
    start_time instant!, end_time instant, object_type text, object_id text, object_name text, schema_name text,
    database_name text, credits_used decimal!
    """,
    hours=3,
    purpose="requests by hybrid table (billed until February 2026)",
)
REPLICATION_GROUP_USAGE_HISTORY = _view(
    "replication_group_usage_history",
    "start_time",
    """
    start_time instant!, end_time instant, credits_used decimal!, replication_group_id text,
    replication_group_name text
    """,
    hours=3,
    purpose="replication by group",
)
DATA_TRANSFER_HISTORY = _view(
    "data_transfer_history",
    "start_time",
    """
    start_time instant!, end_time instant, source_cloud text, source_region text, target_cloud text,
    target_region text, bytes_transferred decimal!, transfer_type text
    """,
    hours=2,
    purpose="bytes that left the region",
)
CORTEX_AI_FUNCTIONS = _view(
    "cortex_ai_functions_usage_history",
    "start_time",
    """
    start_time instant!, end_time instant, function_name text, model_name text, query_id text, warehouse_id text,
    credits decimal!
    """,
    hours=1,
    pull="hourly",
    purpose="AI credits by function, model and query",
)

#: Real time, by the account's table function: what the role owns or may MONITOR.
RUNNING_QUERIES = _view(
    "running_queries",
    "read_on",
    """
    query_id text!, query_text text, user_name text, role_name text, warehouse_name text, warehouse_size text,
    warehouse_type text, execution_status text, start_time instant!, query_parameterized_hash text?, read_on day
    """,
    hours=0,
    grant=f"grant monitor on warehouse … to role {ROLE}",
    purpose="queries that cost much are seen when they have ended only",
    is_snapshot=True,
)

VIEWS = (
    QUERY_HISTORY,
    QUERY_ATTRIBUTION_HISTORY,
    QUERY_METERING_HISTORY,
    WAREHOUSE_METERING_HISTORY,
    METERING_HISTORY,
    METERING_DAILY_HISTORY,
    WAREHOUSE_EVENTS_HISTORY,
    SESSIONS,
    USERS,
    GRANTS_TO_USERS,
    ACCESS_HISTORY,
    RATE_SHEET_DAILY,
    USAGE_IN_CURRENCY_DAILY,
    FOCUS_COST_USAGE,
    TABLE_STORAGE_METRICS,
    STORAGE_DAILY_HISTORY,
    DATABASE_STORAGE_USAGE_HISTORY,
    AUTOMATIC_CLUSTERING_HISTORY,
    MATERIALIZED_VIEW_REFRESH_HISTORY,
    SEARCH_OPTIMIZATION_HISTORY,
    PIPE_USAGE_HISTORY,
    SNOWPIPE_STREAMING,
    SERVERLESS_TASK_HISTORY,
    QUERY_ACCELERATION_HISTORY,
    READER_WAREHOUSE_METERING_HISTORY,
    HYBRID_TABLE_USAGE_HISTORY,
    REPLICATION_GROUP_USAGE_HISTORY,
    DATA_TRANSFER_HISTORY,
    CORTEX_AI_FUNCTIONS,
)
