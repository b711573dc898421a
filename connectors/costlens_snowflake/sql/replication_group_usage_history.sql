-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    replication_group_id,
    replication_group_name
from snowflake.account_usage.replication_group_usage_history
where start_time >= ? and start_time < ?
