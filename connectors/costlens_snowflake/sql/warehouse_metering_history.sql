-- 1 row per warehouse and hour; cloud services up to 6 h late
select
    start_time,
    end_time,
    warehouse_id,
    warehouse_name,
    credits_used_compute,
    credits_used_cloud_services,
    credits_attributed_compute_queries
from snowflake.account_usage.warehouse_metering_history
where start_time >= ? and start_time < ?
