-- 1 row per session
select
    session_id,
    created_on,
    user_name,
    client_application_id,
    client_application_version,
    client_environment
from snowflake.account_usage.sessions
where created_on >= ? and created_on < ?
