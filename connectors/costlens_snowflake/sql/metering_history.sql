-- 1 row per service, entity and hour
select
    service_type,
    start_time,
    end_time,
    entity_id,
    entity_type,
    name,
    database_name,
    schema_name,
    credits_used
from snowflake.account_usage.metering_history
where start_time >= ? and start_time < ?
