-- 1 row per query on a warehouse that is not adaptive, without those of 100 ms and less; up to 8 h late
select
    query_id,
    parent_query_id,
    root_query_id,
    warehouse_id,
    warehouse_name,
    start_time,
    end_time,
    credits_attributed_compute,
    credits_used_query_acceleration
from snowflake.account_usage.query_attribution_history
where end_time >= ? and end_time < ?
