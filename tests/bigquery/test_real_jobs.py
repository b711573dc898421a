"""Real jobs, as the REST API told them, become the queries that they were."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.bigquery.folder import lines
from tests.bigquery.test_facts import read
from tests.bigquery.world import Row

DATA = Path(__file__).parent / "data"


def as_row(job: dict[str, Any]) -> Row:
    """Return a job of the REST API as a row of JOBS (whole numbers come as text there, and times in milliseconds)."""
    statistics, query = job["statistics"], job["statistics"]["query"]
    destination = job["configuration"]["query"].get("destinationTable")
    return {
        "project_id": job["jobReference"]["projectId"],
        "job_id": job["jobReference"]["jobId"],
        **{f"{name}_time": _time(statistics[f"{name}Time"]) for name in ("creation", "start", "end")},
        "job_type": job["configuration"]["jobType"],
        "statement_type": query["statementType"],
        "user_email": job.get("user_email"),
        "cache_hit": query.get("cacheHit"),
        "total_bytes_processed": query["totalBytesProcessed"],
        "total_bytes_billed": query["totalBytesBilled"],
        "total_slot_ms": statistics["totalSlotMs"],
        "destination_table": destination and _table(destination),
        "referenced_tables": [_table(table) for table in query.get("referencedTables", [])],
        "query": job["configuration"]["query"]["query"],
    }


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def _table(reference: dict[str, str]) -> Row:
    return {f"{name}_id": reference[f"{name}Id"] for name in ("project", "dataset", "table")}


def fact(tmp_path: Path, name: str, region: str) -> Row:
    job = json.loads((DATA / name).read_text(encoding="utf-8"))
    folder = tmp_path / f"region-{region}"
    folder.mkdir()
    lines(folder / "jobs.jsonl", [as_row(job)])
    (row,) = read(tmp_path, "jobs")
    assert row["query_id"] == job["id"]
    return row


def test_a_query_into_a_table(tmp_path: Path) -> None:
    row = fact(tmp_path, "ol_bigquery_job_details.json", "us")
    assert (row["pool_kind"], row["bytes_billed"], row["slot_ms"]) == ("on-demand", 111_149_056, 825)
    assert json.loads(row["reads"]) == ["bigquery-public-data.usa_names.usa_1910_2013"]
    assert json.loads(row["targets"]) == ["bq-airflow-openlineage.new_dataset.output_table"]
    assert row["bytes_billed"] / 2**40 * 6.25 == pytest.approx(0.000632, abs=1e-6)


def test_a_script_costs_nothing_itself(tmp_path: Path) -> None:
    row = fact(tmp_path, "ol_bigquery_script_job_details.json", "eu")
    assert (row["statement_type"], row["pool_kind"], row["bytes_billed"], row["slot_ms"]) == (
        "SCRIPT",
        "none",
        None,
        None,
    )
