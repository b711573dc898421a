-- 1 row per table as of now, dropped ones too
select
    id,
    table_catalog,
    table_schema,
    table_name,
    deleted,
    active_bytes,
    time_travel_bytes,
    failsafe_bytes,
    retained_for_clone_bytes
from snowflake.account_usage.table_storage_metrics
