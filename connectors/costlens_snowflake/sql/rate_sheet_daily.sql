-- 1 row per account, service and day with usage; may change until the month is closed
select
    date,
    account_name,
    account_locator,
    service_type,
    rating_type,
    billing_type,
    is_adjustment,
    currency,
    effective_rate
from snowflake.organization_usage.rate_sheet_daily
where date >= ? and date < ?
