"""A real Dagster, run and served by its own programs, tells its assets, owners, runs and materializations."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from costlens_dagster.pull import Dagster, DagsterSettings

PROGRAMS = Path(os.environ["COSTLENS_DAGSTER_WEB"])
DEFINITIONS = """
import dagster as dg

@dg.asset(owners=["team:growth", "ann@example.org"], metadata={"dagster/table_name": "ANALYTICS.MARTS.ORDERS"}, key_prefix="marts")
def orders():
    return dg.MaterializeResult(metadata={"query_id": "01b8ea94-0412-5972"})

@dg.asset(deps=[orders], partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
def revenue(context): ...

defs = dg.Definitions(assets=dg.with_source_code_references([orders, revenue]))
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Materialize both assets and serve Dagster's web page."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "defs.py").write_text(DEFINITIONS, "utf-8")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    variables = {**os.environ, "DAGSTER_HOME": str(folder)}
    for asset, partition in (("marts/orders", []), ("revenue", ["--partition", "eu"])):
        command = [PROGRAMS / "dagster", "asset", "materialize", "-f", "defs.py", "--select", asset, *partition]
        subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PROGRAMS / "dagster-webserver", "-f", "defs.py", "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
    try:
        while server.poll() is None and not _is_open(port):
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        server.terminate()
        server.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_dagster_tells_all(url: str) -> None:
    source = Dagster("dagster", DagsterSettings(url=url), Path())
    assert [finding.state for finding in source.check()] == ["ok"]
    until = datetime.now(timezone.utc) + timedelta(minutes=1)
    first, second = [*source.pull({}, None, until)]
    assert first.assets is not None
    orders = next(asset for asset in first.assets if asset.key == "marts/orders")
    assert (orders.owners, orders.relations) == (("team:growth", "ann@example.org"), ("ANALYTICS.MARTS.ORDERS",))
    assert str(orders.path).endswith("defs.py")
    assert [run.status for run in second.runs] == ["success", "success"]
    found = {one.asset: (one.partition, one.query_ids) for one in second.materializations}
    assert found == {"marts/orders": (None, ("01b8ea94-0412-5972",)), "revenue": ("eu", ())}
    assert second.state["updated"] <= until.timestamp()
