"""The query that turns allocated lines into FOCUS rows; a column a line, in FOCUS' order."""

from __future__ import annotations

from costlens.focus.columns import COLUMNS

#: One row per day (of a correction: per month), owner and what it was for.
_LINES = """
with lines as (
    select
        source, day, null::varchar as corrects, account, region, service, category, cause, pool, "object", asset, team, "method",
        billed_as, currency, unit, kind, "rule", origin_team, max(status <> 'final') as is_open,
        sum(units)::decimal(38, 12) as units, sum(cost)::decimal(38, 12) as cost, sum(list_cost)::decimal(38, 12) as list_cost
    from allocated_rows
    where currency is not null
    group by all
    having sum(cost) <> 0 or sum(units) <> 0
    union all
    select
        source, null, corrects, account, region, service, category, cause, pool, null, asset, team, 'allocation',
        billed_as, currency, unit, kind, "rule", origin_team, false, units, cost, list_cost
    from corrections
),
-- The charge that a line is a part of: everything but whose it became.
origins as (
    select
        *,
        md5(concat_ws('|', source, day, corrects, account, region, service, category, cause, pool, currency, unit, billed_as))
            as origin_id
    from lines
),
summed as (
    select
        *,
        sum(cost) over origin as origin_cost,
        sum(units) over origin as origin_units,
        count(*) over origin as origin_lines,
        row_number() over (partition by origin_id order by
            abs(cost) desc, team nulls last, asset nulls last, "object" nulls last, kind, "rule" nulls last, origin_team nulls last,
            "method" nulls last
        ) as place
    from origins
    window origin as (partition by origin_id)
),
parted as (
    select
        *,
        case
            when origin_lines = 1 then 1
            when origin_cost <> 0 then floor(cost::double / origin_cost::double * 1e9) / 1e9
            when origin_units <> 0 then floor(units::double / origin_units::double * 1e9) / 1e9
            else floor(1e9 / origin_lines) / 1e9
        end::decimal(18, 12) as part
    from summed
),
shared as (
    select
        *,
        (part + case when place = 1 then 1 - sum(part) over (partition by origin_id) else 0 end)::decimal(18, 12) as ratio
    from parted
),
told as (
    select
        *,
        case
            when billed_as = 'tax' then 'Tax'
            when billed_as = 'credit' then 'Credit'
            when category = 'adjustment' then 'Adjustment'
            else 'Usage'
        end as charge_category,
        coalesce(nullif(u_name, ''), 'Units') as unit_name,
        p_start::timestamptz as billing_start,
        p_end::timestamptz as billing_end,
        case
            when corrects is not null then (corrects || '-01T00:00:00Z')::timestamptz
            else greatest((date '1970-01-01' + day)::timestamptz, p_start::timestamptz)
        end as began,
        case
            when corrects is not null then ((corrects || '-01')::date + interval 1 month)::timestamptz
            else least((date '1970-01-01' + day + 1)::timestamptz, p_end::timestamptz)
        end as ended
    from shared
    join providers on p_source = source and p_region = coalesce(region, '')
    left join units on u_unit = unit
    left join services on s_category = case when billed_as = 'support' then 'support' when billed_as = 'tax' then 'other' else category end
    left join centers on c_team = team
),
priced as (
    select
        *,
        charge_category = 'Usage' and corrects is null as is_priced,
        case when units <> 0 then units else 1 end as quantity,
        coalesce(nullif(list_cost, 0), cost) as listed
    from told
)
"""
_DAY = "case when ended > began then {0} else {1} end"
_PRICE = "case when is_priced then ({0}::double / quantity::double)::decimal(38, 12) end"
#: FOCUS column -> its expression; columns that are not here are null.
_VALUES = {
    "BilledCost": "cost",
    "BillingAccountId": "coalesce(p_id, account, source)",
    "BillingAccountName": "coalesce(p_title, p_id, account, source)",
    "BillingAccountType": "p_whole",
    "BillingCurrency": "currency",
    "BillingPeriodEnd": "billing_end",
    "BillingPeriodStart": "billing_start",
    "ChargeCategory": "charge_category",
    "ChargeClass": "case when corrects is not null then 'Correction' end",
    "ChargeDescription": """concat_ws(', ', service, case when cause is null then category else category || ' (' || cause || ')' end,
        pool, "object", case when kind <> 'direct' then "rule" end)""",
    "ChargeFrequency": "case when charge_category = 'Usage' then 'Usage-Based' else 'One-Time' end",
    "ChargePeriodEnd": _DAY.format("ended", "(date '1970-01-01' + day + 1)::timestamptz"),
    "ChargePeriodStart": _DAY.format("began", "(date '1970-01-01' + day)::timestamptz"),
    "ConsumedQuantity": "case when charge_category = 'Usage' then units end",
    "ConsumedUnit": "case when charge_category = 'Usage' then unit_name end",
    "ContractedCost": "cost",
    "ContractedUnitPrice": _PRICE.format("cost"),
    "EffectiveCost": "cost",
    "InvoiceIssuerName": "p_issuer",
    "ListCost": "listed",
    "ListUnitPrice": _PRICE.format("listed"),
    "PricingCategory": "case charge_category when 'Usage' then 'Standard' when 'Tax' then null else 'Other' end",
    "PricingCurrency": "currency",
    "PricingCurrencyContractedUnitPrice": _PRICE.format("cost"),
    "PricingCurrencyEffectiveCost": "cost",
    "PricingCurrencyListUnitPrice": _PRICE.format("listed"),
    "PricingQuantity": "case when is_priced then quantity end",
    "PricingUnit": "case when is_priced then unit_name end",
    "ProviderName": "p_name",
    "PublisherName": "p_name",
    "RegionId": "region",
    "RegionName": "region",
    "ResourceId": 'coalesce(pool, "object")',
    "ResourceName": 'coalesce(pool, "object")',
    "ResourceType": "case when pool is not null then p_pool when \"object\" is not null then 'Table' end",
    "ServiceCategory": "coalesce(s_service, 'Other')",
    "ServiceName": "coalesce(service, 'Unknown')",
    "ServiceSubcategory": "coalesce(s_sub, 'Other (Other)')",
    "SkuId": "coalesce(service, 'Unknown')",
    "SkuMeter": "coalesce(category, 'other')",
    "SkuPriceId": "concat_ws('/', coalesce(service, 'Unknown'), region)",
    "SubAccountId": "coalesce(account, source)",
    "SubAccountName": "source",
    "SubAccountType": "p_sub",
    "Tags": """case when team is not null then json_object('costlens/team', team) end""",
    "AllocatedMethodDetails": """json_object('Elements', json_array(json_object(
        'AllocatedRatio', ratio::double, 'UsageUnit', unit_name, 'UsageQuantity', units::double)))""",
    "AllocatedMethodId": "case when kind = 'direct' then 'attribution: ' || \"method\" else coalesce(\"rule\", kind) end",
    "AllocatedResourceId": "asset",
    "AllocatedResourceName": "asset",
    "AllocatedTags": """json_object('team', coalesce(team, ''), 'cost_center', coalesce(c_center, ''))""",
    "HostProviderName": "p_host",
    "ServiceProviderName": "p_name",
}
#: Our own columns, after FOCUS'.
OWN = {
    "x_Team": "team",
    "x_CostCenter": "c_center",
    "x_Kind": "category",
    "x_Allocation": "kind",
    "x_AllocationRule": '"rule"',
    "x_OriginTeam": "origin_team",
    "x_OriginId": "origin_id",
    "x_AttributionMethod": '"method"',
    "x_Source": "source",
    "x_CorrectedMonth": "corrects",
    "x_IsFinal": "case when is_open then 'false' else 'true' end",
}
_TYPES = {"text": "varchar", "json": "varchar", "decimal": "decimal(38, 12)", "instant": "timestamptz"}


def _columns() -> str:
    lines = [f'({_VALUES.get(column.name, "null")})::{_TYPES[column.type]} as "{column.name}"' for column in COLUMNS]
    lines += [f'({value})::varchar as "{name}"' for name, value in OWN.items()]
    return ",\n    ".join(lines)


SELECT = f"""{_LINES}
select
    {_columns()}
from priced
order by
    began, source, service nulls first, category, pool nulls first, "object" nulls first, team nulls first, asset nulls first, kind, unit,
    "rule" nulls first, origin_team nulls first, cause nulls first, "method" nulls first, region nulls first, account nulls first, cost
"""
