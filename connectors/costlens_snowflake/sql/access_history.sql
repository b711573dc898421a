-- 1 row per query that succeeded; what was asked for, not the base tables of a view: a view may be an asset of its own
select
    query_id,
    query_start_time,
    direct_objects_accessed,
    objects_modified
from snowflake.account_usage.access_history
where query_start_time >= ? and query_start_time < ?
