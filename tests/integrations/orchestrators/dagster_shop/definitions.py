"""A team's Dagster project; it knows nothing of CostLens."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets
from dagster_gcp import BigQueryResource
from dagster_snowflake import SnowflakeResource

HERE = Path(__file__).parent
REACH = {"host": "localhost", "port": int(os.environ["STANDIN_PORT"]), "protocol": "http"}
snowflake = SnowflakeResource(account="acme", user="SVC", password="p", additional_snowflake_connection_args=REACH)


class Audited(dg.ConfigurableResource):
    """Opens its session when it is set up."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        with snowflake.get_connection() as connection:
            connection.cursor().execute("insert into shop.sessions select current_session()")

    def note(self, text: str) -> None:
        with snowflake.get_connection() as connection:
            connection.cursor().execute(f"insert into shop.notes select '{text}'")


class TableIO(dg.ConfigurableIOManager):
    """Keeps what an asset returns in a table, and reads it from there."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        if obj is not None:
            with snowflake.get_connection() as connection:
                connection.cursor().execute(f"insert into shop.io_{context.asset_key.path[-1]} values ({obj})")

    def load_input(self, context: dg.InputContext) -> object:
        with snowflake.get_connection() as connection:
            return connection.cursor().execute(f"select * from shop.io_{context.asset_key.path[-1]}").fetchall()


@dg.asset(key_prefix="raw")
def orders(snowflake: SnowflakeResource) -> int:
    with snowflake.get_connection() as connection:
        connection.cursor().execute("create or replace table shop.orders as select * from lake.orders")
    return 1


@dg.asset(key_prefix="marts")
def customers(orders, audited: Audited) -> None:
    audited.note("customers")


@dg.asset(key_prefix="marts")
def wide(snowflake: SnowflakeResource) -> None:
    def load(part: int) -> None:
        with snowflake.get_connection() as connection:
            connection.cursor().execute(f"insert into shop.wide select * from lake.part_{part}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(8)))


@dg.asset(key_prefix="marts", partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
def regions(context: dg.AssetExecutionContext, snowflake: SnowflakeResource) -> None:
    with snowflake.get_connection() as connection:
        connection.cursor().execute(f"insert into shop.regions select * from lake.regions_{context.partition_key}")


@dg.asset(key_prefix="marts", retry_policy=dg.RetryPolicy(max_retries=1))
def flaky(snowflake: SnowflakeResource) -> None:
    with snowflake.get_connection() as connection:
        connection.cursor().execute("insert into shop.flaky select * from lake.fails_once")


@dg.asset(key_prefix="marts")
def broken(snowflake: SnowflakeResource) -> None:
    with snowflake.get_connection() as connection:
        connection.cursor().execute("insert into shop.broken select * from lake.fails_always")


@dg.multi_asset(outs={"left": dg.AssetOut(key=["marts", "left"]), "right": dg.AssetOut(key=["marts", "right"])})
def both(snowflake: SnowflakeResource):
    with snowflake.get_connection() as connection:
        connection.cursor().execute("create temporary table shop.both as select * from lake.both")
    yield dg.Output(None, "left")
    yield dg.Output(None, "right")


@dg.asset_check(asset=dg.AssetKey(["raw", "orders"]))
def orders_are_there(snowflake: SnowflakeResource) -> dg.AssetCheckResult:
    with snowflake.get_connection() as connection:
        found = connection.cursor().execute("select count(*) from shop.orders_checked").fetchall()
    return dg.AssetCheckResult(passed=bool(found))


@dg.asset(key_prefix="ml")
def scores(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):
    command = [shutil.which("python"), str(HERE / "external.py")]
    return pipes.run(command=command, context=context).get_results()


@dg.asset(key_prefix="bq", pool="bigquery")
def sessions(bigquery: BigQueryResource) -> None:
    with bigquery.get_client() as client:
        client.query_and_wait("create or replace table `shop-prod.web.sessions` as select 1 as x")
        client.query("select * from `shop-prod.web.sessions`").result()


@dbt_assets(manifest=Path(os.environ["DBT_MANIFEST"]), select="stg_orders stg_users orders")
def shop(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()


NIGHTLY = dg.AssetSelection.assets(orders, customers, wide, scores, shop) - dg.AssetSelection.checks(orders_are_there)
REST = dg.AssetSelection.assets(flaky, broken, both, sessions, regions) | dg.AssetSelection.checks(orders_are_there)
EXECUTOR = dg.multiprocess_executor.configured({"max_concurrent": 3, "start_method": {"forkserver": {}}})
defs = dg.Definitions(
    assets=[orders, customers, wide, regions, flaky, broken, both, scores, sessions, shop],
    asset_checks=[orders_are_there],
    jobs=[
        dg.define_asset_job("nightly", NIGHTLY, executor_def=EXECUTOR),
        dg.define_asset_job("rest", REST, executor_def=dg.in_process_executor),
    ],
    resources={
        "snowflake": snowflake,
        "audited": Audited(),
        "io_manager": TableIO(),
        "pipes": dg.PipesSubprocessClient(),
        "bigquery": BigQueryResource(project="shop-prod", gcp_credentials=os.environ["GCP_CREDENTIALS"]),
        "dbt": DbtCliResource(project_dir=os.environ["DBT_PROJECT"], profiles_dir=os.environ["DBT_PROFILES_DIR"]),
    },
)
