"""Airflow's REST answers, as Airflow 3.3.2 gave them, over real HTTP; the same against Airflow itself in tests/integrations."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from costlens.errors import SourceError
from costlens.orchestrator import Batch, Materialization
from costlens_airflow.pull import PAGE, Airflow, AirflowSettings
from tests.webservice import Answer, Asked, web_service

RECORDED = json.loads((Path(__file__).parent / "data" / "airflow_3_3_2.json").read_text())
NOW = datetime(2026, 11, 26, 16, tzinfo=timezone.utc)


def airflow(url: str, **settings: Any) -> Airflow:
    return Airflow("airflow", AirflowSettings(url=url, **settings), Path())


def pulled(source: Airflow, state: Any = None, since: datetime | None = None) -> list[Batch]:
    return [*source.pull(state or {}, since, NOW)]


def recorded(asked: Asked) -> Answer:
    body = RECORDED.get(asked.path.removeprefix("/api/v2"))
    return Answer(body) if body else Answer({"detail": "not found"}, 404)


def test_dags_owners_assets_runs_tasks_and_events() -> None:
    with web_service(recorded) as service:
        batches = pulled(airflow(service.url))
    assert batches[0].assets is not None
    told = {asset.key: (asset.kind, asset.owners, asset.relations, asset.path) for asset in batches[0].assets}
    assert told == {
        "loads": ("dag", ("team:growth", "growth-data"), (), "loads.py"),
        "plain": ("dag", (), (), "loads.py"),
        "orders": (
            "table",
            ("team:growth", "growth-data"),
            ("snowflake://org-acct/ANALYTICS/MARTS/ORDERS",),
            "loads.py",
        ),
    }
    runs = {run.run_id: (run.job, run.parent_id, run.status) for batch in batches for run in batch.runs}
    assert runs == {
        "loads/m1": ("loads", None, "failed"),
        "plain/m1": ("plain", None, "success"),
        "loads/m1/nightly": ("loads.nightly", "loads/m1", "success"),
        "loads/m1/fails": ("loads.fails", "loads/m1", "failed"),
        "plain/m1/one[0]": ("plain.one", "plain/m1", "success"),
        "plain/m1/one[1]": ("plain.one", "plain/m1", "success"),
    }
    (event,) = [one for batch in batches for one in batch.materializations]
    assert (event.run_id, event.asset) == ("loads/m1/nightly", "snowflake://org-acct/ANALYTICS/MARTS/ORDERS")
    assert batches[-1].state == {"until": NOW.isoformat()}


@pytest.mark.parametrize(
    ("operator", "key", "value", "ids"),
    [
        ("SnowflakeSqlApiOperator", "query_ids", ["q1", "q2"], ("q1", "q2")),
        ("SnowflakeSqlApiOperator", "query_ids", "['q1', 'q2']", ("q1", "q2")),
        ("BigQueryInsertJobOperator", "return_value", "job_1", ("job_1",)),
        ("BigQueryInsertJobOperator", "return_value", None, None),
        ("SnowflakeSqlApiOperator", None, None, None),
        ("BashOperator", "query_ids", ["q1"], None),
    ],
)
def test_statements_are_those_that_operators_leave_in_xcom(operator: str, key: str, value: Any, ids: Any) -> None:
    task = {
        **RECORDED["/dags/~/dagRuns/~/taskInstances"]["task_instances"][0],
        "operator": operator,
        "task_id": "g.a/b",
    }

    def answer(asked: Asked) -> Answer:
        path = asked.path.removeprefix("/api/v2")
        if path == "/dags/~/dagRuns/~/taskInstances":
            return Answer({"task_instances": [task], "total_entries": 1})
        if path == f"/dags/loads/dagRuns/m1/taskInstances/g.a%2Fb/xcomEntries/{key}":
            return Answer({"key": key, "value": value})
        return recorded(asked)

    with web_service(answer) as service:
        batches = pulled(airflow(service.url))
    found = [one for batch in batches for one in batch.materializations if one.asset is None]
    assert [one.query_ids for one in found] == ([ids] if ids else [])
    assert all(isinstance(one, Materialization) and one.run_id == "loads/m1/g.a/b" for one in found)


def test_ids_that_the_plugin_kept_are_the_tasks_whatever_its_operator() -> None:
    """One run is asked once, tasks that kept none are not asked, and an operator's own ids are not told twice."""
    first = RECORDED["/dags/~/dagRuns/~/taskInstances"]["task_instances"][0]
    tasks = [
        {**first, "operator": operator, "task_id": task, "map_index": index}
        for operator, task, index in (
            ("@task", "hook", -1),
            ("@task", "wide", 0),
            ("@task", "wide", 1),
            ("SnowflakeSqlApiOperator", "api", -1),
            ("BashOperator", "bash", -1),
        )
    ]
    kept = {("hook", "-1"): ["h1", "h2"], ("wide", "1"): ["w1"], ("api", "-1"): ["q1", "q2"]}
    run = "/dags/loads/dagRuns/m1/taskInstances"

    def answer(asked: Asked) -> Answer:
        path = asked.path.removeprefix("/api/v2")
        if path == "/dags/~/dagRuns/~/taskInstances":
            return Answer({"task_instances": tasks, "total_entries": len(tasks)})
        if path == "/dags/~/dagRuns/~/taskInstances/~/xcomEntries":
            return Answer({"xcom_entries": [{}], "total_entries": len(kept)})
        if path == f"{run}/~/xcomEntries" and asked.query["xcom_key"] == "costlens_query_ids":
            rows = [{"task_id": task, "map_index": int(index)} for task, index in kept]
            return Answer({"xcom_entries": rows, "total_entries": len(rows)})
        task, _, key = path.removeprefix(f"{run}/").partition("/xcomEntries/")
        if key == "costlens_query_ids":
            return Answer({"key": key, "value": json.dumps(kept[task, asked.query["map_index"]])})
        if key == "query_ids":
            return Answer({"key": key, "value": ["q2", "q3"]})
        return recorded(asked)

    with web_service(answer) as service:
        batches = pulled(airflow(service.url))
        asked = [one.path for one in service.asked]
    found = {one.run_id: one.query_ids for batch in batches for one in batch.materializations if one.asset is None}
    assert found == {
        "loads/m1/hook": ("h1", "h2"),
        "loads/m1/wide[1]": ("w1",),
        "loads/m1/api": ("q2", "q3", "q1"),
    }
    assert sum(path.endswith("m1/taskInstances/~/xcomEntries") for path in asked) == 1
    assert not any("bash/xcomEntries" in path for path in asked)


@pytest.mark.parametrize("total", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7])
def test_all_pages_are_read_also_when_rows_move_meanwhile(total: int) -> None:
    """With each page two rows that were given out change, and so leave the list: those behind them move up."""
    rows = [
        {"dag_id": "d", "dag_run_id": f"r{number}", "state": "success", "start_date": "2026-11-01T00:00:00Z"}
        for number in range(total)
    ]
    left = list(rows)

    def answer(asked: Asked) -> Answer:
        path = asked.path.removeprefix("/api/v2")
        if path != "/dags/~/dagRuns":
            return Answer({RECORDED_KEYS[path]: [], "total_entries": 0})
        offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
        page = Answer({"dag_runs": left[offset : offset + limit], "total_entries": len(left)})
        del left[:2]
        return page

    with web_service(answer) as service:
        batches = pulled(airflow(service.url))
    assert {run.run_id for batch in batches for run in batch.runs} == {f"d/r{number}" for number in range(total)}


RECORDED_KEYS = {
    "/dags": "dags",
    "/assets": "assets",
    "/dags/~/dagRuns": "dag_runs",
    "/dags/~/dagRuns/~/taskInstances": "task_instances",
    "/dags/~/dagRuns/~/taskInstances/~/xcomEntries": "xcom_entries",
    "/assets/events": "asset_events",
}


def test_the_next_pull_asks_for_what_changed_since() -> None:
    with web_service(recorded) as service:
        source = airflow(service.url)
        pulled(source, {"until": "2026-11-26T15:00:00+00:00"})
        asked = {one.path: one.query for one in service.asked}
        assert asked["/api/v2/dags/~/dagRuns"]["updated_at_gte"] == "2026-11-26T14:50:00+00:00"
        assert asked["/api/v2/dags/~/dagRuns"]["updated_at_lte"] == NOW.isoformat()
        assert asked["/api/v2/assets/events"]["timestamp_gte"] == "2026-11-26T14:50:00+00:00"
        pulled(source, {"until": "2026-11-26T15:00:00+00:00"}, since=NOW - timedelta(days=300))
        assert service.asked[-1].query["timestamp_gte"] == (NOW - timedelta(days=300)).isoformat()


def test_a_password_becomes_a_token_and_neither_is_shown() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/auth/token":
            right = asked.body == {"username": "ann", "password": "p4ss"}
            return Answer({"access_token": "jwt-1"}, 201) if right else Answer({"detail": asked.body}, 401)
        return recorded(asked) if asked.headers.get("authorization") == "Bearer jwt-1" else Answer({}, 401)

    with web_service(answer) as service:
        assert pulled(airflow(service.url, username="ann", password=SecretStr("p4ss")))
        stranger = airflow(service.url, username="ann", password=SecretStr("wr0ng"))
        with pytest.raises(SourceError, match="answered 401: give it a valid token") as told:
            pulled(stranger)
        assert "wr0ng" not in str(told.value) + repr([*stranger.check()]) + repr(stranger.settings)
        assert [finding.state for finding in airflow(service.url).check()] == ["error"] * 3


def test_an_older_airflow_is_told() -> None:
    expected = pytest.raises(SourceError, match="did not answer /dags as version 3 does")
    with web_service(lambda asked: Answer({"dags": None})) as service, expected:
        pulled(airflow(service.url))
