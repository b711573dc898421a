-- 1 row per statement that runs now; the reader asks the table function of this name for the newest 10,000
select
    query_id,
    query_text,
    user_name,
    role_name,
    warehouse_name,
    warehouse_size,
    warehouse_type,
    execution_status,
    start_time,
    query_parameterized_hash
from snowflake.information_schema.query_history
where execution_status = 'RUNNING'
