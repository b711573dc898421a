-- 1 row per object and hour
select
    start_time,
    end_time,
    object_type,
    object_id,
    object_name,
    schema_name,
    database_name,
    credits_used
from snowflake.account_usage.hybrid_table_usage_history
where start_time >= ? and start_time < ?
