select * from {{ ref('revenue') }} where id < 0
