-- 1 row per account, service, kind of billing and day: the view splits them by balance source, which is no cost of its own
select
    usage_date,
    account_name,
    account_locator,
    service_type,
    rating_type,
    billing_type,
    is_adjustment,
    currency,
    sum(usage) as usage,
    sum(usage_in_currency) as usage_in_currency
from snowflake.organization_usage.usage_in_currency_daily
where usage_date >= ? and usage_date < ?
group by
    usage_date,
    account_name,
    account_locator,
    service_type,
    rating_type,
    billing_type,
    is_adjustment,
    currency
