"""OpenLineage's own Python client posts to the receiver, plain and packed, and what it sends is kept."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from costlens_openlineage.spool import lines_of, segments
from tests.openlineage.serving import TOKEN, served

PYTHON = Path(os.environ["COSTLENS_OPENLINEAGE"]) / "python"
SCRIPT = """
import sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import external_query_run, ownership_job, parent_run
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

url, token, packed = sys.argv[1:]
config = HttpConfig(url=url, auth=ApiKeyTokenProvider({"apiKey": token}), compression=HttpCompression.GZIP if packed == "gzip" else None)
parent = parent_run.ParentRunFacet(parent_run.Run(str(generate_new_uuid())), parent_run.Job("airflow", "loads"))
query = external_query_run.ExternalQueryRunFacet("shop-1:EU.job_1", "bigquery")
owners = ownership_job.OwnershipJobFacet([ownership_job.Owner("team:growth", "OWNER")])
OpenLineageClient(transport=HttpTransport(config)).emit(
    RunEvent(
        eventTime=datetime.now(timezone.utc).isoformat(),
        run=Run(str(generate_new_uuid()), facets={"externalQuery": query, "parent": parent}),
        job=Job("airflow", "loads.nightly", facets={"ownership": owners}),
        producer="https://example.org/costlens",
        eventType=RunState.COMPLETE,
        outputs=[OutputDataset("bigquery", "shop-1.marts.orders")],
    )
)
"""


@pytest.mark.parametrize("form", ["gzip", "plain"])
def test_the_client_is_understood(tmp_path: Path, form: str) -> None:
    spool = tmp_path / "spool"
    with served(spool) as server:
        url = server.url.removesuffix("/api/v1/lineage")
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
        subprocess.run([PYTHON, "-c", SCRIPT, url, TOKEN, form], env=environment, check=True, capture_output=True)
        wrong = subprocess.run(
            [PYTHON, "-c", SCRIPT, url, "wrong", form], env=environment, check=False, capture_output=True
        )
        assert wrong.returncode != 0
    (record,) = [json.loads(line) for path in segments(spool) for line, _ in lines_of(path, 0, 10**9)]
    assert record["ids"] == ["shop-1:EU.job_1"]
    assert record["owners"] == ["team:growth"]
    assert record["out"] == [["bigquery://shop-1.marts.orders", [], []]]
    assert record.keys() >= {"run", "parent", "job"}
