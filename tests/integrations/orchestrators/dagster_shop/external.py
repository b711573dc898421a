"""What a Pipes client runs: it knows nothing of assets, and reports to Dagster."""

import os

import snowflake.connector
from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as pipes:
    connection = snowflake.connector.connect(
        account="acme",
        user="SVC",
        password="p",
        host="localhost",
        port=int(os.environ["STANDIN_PORT"]),
        protocol="http",
    )
    connection.cursor().execute("insert into shop.scores select * from shop.features")
    connection.close()
    pipes.report_asset_materialization(metadata={"rows": 1})
