select 1 / 0 as id, 'this model fails' as reason from {{ ref('stg_orders') }}
