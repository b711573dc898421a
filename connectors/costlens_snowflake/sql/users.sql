-- 1 row per user as of now, dropped ones too
select
    name,
    email,
    default_role,
    type,
    deleted_on
from snowflake.account_usage.users
