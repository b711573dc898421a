-- 1 row per event; several may share a time
select
    timestamp,
    warehouse_id,
    warehouse_name,
    event_name,
    event_state,
    size,
    cluster_count,
    warehouse_type
from snowflake.account_usage.warehouse_events_history
where timestamp >= ? and timestamp < ?
