"""The real BigQuery client against a recording server: every job carries its asset and keeps the user's labels."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery import dbapi

import costlens
from costlens.tagging import codec

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix, Wire

KEY = "analytics/Orders*/é"


@pytest.fixture
def client(wire: Wire) -> bigquery.Client:
    costlens.instrument()
    options = ClientOptions(api_endpoint=f"http://localhost:{wire.port}")
    return bigquery.Client(project="p", credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]


def query_with_labels(client: bigquery.Client) -> Any:
    return client.query("select 1", job_config=bigquery.QueryJobConfig(labels={"team": "growth"}))


def load_rows(client: bigquery.Client, size: int | None = None) -> Any:
    config = bigquery.LoadJobConfig(source_format="CSV", labels={"team": "growth"})
    return client.load_table_from_file(io.BytesIO(b"1\n"), "p.d.t", job_config=config, size=size)


CALLS: dict[str, Callable[[bigquery.Client], Any]] = {
    "query": lambda c: c.query("select 1"),
    "query with labels": query_with_labels,
    "query by the QUERY api": lambda c: c.query("select 1", api_method="QUERY"),
    "query_and_wait": lambda c: list(c.query_and_wait("select 1")),
    "load from a uri": lambda c: c.load_table_from_uri("gs://b/f", "p.d.t"),
    "load from a file": lambda c: load_rows(c, size=2),
    "load from a stream": load_rows,
    "copy": lambda c: c.copy_table("p.d.t", "p.d.u"),
    "extract": lambda c: c.extract_table("p.d.t", "gs://b/f"),
    "create_job": lambda c: c.create_job({"query": {"query": "select 1", "useLegacySql": False}}),
    "DBAPI": lambda c: dbapi.connect(c).cursor().execute("select 1"),  # type: ignore[no-untyped-call]
}


@pytest.mark.parametrize("name", CALLS)
def test_every_job_carries_its_asset(wire: Wire, client: bigquery.Client, name: str, matrix: Matrix) -> None:
    with costlens.asset(KEY, team="growth"):
        CALLS[name](client)
    assert wire.labels
    labels = wire.labels[0]
    found = codec.decode_labels(labels)
    assert found is not None
    assert found["k"] == [codec.asset_hash(KEY)]
    assert found["l"] == "analytics_orders__e_"
    assert found["t"] == "growth"
    assert found["f"].startswith("tests/tagging/test_bigquery.py:")
    if "labels" in name or ("load from a " in name and "uri" not in name):
        assert labels["team"] == "growth"
    matrix("google-cloud-bigquery", name)


def test_the_request_is_else_the_same(wire: Wire, client: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(labels={"team": "growth"}, maximum_bytes_billed=10)
    with costlens.asset(KEY):
        client.query("select 1", job_id="job", job_retry=None, job_config=config)
    costlens.uninstrument()
    client.query("select 1", job_id="job", job_retry=None, job_config=config)
    tagged, plain = wire.jobs
    assert plain["configuration"]["labels"] == {"team": "growth"}
    tagged["configuration"]["labels"] = {"team": "growth"}
    assert tagged == plain
    assert config.labels == {"team": "growth"}


def test_what_is_no_job_is_left_alone(wire: Wire, client: bigquery.Client, matrix: Matrix) -> None:
    with costlens.asset(KEY):
        client.insert_rows_json("p.d.t", [{"x": 1}])
        client.cancel_job("j", location="US")
        client.create_dataset("d", exists_ok=True)
    assert all("cl_k" not in str(body) for _, body in wire.requests)
    assert any(path.endswith("/insertAll") for path, _ in wire.requests)
    matrix("google-cloud-bigquery", "insert_rows_json, which is no job", "no")


def test_labels_of_a_full_job_are_the_users(wire: Wire, client: bigquery.Client) -> None:
    own = {f"k{number}": "v" for number in range(64)}
    with costlens.asset(KEY):
        client.query("select 1", job_config=bigquery.QueryJobConfig(labels=own))
    assert wire.labels[0] == own


def test_without_an_asset_and_line_nothing_changes(
    wire: Wire, client: bigquery.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTLENS_CALLER", "0")
    client.query("select 1")
    assert wire.labels == [{}]
