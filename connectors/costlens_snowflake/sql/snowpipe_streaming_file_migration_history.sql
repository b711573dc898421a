-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    schema_name,
    database_name,
    table_id,
    table_name
from snowflake.account_usage.snowpipe_streaming_file_migration_history
where start_time >= ? and start_time < ?
