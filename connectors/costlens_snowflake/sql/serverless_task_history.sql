-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    task_id,
    task_name,
    schema_name,
    database_name
from snowflake.account_usage.serverless_task_history
where start_time >= ? and start_time < ?
