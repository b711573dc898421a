-- 1 row per account, service, category and day: the view splits them by contract
select
    "ChargePeriodStart",
    "BillingPeriodStart",
    "SubAccountId",
    "SubAccountName",
    "ChargeCategory",
    "ServiceName",
    "PricingUnit",
    "BillingCurrency",
    sum("PricingQuantity") as "PricingQuantity",
    sum("BilledCost") as "BilledCost"
from snowflake.billing.focus_cost_usage_v1_3
where "ChargePeriodStart" >= ? and "ChargePeriodStart" < ?
group by
    "ChargePeriodStart",
    "BillingPeriodStart",
    "SubAccountId",
    "SubAccountName",
    "ChargeCategory",
    "ServiceName",
    "PricingUnit",
    "BillingCurrency"
