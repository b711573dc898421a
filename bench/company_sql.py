"""The SQL that makes one month of one source of `company.py`: days count from 1970, instants in microseconds, as in the pipeline."""

from __future__ import annotations

#: Reproducible dice: a hash that is a signed number, of one to three values.
ROLL = """create macro roll(a) as (hash(a) // 2)::bigint, (a, b) as (hash(a, b) // 2)::bigint, (a, b, c) as (hash(a, b, c) // 2)::bigint"""

#: Temporary tables, in this order. `q` is one row per query, `hours` per pool and hour, `lines` per storage or clustering line.
WORLD = {
    "dice": """
        select i, {first} + (i // dice.per_day)::integer as day,
            (roll(i, '{source}', 1) % 1000000) / 1e6 as d1, (roll(i, '{source}', 2) % 1000000) / 1e6 as d2,
            (roll(i, '{source}', 3) % 1000000) / 1e6 as d3, (roll(i, '{source}', 4) % 1000000) / 1e6 as d4, roll(i, '{source}', 5) as h
        from (select ({per_day} / 0.886)::bigint as per_day) as dice, range(0, dice.per_day * ({last} - {first})) as r(i)
        -- four in ten of the week's queries do not run on Saturday and Sunday
        where ({first} + (i // dice.per_day)::integer + 3) % 7 < 5 or roll(i, '{source}', 6) % 10 < 6
    """,
    "picked": """
        select *, case when d1 < 0.42 then 'build' when d1 < 0.52 then 'test' when d1 < 0.80 then 'read' when d1 < 0.90 then 'principal' else 'none' end as kind,
            case when m >= 1900 and day < 20666 then m % 1900 else m end as n
        from (
            select *, case '{source}' when 'labs' then (floor(a.assets / 5 * pow(d2, 2.5)) * 5)::integer
                else (floor(a.assets * 0.8 * pow(d2, 2.5))::integer // 4 * 5 + 1 + floor(a.assets * 0.8 * pow(d2, 2.5))::integer % 4)::integer end as m
            from dice, (select count(*) as assets from assets) as a
        )
    """,
    "sized": """
        select p.*, a.key, a.team, a.relation, a.tool, roll(p.n, 9) % 100 as grain, unnest(range(
            case when p.n = 3 and p.kind = 'build' and p.day in (20740, 20741) then 6 else 1 end)) as copy,
            case kind when 'build' then 'TRANSFORM_' || (roll(a.team) % 8 + 1) when 'test' then 'TRANSFORM_' || (roll(a.team) % 8 + 1)
                when 'read' then 'BI_' || (roll(a.team, 2) % 12 + 1) when 'principal' then 'ADHOC_' || (roll(a.team, 3) % 6 + 1) else 'SHARED' end as pool_name
        from picked as p join assets as a using (n)
    """,
    "q": """
        select day, md5('{source}' || day || '-' || i || '-' || copy) as query_id, n, kind, tool, key, team as owner, relation, pool, 'P' || pool as pool_id, size,
            case when kind in ('build', 'test', 'read') then key end as asset,
            case when kind = 'principal' then team end as rule_team,
            case when kind in ('build', 'test') then case tool when 'dbt' then 'comment' when 'dagster' then 'tag' else 'target' end
                when kind = 'read' then 'read' else kind end as method,
            case when kind in ('build', 'test') and h % 20 = 0 then 'ci' when kind in ('build', 'test') then 'production' end as environment,
            case when kind in ('build', 'test', 'read') then kind end as purpose,
            case when kind in ('build', 'test') then upper(tool) || '_PROD' when kind = 'read' and h % 3 = 0 then 'LOOKER'
                when kind = 'none' then ['ETL_LEGACY', 'NOTEBOOKS', 'AIRBYTE', 'SVC_REPORTS'][1 + h % 4] else team || '.' || ['ana', 'bo', 'chi', 'dev', 'eve', 'fay'][1 + h % 6] end as "user",
            case when kind = 'none' then 'ANALYST' else upper(replace(team, '-', '_')) || '_ROLE' end as role,
            case kind when 'none' then md5('none' || h % 1500) when 'principal' then md5(team || h % 40) else md5(kind || n || '-' || (h % case kind when 'build' then 2 when 'test' then 1 else 5 end)) end as shape,
            case when kind = 'build' and d4 < case when n = 11 then 0.25 else 0.015 end then 'failed' else 'success' end as status,
            day * 86400000000::bigint + least(
                (case when kind in ('build', 'test') then (roll(n) % 6 + (h % 4) * 6) * 3600 + d3 * 2400 else 25200 + d3 * 43200 end * 1000000)::bigint,
                (86390 - seconds)::bigint * 1000000) as started_at,
            seconds, round(seconds / 3600 * rate * 0.35, 9)::decimal(18, 12) as credits
        from (
            select *, case '{source}' when 'labs' then 'LABS_' else '' end || pool_name as pool,
                ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE'][1 + roll(pool_name) % 4] as size, [2, 4, 8, 16][1 + roll(pool_name) % 4] as rate,
                round(least(7200, -ln(1 - d4 * 0.9999) * case kind when 'build' then 20 + grain * 2 when 'test' then 4 when 'read' then 6 + grain / 8 else 20 end
                    * case when n = 5 and day >= 20746 then 2 else 1 end * case when n = 8 and day > 20697 then pow(1.01, day - 20697) else 1 end), 3) as seconds
            from sized
        )
    """,
    "hours": """
        select day, pool, pool_id, hour, own, (own * (10 + roll(pool) % 35) / 100)::decimal(18, 9)::decimal(18, 12) as idle,
            ['suspend tail', 'suspend tail', 'gap', 'minimum'][1 + roll(pool, hour) % 4] as cause
        from (select day, pool, pool_id, started_at // 3600000000 * 3600000000 as hour, sum(credits)::decimal(18, 12) as own from q group by all)
    """,
    "lines": """
        select day, key, relation, 'STORAGE' as service, 'storage' as category, 'TiB-months' as unit, 23.00::decimal(4, 2) as price,
            round((0.02 + (roll(n, 7) % 100) / 900.0 * pow(2000.0 / (n + 20), 0.6)) / 30 * (1 + (day - 20393) / 800.0), 9)::decimal(18, 12) as units
        from assets, range({first}, {last}) as r(day) where case '{source}' when 'labs' then n % 5 = 0 else n % 5 > 0 end and (n < 1900 or day >= 20666)
        union all
        select day, key, relation, 'AUTO_CLUSTERING', 'serverless', 'credits', 3.00, round(0.2 + (roll(n, day) % 100) / 200.0, 9)::decimal(18, 12)
        from assets, range({first}, {last}) as r(day) where n % 41 = 0 and case '{source}' when 'labs' then n % 5 = 0 else n % 5 > 0 end
    """,
}

_LINE = """day, '{source}' as source, strftime(date '1970-01-01' + day::integer, '%Y-%m') as billing_period, 'company' as account, '{region}' as region,
    'USD' as currency, case when day < {final} then 'final' else 'provisional' end as status"""
_OWN, _IDLE = "(credits * 3.00::decimal(4, 2))", "(idle * 3.00::decimal(4, 2))"
_OPEN = "case when day < {final} then 0 else %s end"

EVERY_DAY = {
    # Money and activity are rows of their own, as the product has them: activity has no status.
    "daily": f"""
        select {_LINE}, 'WAREHOUSE_METERING' as service, 'query' as category, null as cause, pool, "user", role, shape, null as object, asset, rule_team, method,
            environment, purpose, 'credits' as unit, sum(credits) as units, sum{_OWN} as cost, sum{_OWN} as list_cost, 0.0 as queries, 0 as runs,
            0.0 as seconds, 0.0 as bytes, sum({_OPEN % _OWN}) as provisional_cost
        from q group by all
        union all
        select {_LINE.replace("case when day < {final} then 'final' else 'provisional' end", "null")}, 'WAREHOUSE_METERING', 'query', null, pool, "user", role, shape, null,
            asset, rule_team, method, environment, purpose, 'credits', 0, 0, 0, count(*), 0, sum(seconds), sum(seconds * 40000000), 0
        from q group by all
        union all
        select {_LINE}, 'WAREHOUSE_METERING', 'idle', cause, pool, null, null, null, null, null, null, 'none', null, null, 'credits', sum(idle), sum{_IDLE}, sum{_IDLE},
            0, 0, 0, 0, sum({_OPEN % _IDLE})
        from hours group by all
        union all
        select {_LINE}, service, category, null, null, null, null, null, relation, key, null, 'target', 'production', null, unit, units, units * price, units * price,
            0, 0, 0, 0, {_OPEN % "units * price"}
        from lines
    """,
    "metering": """
        select day, '{source}' as source, 'warehouse_metering_history' as feed, pool_id, pool, 'standard' as pool_kind, 'company' as account, '{region}' as region,
            'WAREHOUSE_METERING' as service, hour, 'credits' as unit, own + idle as units, own as own_units, 0 as overhead_units
        from hours
    """,
    "usage": """
        select day, '{source}' as source, 'usage' as feed, 'company' as account, '{region}' as region, service, category, '' as kind, relation as object_id,
            relation as object, day * 86400000000::bigint as started_at, (day + 1) * 86400000000::bigint as ended_at, unit, units
        from lines
    """,
    "bill": """
        select day, '{source}' as source, 'usage_in_currency_daily' as feed, 'company' as account, '{region}' as region, service, kind, unit, sum(units) as units,
            sum(cost) as cost, 'USD' as currency, strftime(date '1970-01-01' + day::integer, '%Y-%m') as billing_period
        from (
            select day, 'WAREHOUSE_METERING' as service, 'compute' as kind, 'credits' as unit, own + idle as units, (own + idle) * 3.00::decimal(4, 2) as cost from hours
            union all
            select day, service, category, unit, units, units * price from lines
        ) group by all
    """,
    "rates": """
        select day, '{source}' as source, 'resolved' as feed, 'company' as account, '{region}' as region, service, unit, price, price as list_price, 'USD' as currency,
            day as valid_from, day + 1 as valid_to, 'usage in currency' as origin, day < {final} as is_final
        from range({first}, {last}) as r(day), (values ('WAREHOUSE_METERING', 'credits', 3.00), ('STORAGE', 'TiB-months', 23.00), ('AUTO_CLUSTERING', 'credits', 3.00))
            as p(service, unit, price)
    """,
}

_SHAPE_TEXT = """case kind when 'build' then 'create or replace table ' || lower(relation) || ' as\\nselect o.id, sum(o.amount) as amount\\nfrom raw.events.source_' || n % 90
    || ' as o\\nwhere o.created_at >= ?\\ngroup by o.id' when 'test' then 'select count(*) from ' || lower(relation) || ' where id is null'
    when 'read' then 'select * from ' || lower(relation) || ' where region = ? limit ?' else 'select a.*, b.name from tmp.scratch_' || left(shape, 4) || ' as a join raw.crm.people as b on a.id = b.id' end"""

#: Tables with rows per query, for the last days only.
DETAILS = {
    "queries": """
        select day, '{source}' as source, 'query_history' as feed, query_id, '{source}' || (roll(query_id) % 100000) as session_id, started_at as submitted_at, started_at,
            started_at + (seconds * 1000000)::bigint as ended_at, (roll(query_id, 2) % 900)::bigint as queued_ms, (seconds * 1000)::bigint as execution_ms, pool_id, pool,
            'standard' as pool_kind, size as pool_size, 'company' as account, '{region}' as region, 'ANALYTICS' as database,
            case kind when 'build' then 'CREATE_TABLE_AS_SELECT' else 'SELECT' end as statement_type, status, case status when 'failed' then '000904' end as error,
            "user", role, shape, (seconds * 40000000)::bigint as bytes_scanned, false as from_cache, false as is_client_generated
        from q where day >= {detailed}
    """,
    "charges": f"""
        select {_LINE}, started_at // 3600000000 * 3600000000 as hour, started_at, started_at + (seconds * 1000000)::bigint as ended_at, 'WAREHOUSE_METERING' as service,
            'query' as category, null as cause, pool_id, pool, query_id, null as object_id, null as object, credits as units, 'credits' as unit, {_OWN} as cost,
            {_OWN} as list_cost, 'usage in currency' as rate_origin, 'vendor' as method
        from q where day >= {{detailed}}
        union all
        select {_LINE}, hour, hour, hour + 3600000000, 'WAREHOUSE_METERING', 'idle', cause, pool_id, pool, null, null, null, idle, 'credits', {_IDLE}, {_IDLE},
            'usage in currency', 'metered'
        from hours where day >= {{detailed}}
        union all
        select {_LINE}, null, day * 86400000000::bigint, (day + 1) * 86400000000::bigint, service, category, null, null, null, null, relation, relation, units, unit,
            units * price, units * price, 'usage in currency', 'metered'
        from lines where day >= {{detailed}}
    """,
    "attributions": """
        select day, '{source}' as source, 'query' as subject_kind, query_id as subject_id, asset, rule_team, 1.0 as share, method,
            case method when 'tag' then 1.0 when 'comment' then 0.98 when 'target' then 0.9 when 'read' then 0.7 when 'principal' then 0.5 else 0 end as confidence,
            case method when 'none' then '[]' else '[{{"method":"' || method || '","asset":' || coalesce('"' || asset || '"', 'null') || ',"team":'
                || coalesce('"' || rule_team || '"', 'null') || ',"share":1.0,"confidence":0.9,"text":null}}]' end as evidence,
            environment, purpose, case when method = 'comment' then 'models/' || asset || '.sql:1' end as code_ref, 'made up' as rules_version
        from q where day >= {detailed}
        union all
        select distinct day, '{source}', 'object', relation, key, null, 1.0, 'target', 0.9, '[]', 'production', null, null, 'made up' from lines where day >= {detailed}
    """,
    "shapes": f"""
        select day, '{{source}}' as source, 'query_history' as feed, shape, 'ANALYTICS' as database, null as schema, min({_SHAPE_TEXT}) as "text", min(query_id) as query_id
        from q where day >= {{detailed}} group by all
    """,
    "pool_events": """
        select day, '{source}' as source, 'warehouse_events_history' as feed, pool_id, pool, hour + 30000000 * (roll(pool, hour) % 20)::bigint as at, 'resume' as event,
            null as cluster from hours where day >= {detailed}
        union all
        select day, '{source}', 'warehouse_events_history', pool_id, pool, hour + 3000000000 + 30000000 * (roll(pool, hour, 2) % 19)::bigint, 'suspend', null
        from hours where day >= {detailed}
    """,
    "runs": """
        select day, '{source}' as source, 'orchestrator' as feed, tool || '-' || day || '-' || n as run_id, tool as orchestrator, 'build ' || key as job,
            min(started_at) as started_at, max(started_at + (seconds * 1000000)::bigint) as ended_at, case when bool_or(status = 'failed') then 'failed' else 'success' end as status
        from q where kind = 'build' and day >= {detailed} group by day, tool, n, key
    """,
    "materializations": """
        select day, '{source}' as source, 'orchestrator' as feed, tool || '-' || day || '-' || n as run_id, key as asset, '' as partition, min(started_at) as started_at,
            max(started_at + (seconds * 1000000)::bigint) as ended_at, tool as orchestrator, case when bool_or(status = 'failed') then 'failed' else 'success' end as status,
            to_json(list(query_id))::varchar as query_ids
        from q where kind = 'build' and day >= {detailed} group by day, tool, n, key
    """,
}
