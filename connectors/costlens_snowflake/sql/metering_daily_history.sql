-- 1 row per service and UTC day; restated until the month is closed
select
    usage_date,
    service_type,
    credits_used_compute,
    credits_used_cloud_services,
    credits_used,
    credits_adjustment_cloud_services,
    credits_billed
from snowflake.account_usage.metering_daily_history
where usage_date >= ? and usage_date < ?
