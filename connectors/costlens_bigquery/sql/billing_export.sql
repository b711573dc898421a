-- The bill per Pacific day, invoice month, project, place and sku, cost net of credits, in the form that live/billing_export.sql makes.
select
    usage_date,
    invoice_month,
    project_id,
    location,
    service,
    sku,
    cost_type,
    currency,
    pricing_unit,
    amount,
    cost
from `{billing_export}`
where usage_date >= @since
    and usage_date < @until
