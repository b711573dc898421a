-- 1 row per account, service and day
select
    usage_date,
    service_type,
    account_name,
    account_locator,
    average_bytes
from snowflake.organization_usage.storage_daily_history
where usage_date >= ? and usage_date < ?
