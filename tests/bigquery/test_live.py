"""The real google-cloud-bigquery client against the stand-in: the same facts as from files, and what goes wrong on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from costlens.connector import Reader, View
from costlens.engine import Engine
from costlens.errors import SourceError, ViewUnavailable
from costlens.exports import ExportReader
from costlens.typed import Problems, typed
from costlens_bigquery import BigQuery
from costlens_bigquery.reader import LiveReader
from tests.bigquery.standin import BILLING_TABLE, Standin
from tests.bigquery.streams import Streams
from tests.bigquery.world import ADMIN, PROJECT

SINCE = datetime(2026, 10, 28, tzinfo=timezone.utc)
UNTIL = datetime(2026, 11, 5, tzinfo=timezone.utc)
anonymous: Callable[[], Any] = AnonymousCredentials
VIEWS = {view.name: view for view in BigQuery.views}


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    with Standin(tmp_path) as server:
        yield server


def source(**more: object) -> BigQuery:
    given = {
        "name": "analytics",
        "type": "bigquery",
        "project": PROJECT,
        "regions": ["us", "eu"],
        "admin_project": ADMIN,
    }
    return BigQuery(BigQuery.Settings.model_validate(given | {"billing_export": BILLING_TABLE} | more))


def open_reader(standin: Standin, connector: BigQuery, patience: float = 20.0, stream: Any = None) -> LiveReader:
    client = bigquery.Client(project=PROJECT, credentials=anonymous(), client_options={"api_endpoint": standin.url})
    return LiveReader(connector.own, client, stream, patience=patience)


def count(reader: Reader, view: str) -> int:
    return sum(batch.num_rows for batch in reader.read(VIEWS[view], SINCE, UNTIL))


def facts(connector: BigQuery, engine: Engine, view: View, chunks: Sequence[Any]) -> list[str]:
    """Return all facts of a view as sorted texts."""
    return sorted(
        f"{fact.table} {sorted(row.items())}"
        for rows in chunks
        for fact in connector.normalise(view, rows)
        for row in engine.rows(fact.rows)
    )


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "capacity_commitments"])
def test_live_and_exported_rows_give_the_same_facts(name: str, standin: Standin, export: Path) -> None:
    view, connector = VIEWS[name], source()
    exported = source(export=export)
    with Engine() as engine, open_reader(standin, connector) as reader:
        wanted = facts(exported, engine, view, [ExportReader(exported, engine).rows(view, SINCE, UNTIL)])
        problems = Problems("analytics")
        found = [
            fact
            for rows in typed(engine, view, reader.read(view, SINCE, UNTIL), problems, rows=5)
            for fact in facts(connector, engine, view, [rows])
        ]
    assert sorted(found) == wanted
    assert len(found) > 0
    assert not problems.all()


@pytest.mark.filterwarnings(
    "ignore:Retrieving Arrow record batches:PendingDeprecationWarning"
)  # the driver's own, of itself
@pytest.mark.parametrize("is_allowed", [True, False])
def test_rows_come_by_the_storage_api_where_that_is_allowed(standin: Standin, is_allowed: bool) -> None:
    view, connector = VIEWS["jobs"], source(regions=["us"])
    with Engine() as engine, Streams(standin, is_allowed=is_allowed) as streams:
        found = []
        for stream in (None, streams.client()):
            with open_reader(standin, connector, stream=stream) as reader:
                rows = typed(engine, view, reader.read(view, SINCE, UNTIL), Problems("analytics"))
                found.append([fact for chunk in rows for fact in facts(connector, engine, view, [chunk])])
        assert streams.sessions == is_allowed
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize("name", ["jobs", "reservations_timeline", "capacity_commitments", "billing_export"])
def test_the_export_that_init_prints_is_read_as_live(name: str, standin: Standin, tmp_path: Path) -> None:
    """Run the script's query in the US and lay its file where the script's address says."""
    view = VIEWS[name]
    connector = source(regions=["us"], scope="organization" if name == "billing_export" else "project")
    standin.execute("alter table billing add column _partitiontime timestamptz default '2026-11-06 00:00:00+00'")
    script = BigQuery.export_statement(view)
    uri = re.search(r"'gs://YOUR_BUCKET/(.*)/\*\.parquet'", script)
    assert uri is not None
    query = script.partition(" as\n")[2].rstrip(";").replace("your-project", PROJECT).replace("REGION", "us")
    folder = tmp_path / "export" / uri[1].replace("REGION", "us")
    folder.mkdir(parents=True)
    found = standin.run(
        query.replace("YOUR_BILLING_TABLE", BILLING_TABLE), {"window_start": "2026-10-28", "window_end": "2026-11-05"}
    )
    pq.write_table(found, folder / "000000000000.parquet")
    exported = source(regions=["us"], export=tmp_path / "export")
    with Engine() as engine, open_reader(standin, connector) as reader:
        until = datetime.now(timezone.utc) + timedelta(days=1) if view.is_snapshot else UNTIL
        wanted = facts(exported, engine, view, [ExportReader(exported, engine).rows(view, SINCE, until)])
        found = [
            fact
            for rows in typed(engine, view, reader.read(view, SINCE, until), Problems("analytics"))
            for fact in facts(connector, engine, view, [rows])
        ]
    assert sorted(found) == wanted
    assert wanted


def test_commitments_are_those_of_today(standin: Standin) -> None:
    before = datetime.now(timezone.utc).date()
    with open_reader(standin, source()) as reader:
        rows = [row for batch in reader.read(VIEWS["capacity_commitments"], SINCE, UNTIL) for row in batch.to_pylist()]
    assert [(row["slot_count"], row["region"]) for row in rows] == [(100, "us")]
    assert before <= rows[0]["snapshot_date"] <= datetime.now(timezone.utc).date()


def test_own_queries_are_labelled_capped_and_run_where_the_view_is(standin: Standin) -> None:
    with open_reader(standin, source(maximum_bytes_billed=20 << 20)) as reader:
        assert count(reader, "jobs") > 0
    configurations = standin.queries()
    assert [configuration["labels"] for configuration in configurations] == [{"app": "costlens"}] * 2
    assert {configuration["query"]["maximumBytesBilled"] for configuration in configurations} == {str(20 << 20)}
    assert "`acme-data`.`region-us`.INFORMATION_SCHEMA.JOBS" in configurations[0]["query"]["query"]
    assert [job.resource["jobReference"]["location"] for job in standin.jobs.values()] == ["us", "eu"]


def test_reservations_are_asked_in_their_own_project(standin: Standin) -> None:
    with open_reader(standin, source()) as reader:
        assert count(reader, "reservations_timeline") > 0
    assert "`acme-admin`.`region-us`" in standin.queries()[0]["query"]["query"]


def test_an_organization_is_asked_for_what_it_has(standin: Standin) -> None:
    standin.execute("alter table us_jobs drop query")
    standin.execute("alter table us_jobs drop dml_statistics")
    with open_reader(standin, source(scope="organization", regions=["us"])) as reader:
        assert count(reader, "jobs") > 0
        assert count(reader, "reservations_timeline") > 0
        assert not reader.missing_columns()
    texts = [configuration["query"]["query"] for configuration in standin.queries()]
    assert "INFORMATION_SCHEMA.JOBS_BY_ORGANIZATION" in texts[0]
    assert "INFORMATION_SCHEMA.RESERVATIONS_TIMELINE" in texts[1]
    assert "BY_ORGANIZATION" not in texts[1]


def test_texts_none_does_not_read_texts(standin: Standin) -> None:
    with open_reader(standin, source(texts="none", regions=["us"])) as reader:
        batches = list(reader.read(VIEWS["jobs"], SINCE, UNTIL))
    assert batches
    assert all("query" not in batch.schema.names for batch in batches)


def test_regions_are_found_by_data_sets(standin: Standin) -> None:
    with open_reader(standin, source(regions=[])) as reader:
        rows = [row for batch in reader.read(VIEWS["jobs"], SINCE, UNTIL) for row in batch.to_pylist()]
    assert {row["region"] for row in rows} == {"us", "eu"}


def test_no_region_to_be_found_is_said(standin: Standin) -> None:
    standin.locations = []
    with open_reader(standin, source(regions=[])) as reader, pytest.raises(SourceError, match=r"set `regions: \[us\]`"):
        count(reader, "jobs")


def test_a_forbidden_region_does_not_lose_the_others(standin: Standin) -> None:
    standin.forbidden = {"eu"}
    with open_reader(standin, source()) as reader:
        rows = count(reader, "jobs")
        assert rows > 10
        assert [(p.table, p.reason) for p in reader.missing_columns()] == [
            ("jobs", "region eu was not read: grant roles/bigquery.resourceViewer and roles/bigquery.jobUser")
        ]


def test_a_forbidden_view_names_the_role(standin: Standin) -> None:
    standin.forbidden = {"us.reservations_timeline", "eu.reservations_timeline"}
    with open_reader(standin, source()) as reader:
        with pytest.raises(ViewUnavailable) as caught:
            count(reader, "reservations_timeline")
        assert count(reader, "jobs") > 10
    assert "roles/bigquery.resourceViewer" in caught.value.remedy
    assert "administers" in caught.value.remedy


def test_a_region_that_is_not_there_is_named(standin: Standin) -> None:
    with open_reader(standin, source(regions=["asia"])) as reader, pytest.raises(ViewUnavailable) as caught:
        count(reader, "jobs")
    assert "region asia does not exist" in str(caught.value)
    assert "regions:" in caught.value.remedy


def test_no_right_to_run_queries_stops_the_source(standin: Standin) -> None:
    standin.may_run_queries = False
    with (
        open_reader(standin, source()) as reader,
        pytest.raises(SourceError, match=r"roles/bigquery\.jobUser") as caught,
    ):
        count(reader, "jobs")
    assert not isinstance(caught.value, ViewUnavailable)


def test_a_missing_column_is_left_out_and_said_once(standin: Standin) -> None:
    standin.execute("alter table us_jobs drop transaction_id")
    standin.execute("alter table eu_jobs drop transaction_id")
    standin.execute("alter table us_reservations_timeline drop is_creation_region")
    with open_reader(standin, source()) as reader:
        assert count(reader, "jobs") > 10
        assert count(reader, "reservations_timeline") > 3
        problems = [(problem.table, problem.reason) for problem in reader.missing_columns()]
    assert problems == [
        ("jobs", "no column transaction_id: read as empty"),
        ("reservations_timeline", "no column is_creation_region: read as empty"),
    ]


def test_a_required_column_that_is_missing_makes_the_view_unavailable(standin: Standin) -> None:
    standin.execute("alter table us_jobs drop job_id")
    with open_reader(standin, source(regions=["us"])) as reader, pytest.raises(ViewUnavailable, match="job_id"):
        count(reader, "jobs")


def test_a_copy_of_the_billing_export_has_no_partitions(standin: Standin) -> None:
    with open_reader(standin, source()) as reader:
        without = count(reader, "billing_export")
        standin.execute("alter table billing add column _partitiontime timestamptz")
        standin.execute("update billing set _partitiontime = date_trunc('day', export_time)")
        assert count(reader, "billing_export") == without
    texts = [configuration["query"]["query"] for configuration in standin.queries()]
    assert ["_partitiontime" in text for text in texts] == [True, False, True]


def test_no_billing_export_says_how_to_have_one(standin: Standin) -> None:
    with open_reader(standin, source(billing_export=None)) as reader, pytest.raises(ViewUnavailable) as caught:
        count(reader, "billing_export")
    assert "billing_export:" in caught.value.remedy


def test_a_query_beyond_the_limit_names_the_setting(standin: Standin) -> None:
    standin.scanned = 300 << 30
    with open_reader(standin, source()) as reader, pytest.raises(ViewUnavailable) as caught:
        count(reader, "jobs")
    assert "214,748,364,800 bytes" in str(caught.value)
    assert "maximum_bytes_billed" in caught.value.remedy


@pytest.mark.parametrize("fault", [500, 503, None])
def test_what_passes_is_tried_again(standin: Standin, fault: int | None) -> None:
    with open_reader(standin, source(regions=["us"])) as reader:
        rows = count(reader, "jobs")
        standin.faults = [fault, fault]
        assert count(reader, "jobs") == rows


def test_a_connection_lost_between_pages_loses_no_row(standin: Standin) -> None:
    with open_reader(standin, source(regions=["us"])) as reader:
        rows = count(reader, "jobs")
        batches = iter(reader.read(VIEWS["jobs"], SINCE, UNTIL))
        first = next(batches)
        standin.faults = [None, 503]
        names = [row["job_id"] for batch in (first, *batches) for row in batch.to_pylist()]
    assert len(names) == len(set(names)) == rows > first.num_rows
    assert not standin.faults


@pytest.mark.parametrize("answered", [0, 1])
def test_a_region_that_does_not_answer_fails_the_view_and_not_for_ever(standin: Standin, answered: int) -> None:
    with open_reader(standin, source(), patience=0.5) as reader:
        standin.faults.extend([200] * answered + [503] * 50)
        with pytest.raises(ViewUnavailable, match="did not answer") as caught:
            count(reader, "jobs")
        assert not caught.value.permanent
        standin.faults = []
        assert count(reader, "jobs") > 10


def test_no_error_quotes_a_query(standin: Standin) -> None:
    standin.execute("alter table us_jobs drop query_info")
    standin.execute("alter table us_jobs drop creation_time")
    with open_reader(standin, source(regions=["us"])) as reader, pytest.raises(ViewUnavailable) as caught:
        count(reader, "jobs")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_what_runs_now_is_read_and_what_has_ended_is_not(standin: Standin) -> None:
    """The stand-in's jobs are long over; one of them is made to have begun an hour ago and to run still."""
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    for region in ("us", "eu"):
        standin.execute(f"alter table {region}_jobs add column state varchar default 'DONE'")
    began = f"timestamptz '{hour_ago:%Y-%m-%d %H:%M:%S}+00'"
    changed = f"state = 'RUNNING', creation_time = {began}, start_time = {began}, total_bytes_processed = 5000000000000"
    changed += ", reservation_id = null"
    standin.execute(
        f"update us_jobs set {changed} where job_id = (select min(job_id) from us_jobs where job_type = 'QUERY')"
    )
    connector, found = source(), Problems("analytics")
    view = BigQuery.running
    assert view is not None
    with open_reader(standin, connector) as reader, Engine() as engine:
        now = datetime.now(timezone.utc)
        chunks = typed(engine, view, reader.read(view, now - timedelta(days=1), now + timedelta(days=1)), found)
        rows = [row for chunk in chunks for row in engine.rows(connector.normalise_running(chunk))]
    assert found.all() == []
    (row,) = rows
    assert (row["region"], row["bytes"]) == ("us", 5_000_000_000_000)
    assert row["started_at"] == int(hour_ago.timestamp()) * 1_000_000
    assert "state = 'RUNNING'" in standin.queries()[0]["query"]["query"]
