"""dbt's log and results as they are written: all statements of a node, damaged lines, rotation, half-written lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from costlens.orchestrator import Batch, Materialization
from costlens_dbt.pull import Dbt, DbtSettings

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
#: A statement that failed.
FAILED = "01b00000-0000-0000-0000-000000000022"
CONSOLE = "https://console.cloud.google.com/bigquery"
RUN = "840564b6-274e-409a-a0a2-a8665b5b130a"


def dbt(base: Path, **settings: Any) -> Dbt:
    return Dbt("dbt", DbtSettings(manifest=Path("manifest.json"), **settings), base)


def pull(source: Dbt, state: Any = None) -> list[Batch]:
    return [*source.pull(state or {}, None, NOW)]


def told(batches: list[Batch]) -> dict[str | None, Materialization]:
    return {one.asset: one for batch in batches for one in batch.materializations}


def event(name: str, node: str | None = None, thread: str = "Thread-1", run: str = RUN, **data: Any) -> str:
    body = {**({"node_info": {"unique_id": node, "node_started_at": "2026-10-02T03:00:00"}} if node else {}), **data}
    info = {"name": name, "invocation_id": run, "thread": thread, "ts": "2026-10-02T03:00:01.5Z", "level": "debug"}
    return json.dumps({"data": body, "info": info}) + "\n"


def test_a_real_log_tells_the_statement_of_its_node_and_the_command() -> None:
    (batch,) = pull(dbt(DATA, log="openlineage_dbt_snowflake_run_logs.jsonl"))
    assert batch.problems == ()
    (run,) = batch.runs
    assert (run.run_id, run.job, run.status) == (RUN, "dbt run", "success")
    assert run.started_at == datetime(2024, 12, 9, 14, 12, 43, 144255, tzinfo=timezone.utc)
    (node,) = batch.materializations
    assert node == Materialization(
        RUN,
        "model.jaffle_shop.orders",
        datetime(2024, 12, 9, 14, 12, 55, 603128, tzinfo=timezone.utc),
        datetime(2024, 12, 9, 14, 12, 58, 784548, tzinfo=timezone.utc),
        "success",
        query_ids=("01b8ea94-0412-5972-2a66-0301dfe7e617",),
    )


def test_old_results_without_ids_still_tell_the_run() -> None:
    (batch,) = pull(dbt(DATA, run_results="*_run_results.json"))
    assert [run.run_id for run in batch.runs] == ["ebb384bf-f2f3-4303-bb1b-98b1daa6d2d4"]
    assert {one.asset for one in batch.materializations} >= {"model.jaffle_shop.stg_orders"}
    assert {one.query_ids for one in batch.materializations} == {()}


def test_all_statements_of_a_node_by_event_and_by_thread(tmp_path: Path) -> None:
    """An incremental model issues many; older dbt does not name the node in the event, its thread does."""
    lines = [
        event("SQLQueryStatus", thread="Main", query_id="list-schemas"),
        event("NodeStart", "model.p.a"),
        event("NodeStart", "model.p.b", thread="Thread-2"),
        *(event("SQLQueryStatus", "model.p.a", query_id=f"a{number}") for number in range(7)),
        event("SQLQueryStatus", thread="Thread-2", query_id="b1"),
        event("AdapterEventDebug", "model.p.a", base_msg=f"Snowflake query id: {FAILED}"),
        event("AdapterEventDebug", "model.p.a", base_msg="Snowflake query id: password"),
        event("AdapterEventDebug", "model.p.b", base_msg=f"{CONSOLE}?project=shop-1&j=bq:EU:job_2&page=queryresults"),
        event("NodeFinished", "model.p.a", run_result={"status": "error", "adapter_response": {}}),
        event("SQLQueryStatus", query_id="after"),
        event(
            "NodeFinished",
            "model.p.b",
            thread="Thread-2",
            run_result={
                "status": "success",
                "adapter_response": {"job_id": "job_1", "project_id": "shop-1", "location": "EU"},
            },
        ),
        event("CommandCompleted", command="dbt build --vars '{password: hunter2}'", success=False),
    ]
    (tmp_path / "dbt.log").write_text("".join(lines), "utf-8")
    (batch,) = pull(dbt(tmp_path, log="dbt.log"))
    found = told([batch])
    assert found["model.p.a"].query_ids == (FAILED, *(f"a{number}" for number in range(7)))
    assert found["model.p.a"].status == "failed"
    assert found["model.p.b"].query_ids == ("b1", "shop-1:EU.job_1", "shop-1:EU.job_2")
    assert [(run.job, run.status) for run in batch.runs] == [("dbt build", "failed")]
    assert "hunter2" not in repr(batch)


def test_damaged_lines_are_counted_and_the_others_read(tmp_path: Path) -> None:
    text = '{"cut": \n10:00:01 plain text of the console\n[1]\n{"data": 1, "info": {}}\n\n'
    (tmp_path / "dbt.log").write_text(text + event("SQLQueryStatus", "model.p.a", query_id="q"), "utf-8")
    (batch,) = pull(dbt(tmp_path, log="dbt.log"))
    assert told([batch])["model.p.a"].query_ids == ("q",)
    assert {(problem.table.partition(" ")[0], problem.count) for problem in batch.problems} == {("log", 2)}
    assert "plain text" not in repr(batch.problems)


def test_a_log_is_read_on_and_a_half_written_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "dbt.log"
    first, second = event("NodeStart", "model.p.a"), event("SQLQueryStatus", query_id="q2")
    log.write_text(first + event("SQLQueryStatus", query_id="q1") + second[:40], "utf-8")
    source = dbt(tmp_path, log="dbt.log*")
    (batch,) = pull(source)
    assert told([batch])["model.p.a"].query_ids == ("q1",)
    assert pull(source, batch.state) == [], "nothing new, nothing read"
    with log.open("a", encoding="utf-8") as file:
        file.write(second[40:])
    (batch,) = pull(source, json.loads(json.dumps(batch.state)))
    assert told([batch])["model.p.a"].query_ids == ("q2",), "the thread is still at its node"
    log.rename(tmp_path / "dbt.log.1")
    log.write_text(event("SQLQueryStatus", "model.p.b", query_id="q3") * 2 + " " * 600 + "\n", "utf-8")
    rotated = told(pull(source, batch.state))
    assert rotated["model.p.b"].query_ids == ("q3",)
    assert rotated["model.p.a"].query_ids == ("q1", "q2"), "under its new name it is read again: merging does not mind"


def test_results_of_many_runs_by_glob_and_a_cut_one_is_a_problem(tmp_path: Path) -> None:
    def results(run: str, query: str) -> str:
        return json.dumps(
            {
                "metadata": {
                    "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
                    "invocation_id": run,
                    "generated_at": "2026-10-02T03:10:00.1Z",
                },
                "args": {"which": "build", "vars": "secret"},
                "results": [
                    {
                        "unique_id": "model.p.a",
                        "status": "success",
                        "timing": [{"name": "execute", "started_at": "2026-10-02T03:01:00Z", "completed_at": None}],
                        "adapter_response": {"query_id": query},
                    },
                    {"unique_id": 7},
                ],
            }
        )

    for number in (1, 2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "run_results.json").write_text(results(f"run{number}", f"q{number}"), "utf-8")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "run_results.json").write_text(results("run3", "q3")[:200], "utf-8")
    source = dbt(tmp_path, run_results="*/run_results.json")
    batches = pull(source)
    assert [one.query_ids for batch in batches for one in batch.materializations] == [("q1",), ("q2",)]
    assert [problem.reason for batch in batches for problem in batch.problems] == [
        "not valid JSON: the run that wrote it may have been stopped"
    ]
    assert [run.job for batch in batches for run in batch.runs] == ["dbt build", "dbt build"]
    assert pull(source, batches[-1].state) == []


def test_a_glob_that_matches_nothing_is_found_by_check(tmp_path: Path) -> None:
    findings: Iterator[Any] = iter(dbt(tmp_path, log="logs/*.log", run_results="target/*.json").check())
    assert [(found.what, found.state) for found in findings] == [("run_results", "warning"), ("log", "warning")]


@pytest.mark.parametrize("warehouse", ["snowflake", "bigquery"])
def test_every_statement_of_two_builds_by_dbt_1_11(warehouse: str) -> None:
    """The comment that dbt puts into each statement names its node; the log without it says the same."""
    (batch,) = pull(dbt(DATA, log=f"dbt_1_11_16_{warehouse}.jsonl"))
    said = {query.rpartition(".")[2]: one.asset for one in batch.materializations for query in one.query_ids}
    last, wanted = {}, {}
    for line in (DATA / f"dbt_1_11_16_{warehouse}.jsonl").read_text().splitlines():
        one = json.loads(line)
        if one["info"]["name"] == "SQLQuery":
            found = re.search(r'"node_id": "([^"]+)"', one["data"]["sql"])
            last[one["info"]["thread"]] = found[1] if found else None
        elif query := one["data"].get("query_id"):
            wanted[query.rpartition(".")[2]] = last[one["info"]["thread"]]
    assert len(wanted) > 20
    assert {
        query: node for query, node in said.items() if query in wanted and node and not node.startswith("operation.")
    } == {query: node for query, node in wanted.items() if node}
    assert batch.problems == ()
