"""Dagster as it is installed: an unmodified project, dagster.yaml alone, every statement tagged and charged by asset."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from costlens.tagging.codec import asset_hash
from tests.integrations.orchestrators.arrivals import Statement, Together
from tests.integrations.orchestrators.books import charged, expected, timed
from tests.integrations.orchestrators.hooks import check_hooks
from tests.integrations.orchestrators.notes import note
from tests.integrations.orchestrators.standin import Warehouses

HERE = Path(__file__).parent
PROJECT, DBT_PROJECT = HERE / "dagster_shop", HERE / "dbt_shop"
BIN = Path(os.environ["COSTLENS_DAGSTER"])
TEAMS = ["platform", "finance", "growth"]
TEAM = {
    "raw/orders": "platform",
    "marts/customers": "growth",
    "marts/wide": "growth",
    "marts/regions": "finance",
    "marts/flaky": "finance",
    "marts/broken": "finance",
    "marts/left": "growth",
    "marts/right": "finance",
    "ml/scores": "growth",
    "bq/sessions": "platform",
    "staging/stg_orders": "platform",
    "staging/stg_users": "platform",
    "marts/orders": "finance",
}
#: A part of a statement's text -> whose it is; only the project itself says so.
WHOSE = {
    "shop.orders as": ["raw/orders"],
    "insert into shop.io_orders": ["raw/orders"],
    "shop.orders_checked": ["raw/orders"],
    "select * from shop.io_orders": ["marts/customers"],
    "shop.notes": ["marts/customers"],
    "shop.sessions": ["marts/customers"],
    "shop.wide": ["marts/wide"],
    "shop.regions": ["marts/regions"],
    "shop.flaky": ["marts/flaky"],
    "shop.broken": ["marts/broken"],
    "shop.both": ["marts/left", "marts/right"],
    "shop.scores": ["ml/scores"],
    "shop-prod.web.sessions": ["bq/sessions"],
}
NODES = {"stg_orders": "staging/stg_orders", "stg_users": "staging/stg_users", "orders": "marts/orders"}
TESTED = {"unique_stg_users_id": "stg_users", "not_null_stg_users_id": "stg_users", "not_null_orders_id": "orders"}


def keys_of(statement: Statement) -> list[str]:
    """Return the assets that a statement is for, by what the project's own text says."""
    if found := re.search(r'"node_id": "(\w+)\.shop\.(\w+)', statement.text):
        kind, name = found.groups()
        return [NODES[TESTED[name] if kind == "test" else name]]
    if "prod.audit" in statement.text.lower():
        return ["operation.shop.shop-on-run-start-0"]
    return next(keys for part, keys in WHOSE.items() if part in statement.text)


def hashes(keys: list[str]) -> list[str]:
    return [asset_hash(key) for key in keys]


def node_of(statement: Statement) -> str:
    return re.findall(r'"node_id": "([^"]+)"', statement.text)[0]


def whose(statement: Statement) -> list[tuple[str | None, str | None]]:
    return [(key, TEAM.get(key)) for key in keys_of(statement)]


@pytest.fixture(scope="module")
def warehouses() -> Iterator[Warehouses]:
    with Warehouses() as made:
        made.faults.failing.update({"fails_once": 1, "fails_always": -1})
        made.faults.together = Together("shop.orders as", "lake.part_0")
        yield made


@pytest.fixture(scope="module")
def settings(warehouses: Warehouses, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the project's processes: where the warehouses are, and a home with one line of ours."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "client_email": "svc@shop-prod.iam.gserviceaccount.com",
        "project_id": "shop-prod",
    }
    account |= {"private_key": key.decode(), "token_uri": f"http://127.0.0.1:{warehouses.port}/token"}
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DAGSTER_HOME": str(home),
        "STANDIN_PORT": str(warehouses.port),
        "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{warehouses.port}",
        "GCP_CREDENTIALS": base64.b64encode(json.dumps(account).encode()).decode(),
        "DBT_PROJECT": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT / "profiles"),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_MANIFEST": str(home / "target" / "manifest.json"),
        "NO_COLOR": "1",
    }


def run(settings: dict[str, str], *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=settings["DAGSTER_HOME"], env=settings, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}\n{done.stderr}\nexit code {done.returncode}"


@pytest.fixture(scope="module")
def said(warehouses: Warehouses, settings: dict[str, str]) -> str:
    """What Dagster says of a job whose steps have a process each, and of one whose steps share one."""
    assert "exit code 0" in run(settings, BIN / "dbt", "parse", "--project-dir", DBT_PROJECT)
    execute = (BIN / "dagster", "job", "execute", "-f", PROJECT / "definitions.py")
    said = run(settings, *execute, "-j", "nightly")
    tags = json.dumps({"dagster/partition": "eu"})
    return said + run(settings, *execute, "-j", "rest", "--tags", tags)


def test_every_statement_carries_its_asset(warehouses: Warehouses, said: str) -> None:
    metered = [statement for statement in warehouses.statements if statement.is_metered]
    assert len(metered) > 25, said
    assert warehouses.faults.together is not None
    assert warehouses.faults.together.have_met  # two assets at once, each in a process of its own
    for statement in metered:
        keys, found = keys_of(statement), statement.cl
        assert found["r"]
        assert found["j"] in {"nightly", "rest"}
        if "node_id" in statement.text:
            assert found["n"] == node_of(statement), statement
        elif "prod.audit" not in statement.text.lower():
            assert found["o"] == "dagster", statement
            if "s" not in found:  # the process that starts the steps sets resources up for all of them
                assert "shop.sessions" in statement.text
                continue
            assert found.get("a", found.get("k", [])) == (keys if statement.warehouse == "snowflake" else hashes(keys))
            assert "dagster_shop" in found["f"]
    assert ["marts/customers"] in [each.cl.get("a") for each in warehouses.of("shop.sessions")]
    (partitioned,) = warehouses.of("shop.regions")
    assert partitioned.cl["p"] == "eu"
    tries = warehouses.of("shop.flaky")
    assert [each.status for each in tries] == ["FAIL", "SUCCESS"]
    assert len({each.cl["f"].rpartition(":")[2] for each in warehouses.of("shop.wide")}) == 1


def test_cost_goes_to_asset_and_team(
    warehouses: Warehouses, said: str, settings: dict[str, str], tmp_path: Path
) -> None:
    listed = [{"key": key, "team": team} for key, team in TEAM.items() if key.split("/")[0] != "staging"]
    (tmp_path / "assets.yml").write_text(json.dumps({"assets": listed}))
    assets = [{"yaml": str(tmp_path / "assets.yml")}, {"dbt": {"manifest": settings["DBT_MANIFEST"]}}]
    history = timed(warehouses.statements)
    costs, methods = charged(tmp_path / "books", history, assets, TEAMS)
    assert costs == expected(history, whose)
    assert methods == {"tag", "shape"}  # the one without a step is known by its shape
    note(
        BIN,
        "dagster",
        "assets, multi-assets, checks, partitions, IO managers, resources; two at once; threads; failures; retries",
    )
    note(BIN, "dagster", "Pipes: a child process")
    note(BIN, "dagster-dbt", "nodes of dbt")
    note(BIN, "dagster-snowflake", "SnowflakeResource")
    note(BIN, "dagster-gcp", "BigQueryResource")


def test_a_fault_of_ours_is_not_noticed() -> None:
    """What is trusted stands around Dagster's own, and is a line or two each."""
    around = {"steps._around_a_step", "steps._around_resources", "steps._Both.__enter__", "steps._Both.__exit__"}
    check_hooks(BIN, "dagster", around | {"boot.Boot.__init__", "boot.Boot.emit", "resources.__getattr__"})
