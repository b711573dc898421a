"""Makes a Snowflake export of any size for the benchmarks: queries, attribution, metering, sessions, the bill of 30 days."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

DAYS = 30
WAREHOUSES = 20
SHAPES = 5_000
START = "2026-10-01"
#: View -> its time: what grows every hour.
HOURLY = {
    "query_history": "end_time",
    "query_attribution_history": "end_time",
    "warehouse_metering_history": "start_time",
}

_QUERIES = f"""
create table raw as
select
    i,
    md5(i::varchar) as query_id,
    -- eight statements make one materialization: same asset, same run; an asset has its pool
    (hash(i // 8, 2) % {SHAPES} % {WAREHOUSES})::integer as warehouse,
    (hash(i // 8, 2) % {SHAPES})::integer as shape,
    timestamptz '{START} 00:00:00+00' + to_microseconds((hash(i, 3) % ({DAYS}::bigint * 86400000000 - 7200000000))::bigint) as start_time,
    -- mostly seconds, some minutes, one in 20,000 for hours
    case when hash(i, 4) % 20000 = 0 then 7000000 + (hash(i, 5) % 7000000)
         when hash(i, 4) % 50 = 0 then 30000 + (hash(i, 5) % 300000)
         else 50 + (hash(i, 5) % 6000) end::bigint as execution_time
from range(?) as r(i)
"""

_HISTORY = """
copy (
    select
        query_id,
        rpad('select o.id, o.amount, c.name from analytics.marts.orders_' || shape || ' as o join analytics.marts.customers as c on c.id = o.customer_id '
            || 'where o.created_at >= ''2026-10-' || lpad((1 + i % 28)::varchar, 2, '0') || ''' and o.amount > ' || (i % 1000)::varchar,
            (? - length(mark))::integer, ' and true') || mark as query_text,
        'ANALYTICS' as database_name, 'MARTS' as schema_name,
        'SELECT' as query_type, (i // 50)::bigint as session_id,
        'USER_' || warehouse as user_name, 'ROLE_' || (warehouse % 7) as role_name,
        (warehouse + 1)::bigint as warehouse_id, 'WH_' || warehouse as warehouse_name,
        ['X-Small', 'Small', 'Medium', 'Large'][1 + warehouse % 4] as warehouse_size, 'STANDARD' as warehouse_type, 1::bigint as cluster_number,
        case when warehouse < 5 then '{"_cl":{"v":1,"o":"dagster","a":["marts/a' || shape || '"],"r":"' || (i // 8) || '"}}' end as query_tag,
        case when i % 50 = 0 then 'FAIL' else 'SUCCESS' end as execution_status,
        start_time, start_time + to_milliseconds(execution_time + 250) as end_time,
        execution_time + 250 as total_elapsed_time, 150::bigint as compilation_time, execution_time,
        0::bigint as queued_provisioning_time, 0::bigint as queued_repair_time, 100::bigint as queued_overload_time,
        0::bigint as transaction_blocked_time, 0::bigint as list_external_files_time,
        (hash(i, 6) % 1000000000)::bigint as bytes_scanned, 0::bigint as bytes_spilled_to_local_storage, 0::bigint as bytes_spilled_to_remote_storage,
        0::bigint as rows_inserted, 0.00002::double as credits_used_cloud_services, false as is_client_generated_statement,
        0::bigint as transaction_id, md5('h' || i) as query_hash, md5('p' || shape) as query_parameterized_hash
    from (
        select *, case when warehouse < 10 then ' /* {"app": "dbt", "dbt_version": "1.11.16", "profile_name": "acme", "target_name": "prod", "node_id": "model.acme.m'
            || shape || '"} */' else '' end as mark
        from raw
    ) order by start_time
) to '{folder}/query_history.parquet' (format parquet, row_group_size 100000)
"""

_ATTRIBUTION = """
create table used as
select *, start_time + to_milliseconds(250) as started, start_time + to_milliseconds(execution_time + 250) as ended,
    execution_time / 3600000.0 * [1, 2, 4, 8][1 + warehouse % 4] * 0.3 as credits
from raw where execution_time > 100
"""

_HOURS = """
create table hours as
with part as (
    select warehouse, h.hour, credits
        * epoch_ms(least(ended, h.hour + interval 1 hour) - greatest(started, h.hour)) / execution_time as credits
    from used, lateral (select unnest(generate_series(date_trunc('hour', started), ended, interval 1 hour)) as hour) as h
    where h.hour < ended
)
select warehouse, hour, sum(credits)::decimal(38, 9) as own from part group by all
"""

_VIEWS = {
    "query_attribution_history": """
        select query_id, null::varchar as parent_query_id, null::varchar as root_query_id, (warehouse + 1)::bigint as warehouse_id,
            'WH_' || warehouse as warehouse_name, started as start_time, ended as end_time, credits as credits_attributed_compute,
            null::double as credits_used_query_acceleration
        from used order by ended""",
    "warehouse_metering_history": """
        select hour as start_time, hour + interval 1 hour as end_time, (warehouse + 1)::bigint as warehouse_id, 'WH_' || warehouse as warehouse_name,
            own * 1.25 + 0.002 as credits_used, (own * 1.25)::decimal(38, 9) as credits_used_compute, 0.002::decimal(38, 9) as credits_used_cloud_services,
            own as credits_attributed_compute_queries
        from hours""",
    "metering_daily_history": """
        select 'WAREHOUSE_METERING' as service_type, hour::date as usage_date, sum(own * 1.25)::decimal(38, 9) as credits_used_compute,
            sum(0.002)::decimal(38, 9) as credits_used_cloud_services, sum(own * 1.25 + 0.002)::decimal(38, 9) as credits_used,
            -least(sum(0.002), sum(own * 1.25) * 0.1)::decimal(38, 9) as credits_adjustment_cloud_services,
            (sum(own * 1.25 + 0.002) - least(sum(0.002), sum(own * 1.25) * 0.1))::decimal(38, 9) as credits_billed
        from hours group by all""",
    "sessions": """
        select distinct (i // 50)::bigint as session_id, min(start_time) as created_on, 'USER' as user_name, 'PythonConnector 4.8.1' as client_application_id,
            '{"APPLICATION": "dbt"}' as client_environment
        from raw group by all""",
}


def make(folder: Path, queries: int, text_length: int, memory: str = "4GB") -> None:
    """Write the export of `queries` queries below `folder`, with texts of `text_length` characters."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "world.duckdb")) as connection:
        connection.execute(f"set memory_limit = '{memory}'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(_QUERIES, [queries])
        connection.execute(_HISTORY.replace("{folder}", str(folder)), [text_length])
        connection.execute(_ATTRIBUTION)
        connection.execute(_HOURS)
        for view, sql in _VIEWS.items():
            connection.execute(f"copy ({sql}) to '{folder / view}.parquet' (format parquet)")
        _hold_back(connection, folder)
    (folder / "world.duckdb").unlink()
    for left in folder.glob("world.duckdb.*"):
        left.unlink()


def _hold_back(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Cut the last two hours off the hourly views, into a folder beside: what an hourly export adds later."""
    cut = f"timestamptz '{START[:8]}30 20:00:00+00'"
    for view, column in HOURLY.items():
        whole = folder / f"{view}.parquet"
        for part, where in (("view", f"{column} < {cut}"), ("later", f"{column} >= {cut}")):
            target = folder / view / "1.parquet" if part == "view" else folder.parent / "later" / view / "2.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"copy (select * from '{whole}' where {where}) to '{target}' (format parquet, row_group_size 100000)"
            )
        whole.unlink()


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]))
