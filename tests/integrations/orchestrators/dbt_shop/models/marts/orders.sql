{{ config(query_tag='nightly', post_hook="grant select on {{ this }} to role analyst") if target.type == 'snowflake' else config(labels={'cadence': 'nightly'}) }}
select o.* from {{ ref('stg_orders') }} o join {{ ref('stg_users') }} u on o.id = u.id
