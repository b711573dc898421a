-- The Cloud Billing export (standard or detailed), summed in the warehouse:
-- 1 row per Pacific day of use, invoice month, project, place, sku, cost type and currency.
-- Credits are summed in a sub-query per row: joining them would count a row's cost once per credit. Floats are summed as numeric.
-- The sku that attributes reservation slots to labels has usage and no cost: it would double the slot-hours.
-- @projects empty = all projects. Rows are exported after they were used, so partitions before @since hold nothing wanted.
select
    date(line.usage_start_time, 'America/Los_Angeles') as usage_date,
    line.invoice.month as invoice_month,
    line.project.id as project_id,
    line.location.location as location,
    line.service.description as service,
    line.sku.description as sku,
    line.cost_type as cost_type,
    line.currency as currency,
    line.usage.pricing_unit as pricing_unit,
    sum(cast(line.usage.amount_in_pricing_units as numeric)) as amount,
    sum(
        cast(line.cost as numeric)
        + ifnull((select sum(cast(credit.amount as numeric)) from unnest(line.credits) as credit), 0)
    ) as cost
from `{billing_export}` as line
where date(line.usage_start_time, 'America/Los_Angeles') >= @since
    and date(line.usage_start_time, 'America/Los_Angeles') < @until
    and line._partitiontime >= timestamp(@since)
    and line.service.description like 'BigQuery%'
    and line.sku.description not like '%Analysis Slots Attribution%'
    and (array_length(@projects) = 0 or line.project.id in unnest(@projects))
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
