-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    warehouse_id,
    warehouse_name
from snowflake.account_usage.query_acceleration_history
where start_time >= ? and start_time < ?
