"""Airflow 3 as it is installed, with its providers and Cosmos: unmodified DAGs, the plugin alone, every statement tagged and charged."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from costlens.tagging.codec import asset_hash
from tests.integrations.orchestrators.airflow_home import variables
from tests.integrations.orchestrators.arrivals import Statement
from tests.integrations.orchestrators.books import charged, expected, timed
from tests.integrations.orchestrators.hooks import check_hooks
from tests.integrations.orchestrators.notes import note
from tests.integrations.orchestrators.standin import Warehouses, certificate

HERE = Path(__file__).parent
PROJECT, DBT_PROJECT = HERE / "airflow_shop", HERE / "dbt_shop"
BIN = Path(os.environ["COSTLENS_AIRFLOW"])
DAGS = ("nightly", "hourly", "dbt")
TEAMS = ["platform", "finance", "growth"]
TEAM = {
    "marts/orders": "finance",
    "ml/scores": "growth",
    "marts/wide": "growth",
    "marts/left": "growth",
    "marts/right": "finance",
    "nightly": "platform",
    "marts/flaky": "finance",
    "marts/broken": "finance",
    "marts/regions": "finance",
    "marts/ledger": "finance",
    "marts/waited": "growth",
    "bq/sessions": "platform",
}
#: A part of a statement's text -> whose it is; only the DAGs themselves say so.
WHOSE = {
    "shop.orders": ["marts/orders"],
    "shop.scores": ["ml/scores"],
    "shop.wide": ["marts/wide"],
    "shop.both": ["marts/left", "marts/right"],
    "shop.events": ["nightly"],
    "shop.flaky": ["marts/flaky"],
    "shop.broken": ["marts/broken"],
    "shop.regions": ["marts/regions"],
    "shop.ledger": ["marts/ledger"],
    "shop.waited": ["marts/waited"],
    "web.sessions": ["bq/sessions"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def warehouses(home: Path) -> Iterator[Warehouses]:
    with Warehouses(certificate(home)) as made:
        made.faults.failing.update({"fails_once": 1, "fails_always": -1})
        yield made


@pytest.fixture(scope="module")
def settings(home: Path, warehouses: Warehouses) -> dict[str, str]:
    return variables(BIN, home, warehouses, PROJECT) | {
        "DBT": str(BIN / "dbt"),
        "DBT_PROJECT": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT / "profiles"),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "dbt-logs"),
        "DBT_MANIFEST": str(home / "target" / "manifest.json"),
    }


@pytest.fixture(scope="module")
def said(settings: dict[str, str]) -> dict[str, str]:
    """What Airflow says of each DAG; all run at once, each in a process of its own."""
    parse = [BIN / "dbt", "parse", "--project-dir", DBT_PROJECT]
    for command in (parse, [BIN / "airflow", "db", "migrate"]):
        subprocess.run(command, cwd=settings["AIRFLOW_HOME"], env=settings, check=True, capture_output=True)
    running = {}
    for dag in DAGS:  # a home each: the DAGs run at once, and SQLite is for one
        home = Path(settings["AIRFLOW_HOME"]) / dag
        home.mkdir()
        shutil.copy(home.parent / "airflow.db", home)
        running[dag] = subprocess.Popen(
            [BIN / "airflow", "dags", "test", dag],
            cwd=home,
            env={**settings, "AIRFLOW_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return {dag: process.communicate()[0] for dag, process in running.items()}


def keys_of(statement: Statement) -> list[str]:
    """Return the assets that a statement is for, by what the DAGs' own text says."""
    if '"node_id"' in statement.text:
        return ["staging/stg_orders"]
    if "prod.audit" in statement.text.lower():
        return ["dbt"]  # the project's own hook: an asset of no manifest, so its DAG's
    return next(keys for part, keys in WHOSE.items() if part in statement.text)


def whose(statement: Statement) -> list[tuple[str | None, str | None]]:
    owners = {**TEAM, "staging/stg_orders": "platform", "dbt": "platform"}
    return [(key, owners[key]) for key in keys_of(statement)]


def test_every_statement_carries_its_asset(warehouses: Warehouses, said: dict[str, str]) -> None:
    metered = [statement for statement in warehouses.statements if statement.is_metered]
    arrived = {key for statement in metered for key in keys_of(statement)}
    assert arrived >= {*TEAM, "staging/stg_orders"}, "\n\n".join(text[-3000:] for text in said.values())
    for statement in metered:
        found = statement.cl
        assert found.get("j") in DAGS, statement
        if '"node_id"' in statement.text:
            assert found["n"] in re.findall(r'"node_id": "([^"]+)"', statement.text)
        elif "prod.audit" not in statement.text.lower():
            keys = keys_of(statement)
            assert found.get("a", found.get("k")) == (keys if "a" in found else [asset_hash(key) for key in keys])
            assert (found["o"], found["t"]) == ("airflow", "growth" if found["j"] == "nightly" else "finance")
            assert found["r"].startswith(f"{found['j']}/")
            assert "airflow_shop" in found["f"]
    assert {each.cl["s"] for each in warehouses.of("shop.regions")} == {"regions[0]", "regions[1]"}
    assert [each.status for each in warehouses.of("shop.flaky")][:1] == ["FAIL"]
    assert {each.client for each in warehouses.of("shop.ledger")} == {"SQL API"}
    # What is told afterwards comes of Airflow alone, when the trigger of the deferred task has fired.
    waited = [(each.text.split("'")[1], each.cl["s"]) for each in warehouses.of("shop.waited")]
    assert waited == [("before", "waiting"), ("after", "waiting")]


def test_cost_goes_to_asset_and_team(
    warehouses: Warehouses, said: dict[str, str], settings: dict[str, str], tmp_path: Path
) -> None:
    listed = [{"key": key, "team": team} for key, team in TEAM.items()]
    (tmp_path / "assets.yml").write_text(json.dumps({"assets": listed}))
    assets = [{"yaml": str(tmp_path / "assets.yml")}, {"dbt": {"manifest": settings["DBT_MANIFEST"]}}]
    history = timed(warehouses.statements)
    costs, methods = charged(tmp_path / "books", history, assets, TEAMS)
    assert costs == expected(history, whose)
    assert methods == {"tag"}
    note(
        BIN,
        "apache-airflow-core",
        "tasks with outlets and without, mapped tasks, tasks that defer; threads; failures; retries; BashOperator",
    )
    note(
        BIN, "apache-airflow-providers-snowflake", "SnowflakeHook", "SnowflakeSqlApiOperator", "SQLExecuteQueryOperator"
    )
    note(BIN, "apache-airflow-providers-google", "BigQueryInsertJobOperator")
    note(BIN, "astronomer-cosmos", "nodes of dbt, local mode")


def test_query_ids_of_hooks_are_kept(warehouses: Warehouses, said: dict[str, str], settings: dict[str, str]) -> None:
    """The ids that Airflow's hooks report are those that the warehouse gave."""
    code = (
        "import json, sqlite3, os; rows = sqlite3.connect(os.environ['AIRFLOW_HOME'] + '/nightly/airflow.db')"
        ".execute(\"select task_id, value from xcom where key = 'costlens_query_ids'\").fetchall(); print(json.dumps(rows))"
    )
    done = subprocess.run([BIN / "python", "-c", code], env=settings, check=True, capture_output=True, text=True)
    kept = {task: json.loads(value) for task, value in json.loads(done.stdout)}
    assert set(kept["orders"]) == {statement.id for statement in warehouses.of("shop.orders")}
    assert set(kept["wide"]) == {statement.id for statement in warehouses.of("shop.wide")}


def test_a_fault_of_ours_is_not_noticed() -> None:
    """Airflow logs what its listeners raise, and goes on."""
    ends = {f"listener.on_task_instance_{end}" for end in ("running", "success", "failed", "skipped")}
    check_hooks(BIN, "airflow", {"listener.on_starting"} | ends)
