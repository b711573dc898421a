-- 1 row per role granted to a user as of now, revoked ones too
select
    role,
    grantee_name,
    deleted_on
from snowflake.account_usage.grants_to_users
