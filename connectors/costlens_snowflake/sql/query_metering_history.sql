-- 1 row per query of an adaptive warehouse and hour; changes in place while the query runs
select
    query_id,
    parent_query_id,
    root_query_id,
    warehouse_id,
    warehouse_name,
    query_metering_hour,
    query_start_time,
    query_end_time,
    credits_used_compute
from snowflake.account_usage.query_metering_history
where query_metering_hour >= ? and query_metering_hour < ?
