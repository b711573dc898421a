-- 1 row per object and hour
select
    start_time,
    end_time,
    credits_used,
    table_id,
    table_name,
    schema_name,
    database_name,
    base_table_id,
    base_table_name,
    index_id,
    index_name
from snowflake.account_usage.search_optimization_history
where start_time >= ? and start_time < ?
