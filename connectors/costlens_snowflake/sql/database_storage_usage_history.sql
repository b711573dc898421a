-- 1 row per database and day
select
    usage_date,
    database_id,
    database_name,
    average_database_bytes,
    average_failsafe_bytes
from snowflake.account_usage.database_storage_usage_history
where usage_date >= ? and usage_date < ?
