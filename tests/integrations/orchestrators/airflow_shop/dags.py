"""A team's DAGs; they know nothing of CostLens."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
from airflow.providers.snowflake.operators.snowflake import SnowflakeSqlApiOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, Asset, BaseOperator, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import LoadMode

HERE = Path(__file__).parent


def execute(sql: str) -> None:
    SnowflakeHook(snowflake_conn_id="snowflake").run(sql)


class Waiting(BaseOperator):
    """Submits, gives its place up, and comes back to look at what became of it."""

    def execute(self, context):
        execute("insert into shop.waited select 'before'")
        self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="resume")

    def resume(self, context, event=None):
        execute("insert into shop.waited select 'after'")


with DAG("nightly", tags=["team:growth"], default_args={"owner": "ann"}):
    SQLExecuteQueryOperator(
        task_id="orders",
        conn_id="snowflake",
        sql=["create or replace table shop.orders as select 1 as id", "grant select on shop.orders to role analyst"],
        outlets=[Asset("marts/orders")],
    )
    BashOperator(task_id="scores", bash_command=f"python {HERE / 'external.py'}", outlets=[Asset("ml/scores")])

    @task(outlets=[Asset("marts/wide")])
    def wide():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda part: execute(f"insert into shop.wide select * from lake.part_{part}"), range(6)))

    @task(outlets=[Asset("marts/left"), Asset("marts/right")])
    def both():
        execute("create temporary table shop.both as select * from lake.both")

    @task
    def housekeeping():
        execute("delete from shop.events where at < 5")

    wide(), both(), housekeeping()

with DAG("hourly", default_args={"owner": "finance"}):

    @task(outlets=[Asset("marts/flaky")], retries=1, retry_delay=timedelta(0))
    def flaky():
        execute("insert into shop.flaky select * from lake.fails_once")

    @task(outlets=[Asset("marts/broken")])
    def broken():
        execute("insert into shop.broken select * from lake.fails_always")

    @task(outlets=[Asset("marts/regions")])
    def regions(region):
        execute(f"insert into shop.regions select * from lake.regions_{region}")

    flaky(), broken(), regions.expand(region=["eu", "us"])
    BigQueryInsertJobOperator(
        task_id="sessions",
        gcp_conn_id="bigquery",
        configuration={"query": {"query": "select 1 as x from web.sessions", "useLegacySql": False}},
        location="US",
        deferrable=True,
        outlets=[Asset("bq/sessions")],
    )
    SnowflakeSqlApiOperator(
        task_id="ledger",
        snowflake_conn_id="snowflake_api",
        sql="insert into shop.ledger select * from lake.ledger",
        statement_count=1,
        outlets=[Asset("marts/ledger")],
    )
    Waiting(task_id="waiting", outlets=[Asset("marts/waited")])

with DAG("dbt", default_args={"owner": "platform"}):
    DbtTaskGroup(
        project_config=ProjectConfig(os.environ["DBT_PROJECT"], manifest_path=os.environ["DBT_MANIFEST"]),
        profile_config=ProfileConfig(
            profile_name="shop",
            target_name="snowflake",
            profiles_yml_filepath=Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml",
        ),
        execution_config=ExecutionConfig(dbt_executable_path=os.environ["DBT"]),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, select=["stg_orders"]),
        operator_args={"install_deps": False},
    )
