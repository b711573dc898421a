-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    schema_name,
    database_name,
    table_id,
    table_name,
    base_table_id,
    base_table_name,
    index_id
from snowflake.account_usage.search_optimization_history
where start_time >= ? and start_time < ?
