-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    pipe_id,
    pipe_name
from snowflake.account_usage.pipe_usage_history
where start_time >= ? and start_time < ?
