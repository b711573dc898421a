"""What Dagster, Airflow, Fivetran and CostLens itself send to Snowflake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random
from uuid import UUID

from costlens_sample.generate.clock import MINUTE, SECOND, at, chance, day_of, days
from costlens_sample.generate.company import (
    DAGSTER_HOURLY,
    DAGSTER_NIGHTLY,
    FRAUD,
    SETTLEMENT,
    SOURCES,
    STATEMENTS,
    Job,
    Source,
)
from costlens_sample.generate.statement import Client, Statement, Truth

DAGSTER = Client("DAGSTER_SVC", "CATALOG_ML", "DagsterLabs_Dagster")
AIRFLOW = Client("AIRFLOW_SVC", "PAYMENTS_ETL", "AIRFLOW")
AIRFLOW_FINANCE = Client("AIRFLOW_SVC", "FINANCE_ETL", "AIRFLOW")
FIVETRAN = Client("FIVETRAN_USER", "FIVETRAN_ROLE", "Fivetran", "JDBC 3.24.2")
COSTLENS = Client("COSTLENS_SVC", "COSTLENS_READER", "CostLens")


def _own_tag(job: Job, orchestrator: str, run: str, partition: str) -> str:
    """Return the query tag that CostLens' own drivers write."""
    mark = {
        "v": 1,
        "o": orchestrator,
        "a": [job.asset],
        "r": run,
        "s": job.asset.rpartition("/")[2],
        "p": partition,
        "f": job.code,
        "j": job.job,
    }
    return json.dumps({"_cl": mark}, separators=(",", ":"))


def _built(job: Job, instant: int, random: Random, tag: str, client: Client, session: str) -> Statement:
    database, schema, table = job.relation.split(".")
    tool = "dagster" if client is DAGSTER else "airflow"
    return Statement(
        at=instant,
        text=(
            f"create or replace table {job.relation.lower()} as\nselect f.track_id, f.listener_id, l.region, "
            f"udf_score(f.features, l.vector) as score\nfrom ml.features.{table.lower()}_input f\n"
            f"join analytics.growth.daily_active_listeners l on l.listener_id = f.listener_id\n"
            f"where f.snapshot_at < '{instant // SECOND}'::timestamp_ntz"
        ),
        type="CREATE_TABLE_AS_SELECT",
        client=client,
        session=session,
        truth=Truth(job.team_on(day_of(instant)), job.asset, tool, "build", evidence="tag"),
        warehouse=job.warehouse,
        seconds=job.seconds * random.uniform(0.9, 1.15),
        overhead=random.uniform(0.01, 0.04),
        tag=tag,
        database=database,
        schema=schema,
        compile_ms=random.randint(300, 800),
        rows_inserted=random.randint(1_000_000, 60_000_000),
        bytes_scanned=round(job.seconds * 2**31),
    )


def _dagster(day: date, random: Random) -> Iterator[Statement]:
    clock = at(day, 1) + random.randint(0, 60_000)
    run = str(UUID(int=random.getrandbits(128), version=4))
    for job in DAGSTER_NIGHTLY:
        tag = _own_tag(job, "dagster", run, str(day))
        statement = _built(job, clock, random, tag, DAGSTER, f"dagster {run}")
        if job.asset == "catalog/daily_recs" and day.day in (6, 22):  # a lock, then Dagster's retry
            yield replace(statement, seconds=200, error=("000625", "Statement aborted"), rows_inserted=0)
            clock += 400 * SECOND
            statement = replace(statement, at=clock)
        yield statement
        clock += round(statement.seconds * SECOND) + 20 * SECOND
    for hour in range(24):
        run = str(UUID(int=random.getrandbits(128), version=4))
        for job in DAGSTER_HOURLY:
            tag = _own_tag(job, "dagster", run, f"{day}-{hour:02}:00")
            yield _built(job, at(day, hour) + 31 * MINUTE, random, tag, DAGSTER, f"dagster {run}")


def _repair(random: Random) -> Statement:
    """A lost partition built again by hand in the morning, on a warehouse that is made larger while it runs."""
    job = DAGSTER_NIGHTLY[1]
    run = str(UUID(int=random.getrandbits(128), version=4))
    tag = _own_tag(job, "dagster", run, "2026-10-13")
    statement = _built(job, at(date(2026, 10, 14), 10.1), random, tag, DAGSTER, f"dagster {run}")
    return replace(statement, seconds=2_500)


#: What the settlement procedure does: (query type, part of its time, text).
_SETTLEMENT_STEPS = (
    (
        "CREATE_TABLE_AS_SELECT",
        0.5,
        (
            "create or replace temporary table settle_batch as select * from analytics.payments.fct_charges "
            "where settled_at is null and charged_at < '{0}'::timestamp_ntz"
        ),
    ),
    (
        "MERGE",
        0.4,
        (
            "merge into analytics.payments.settlements t using settle_batch b on t.charge_id = b.charge_id "
            "when matched then update set state = 'settled' when not matched then insert (charge_id) values (b.charge_id)"
        ),
    ),
    ("UPDATE", 0.1, "update analytics.payments.settlements set batch_id = {0} where batch_id is null"),
)


def _settlement(instant: int, random: Random) -> Statement:
    """A procedure whose children carry no tag of their own: the caller's was of the statement, not of the session."""
    session = f"airflow settlement {instant}"
    truth = Truth("payments", SETTLEMENT.asset, "airflow", "build", evidence="parent")
    children = tuple(
        Statement(
            at=instant,
            text=step.format(instant // SECOND),
            type=kind,
            client=AIRFLOW,
            session=session,
            truth=truth,
            warehouse=SETTLEMENT.warehouse,
            seconds=SETTLEMENT.seconds * part * random.uniform(0.8, 1.2),
            overhead=0.006,
            schema="PAYMENTS",
            bytes_scanned=2**33,
        )
        for kind, part, step in _SETTLEMENT_STEPS
    )
    tag = _own_tag(SETTLEMENT, "airflow", f"scheduled__{instant // SECOND}", "")
    call = _built(SETTLEMENT, instant, random, tag, AIRFLOW, session)
    return replace(
        call,
        text=f"call analytics.payments.settle_batch({instant // SECOND}, 'EU')",
        type="CALL",
        seconds=1,
        weight=0.01,
        rows_inserted=0,
        bytes_scanned=0,
        children=children,
    )


def _airflow(day: date, random: Random) -> Iterator[Statement]:
    for hour in range(0, 24, 2):
        yield _settlement(at(day, hour) + 12 * MINUTE + random.randint(0, 9_000), random)
    tag = _own_tag(FRAUD, "airflow", f"scheduled__{day}", str(day))
    fraud = _built(FRAUD, at(day, 23.2), random, tag, AIRFLOW, f"airflow fraud {day}")
    yield fraud
    yield replace(
        fraud,
        at=fraud.at + 3 * SECOND,
        text="alter session set query_tag = ''",
        type="ALTER_SESSION",
        seconds=0,
        is_computed=False,
        tag="",
        truth=Truth("payments", None, "airflow", "maintenance", evidence="principal"),
        rows_inserted=0,
        bytes_scanned=0,
    )
    # An older DAG that knows only the company's own keys.
    own = {"team": "finance", "asset": STATEMENTS.asset, "dag_id": "royalty_statements", "task_id": "build"}
    yield _built(STATEMENTS, at(day, 5.2), random, json.dumps(own), AIRFLOW_FINANCE, f"airflow royalties {day}")


def _sync(source: Source, instant: int, random: Random, transaction: int) -> Iterator[Statement]:
    """A Fivetran sync: stage, then merge, in one transaction."""
    staged = f"fivetran_{source.connector}_staging.{source.table}_{transaction % 997}"
    load = Statement(
        at=instant,
        text=(
            f"COPY INTO RAW.{staged} FROM @FIVETRAN_STAGE/{source.connector}/{transaction} FILE_FORMAT = (TYPE = CSV "
            f"COMPRESSION = ZSTD FIELD_OPTIONALLY_ENCLOSED_BY = '\"') ON_ERROR = ABORT_STATEMENT"
        ),
        type="COPY",
        client=FIVETRAN,
        session=f"fivetran {transaction}",
        truth=Truth("platform", source.asset, "fivetran", "build", evidence="principal"),
        warehouse="INGEST_WH",
        seconds=source.seconds * 0.35 * random.uniform(0.7, 1.4),
        overhead=random.uniform(0.02, 0.05),
        database="RAW",
        schema=source.connector.upper(),
        rows_inserted=random.randint(1_000, 900_000),
        bytes_scanned=round(source.seconds * 2**24),
        transaction=transaction,
    )
    yield load
    yield replace(
        load,
        at=instant + round(load.seconds * SECOND) + 3 * SECOND,
        text=(
            f'MERGE INTO "RAW"."{source.connector.upper()}"."{source.table.upper()}" AS t USING "RAW".{staged} AS s '
            'ON t."ID" = s."ID" WHEN MATCHED AND s."_FIVETRAN_DELETED" THEN UPDATE SET t."_FIVETRAN_DELETED" = TRUE '
            'WHEN NOT MATCHED THEN INSERT ("ID", "_FIVETRAN_SYNCED") VALUES (s."ID", s."_FIVETRAN_SYNCED")'
        ),
        type="MERGE",
        seconds=source.seconds * 0.65 * random.uniform(0.7, 1.4),
        overhead=0.01,
    )


def _costlens(day: date) -> Iterator[Statement]:
    """Our own pulls: tagged, so that they are a line of their own."""
    clock = at(day, 6.8)
    for view in ("QUERY_HISTORY", "QUERY_ATTRIBUTION_HISTORY", "WAREHOUSE_METERING_HISTORY", "METERING_HISTORY"):
        yield Statement(
            at=clock,
            text=(
                f"select start_time, end_time from snowflake.account_usage.{view.lower()} "
                "where start_time >= ? and start_time < ?"
            ),
            type="SELECT",
            client=COSTLENS,
            session=f"costlens {day}",
            truth=Truth("costlens", None, "costlens", "maintenance", evidence="tag"),
            warehouse="COSTLENS_WH",
            seconds=6,
            tag='{"app":"costlens"}',
            database="SNOWFLAKE",
            schema="ACCOUNT_USAGE",
        )
        clock += 7 * SECOND


def statements() -> Iterator[Statement]:
    """Yield everything the schedulers and loaders send, in no order."""
    random = chance("orchestrators")
    transaction = 71_000
    for day in days():
        yield from _dagster(day, random)
        yield from _airflow(day, random)
        for hour in range(0, 24, 3):
            for place, source in enumerate(SOURCES):
                transaction += 1
                yield from _sync(source, at(day, hour) + (2 + 3 * place) * MINUTE, random, transaction)
        yield from _costlens(day)
    yield _repair(random)
