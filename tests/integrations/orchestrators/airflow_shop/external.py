"""What a shell command of a task starts: it knows nothing of assets."""

import os

import snowflake.connector

connection = snowflake.connector.connect(
    account="acme", user="SVC", password="p", host="localhost", port=int(os.environ["STANDIN_PORT"]), protocol="http"
)
connection.cursor().execute("insert into shop.scores select * from shop.features")
connection.close()
