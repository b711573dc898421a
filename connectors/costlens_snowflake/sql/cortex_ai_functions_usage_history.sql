-- 1 row per query, function, model and hour
select
    start_time,
    end_time,
    function_name,
    model_name,
    query_id,
    warehouse_id,
    credits
from snowflake.account_usage.cortex_ai_functions_usage_history
where start_time >= ? and start_time < ?
