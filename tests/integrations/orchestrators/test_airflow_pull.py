"""A real Airflow 3, run by its own programs, tells its DAGs, owners, assets, runs and events."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from costlens_airflow.pull import Airflow, AirflowSettings

PROGRAMS = Path(os.environ["COSTLENS_AIRFLOW_WEB"])
DAGS = """
from datetime import datetime
from airflow.sdk import DAG, Asset, task

orders = Asset("orders", uri="snowflake://org-acct/ANALYTICS/MARTS/ORDERS")

with DAG("loads", schedule=None, start_date=datetime(2026, 1, 1), default_args={"owner": "growth-data"}, tags=["team:growth"]):
    @task(outlets=[orders])
    def nightly(): ...
    nightly()
"""


def ask(url: str, token: str | None = None, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve Airflow, run the DAG once, and give out address and token."""
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags").mkdir()
    (folder / "dags" / "loads.py").write_text(DAGS, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    variables = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "NO_PROXY": "localhost,127.0.0.1",
    }
    command = [PROGRAMS / "airflow", "standalone"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: ask(f"{url}/api/v2/version"), server)
        token = ask(f"{url}/auth/token")["access_token"]
        until(lambda: ask(f"{url}/api/v2/dags/loads", token), server)
        ask(f"{url}/api/v2/dags/loads/dagRuns", token, {"logical_date": None, "dag_run_id": "m1"})
        run = f"{url}/api/v2/dags/loads/dagRuns/m1"
        until(lambda: ask(run, token)["state"] in ("success", "failed"), server)
        yield url, token
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def until(done: Any, server: subprocess.Popen[bytes]) -> None:
    """Wait until something is true, as long as Airflow runs."""
    while server.poll() is None:
        try:
            if done():
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("airflow ended")


def test_airflow_tells_all(deployment: tuple[str, str]) -> None:
    url, token = deployment
    source = Airflow("airflow", AirflowSettings(url=url, token=SecretStr(token)), Path())
    assert [finding.state for finding in source.check()] == ["ok"] * 3
    batches = [*source.pull({}, None, datetime.now(timezone.utc))]
    assert batches[0].assets is not None
    assert {asset.key: asset.owners for asset in batches[0].assets} == {
        "loads": ("team:growth", "growth-data"),
        "orders": ("team:growth", "growth-data"),
    }
    runs = {run.run_id: run.status for batch in batches for run in batch.runs}
    assert runs == {"loads/m1": "success", "loads/m1/nightly": "success"}
    events = [(one.run_id, one.asset) for batch in batches for one in batch.materializations]
    assert events == [("loads/m1/nightly", "snowflake://org-acct/ANALYTICS/MARTS/ORDERS")]
