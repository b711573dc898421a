-- 1 row per reader account, warehouse and hour; up to 24 h late
select
    start_time,
    end_time,
    credits_used,
    reader_account_name,
    warehouse_id,
    warehouse_name
from snowflake.reader_account_usage.warehouse_metering_history
where start_time >= ? and start_time < ?
