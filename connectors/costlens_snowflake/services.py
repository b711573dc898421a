"""What Snowflake calls its services, what kind of cost each is, and in which unit it is metered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

CREDITS = "credits"
AI_CREDITS = "AI credits"
ACCELERATION_CREDITS = "acceleration credits"
TIB_MONTHS = "TiB-months"
TIB = "TiB"

WAREHOUSE_METERING = "WAREHOUSE_METERING"
CLOUD_SERVICES = "CLOUD_SERVICES"
STORAGE = "STORAGE"
DATA_TRANSFER = "DATA_TRANSFER"

#: SERVICE_TYPE of METERING_* -> category. The vendor's list is open: what is not here is `other`, and still charged.
CATEGORIES = {
    "AUTO_CLUSTERING": "serverless",
    "BACKUP": "serverless",
    "DATA_QUALITY_MONITORING": "serverless",
    "FAILSAFE_RECOVERY": "serverless",
    "HYBRID_TABLE_REQUESTS": "serverless",
    "MATERIALIZED_VIEW": "serverless",
    "OPENFLOW_COMPUTE_BYOC": "serverless",
    "OPENFLOW_COMPUTE_SNOWFLAKE": "serverless",
    "POSTGRES_COMPUTE": "serverless",
    "POSTGRES_COMPUTE_HA": "serverless",
    "REPLICATION": "serverless",
    "SEARCH_OPTIMIZATION": "serverless",
    "SENSITIVE_DATA_CLASSIFICATION": "serverless",
    "SERVERLESS_ALERTS": "serverless",
    "SERVERLESS_TASK": "serverless",
    "SNOWPARK_CONTAINER_SERVICES": "serverless",
    "STORAGE_LIFECYCLE_POLICY_EXECUTION": "serverless",
    "TRUST_CENTER": "serverless",
    "ARCHIVE_STORAGE_RETRIEVAL_FILE_PROCESSING": "serverless",
    "ARCHIVE_STORAGE_WRITE": "serverless",
    "COPY_FILES": "ingest",
    "PIPE": "ingest",
    "SNOWPIPE_STREAMING": "ingest",
    "TELEMETRY_DATA_INGEST": "ingest",
    "QUERY_ACCELERATION": "acceleration",
    "AI_SERVICES": "ai",
    "CORTEX_AGENTS": "ai",
    "CORTEX_CODE_CLI": "ai",
    "CORTEX_CODE_SNOWSIGHT": "ai",
    "SNOWFLAKE_INTELLIGENCE": "ai",
    "WAREHOUSE_METERING_READER": "other",
}

#: Service as metered -> as the views in currency call it, where they differ.
BILLED_AS = {"AUTO_CLUSTERING": "AUTOMATIC_CLUSTERING", "PIPE": "SNOWPIPE", "TELEMETRY_DATA_INGEST": "LOGGING"}

#: Service -> feeds of its usage lines, from the one that tells the whole to the one that tells the objects.
DETAILS: dict[str, tuple[str, ...]] = {
    "AUTO_CLUSTERING": ("metering_history", "automatic_clustering_history"),
    "MATERIALIZED_VIEW": ("metering_history", "materialized_view_refresh_history"),
    "SEARCH_OPTIMIZATION": ("metering_history", "search_optimization_history"),
    "PIPE": ("metering_history", "pipe_usage_history"),
    "SNOWPIPE_STREAMING": ("metering_history", "snowpipe_streaming_file_migration_history"),
    "SERVERLESS_TASK": ("metering_history", "serverless_task_history"),
    "QUERY_ACCELERATION": ("metering_history", "query_acceleration_history"),
    "WAREHOUSE_METERING_READER": ("metering_history", "reader_warehouse_metering_history"),
    "HYBRID_TABLE_REQUESTS": ("metering_history", "hybrid_table_usage_history"),
    "REPLICATION": ("metering_history", "replication_group_usage_history"),
    "AI_SERVICES": ("metering_history", "cortex_ai_functions_usage_history"),
    STORAGE: ("storage_daily_history", "database_storage_usage_history", "table_storage_metrics"),
}


def category_of(service: ir.StringValue) -> ir.StringValue:
    """Return the category of a service by its name as metered."""
    known = service.cases(*CATEGORIES.items(), else_="other")
    return ibis.ifelse(service.startswith("CORTEX_"), "ai", known)


def unit_of(service: ir.StringValue) -> ir.StringValue:
    """Return the unit a service is metered in: AI credits are not platform credits and have a price of their own."""
    return ibis.ifelse(category_of(service) == "ai", AI_CREDITS, CREDITS)
