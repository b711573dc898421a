-- 1 row per hour, route and kind of transfer
select
    start_time,
    end_time,
    source_cloud,
    source_region,
    target_cloud,
    target_region,
    bytes_transferred,
    transfer_type
from snowflake.account_usage.data_transfer_history
where start_time >= ? and start_time < ?
