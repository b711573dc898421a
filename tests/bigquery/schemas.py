"""The columns of Google's views as DuckDB types them, beyond those that are read."""

from __future__ import annotations

_TABLE = "struct(project_id varchar, dataset_id varchar, table_id varchar)"
_STREAM = """
start_timestamp timestamptz, project_id varchar, dataset_id varchar, table_id varchar, error_code varchar, total_rows bigint,
total_input_bytes bigint
"""

SCHEMAS = {
    "jobs": f"""
project_id varchar, job_id varchar, parent_job_id varchar, creation_time timestamptz, start_time timestamptz,
end_time timestamptz, job_type varchar, statement_type varchar, user_email varchar, principal_subject varchar,
cache_hit boolean, error_result struct(reason varchar, location varchar, debug_info varchar, message varchar),
total_bytes_processed bigint, total_bytes_billed bigint, total_slot_ms bigint, reservation_id varchar, edition varchar,
labels struct(key varchar, value varchar)[], destination_table {_TABLE}, referenced_tables {_TABLE}[],
dml_statistics struct(inserted_row_count bigint, deleted_row_count bigint, updated_row_count bigint),
session_info struct(session_id varchar), transaction_id varchar,
query_info struct(resource_warning varchar, query_hashes struct(normalized_literals varchar)), query varchar
""",
    "jobs_timeline": """
period_start timestamptz, period_slot_ms bigint, project_id varchar, job_id varchar, parent_job_id varchar,
statement_type varchar, reservation_id varchar, job_creation_time timestamptz, job_start_time timestamptz,
job_end_time timestamptz, total_bytes_billed bigint
""",
    "reservations_timeline": """
period_start timestamptz, project_id varchar, reservation_id varchar, edition varchar, is_creation_region boolean,
slot_capacity bigint, period_autoscale_slot_seconds bigint
""",
    "capacity_commitments": """
project_id varchar, capacity_commitment_id varchar, commitment_plan varchar, state varchar, slot_count bigint, edition varchar
""",
    "table_storage_usage_timeline": """
usage_date date, project_id varchar, table_schema varchar, table_name varchar, billable_active_logical_usage bigint,
billable_long_term_logical_usage bigint, billable_active_physical_usage bigint, billable_long_term_physical_usage bigint
""",
    "streaming_timeline": _STREAM,
    "write_api_timeline": _STREAM,
    "billing": """
invoice struct("month" varchar), cost_type varchar, service struct(description varchar), sku struct(description varchar),
usage_start_time timestamptz, project struct(id varchar), location struct("location" varchar), cost double, currency varchar,
usage struct(amount_in_pricing_units double, pricing_unit varchar), credits struct(amount double)[], export_time timestamptz
""",
}
