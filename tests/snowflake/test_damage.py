"""Rows that cannot be, as they come in real exports: each is counted, none is dropped in silence, the rest goes on."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from costlens.engine import Engine
from costlens.exports import ExportReader
from costlens.ingest import Stage, Staged
from costlens.windows import Window
from costlens_snowflake import Snowflake, SnowflakeSettings

EXPORT = Path(__file__).parent / "export"
WHOLE = Window(datetime(2026, 10, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc))


def damaged(folder: Path, view: str, *changes: dict[str, Any]) -> None:
    """Write the view's first row once for each change."""
    row = json.loads((EXPORT / f"{view}.jsonl").read_text().splitlines()[0])
    (folder / f"{view}.jsonl").write_text("".join(json.dumps({**row, **change}) + "\n" for change in changes))


def pull(folder: Path, out: Path) -> tuple[Staged, dict[str, int], ExportReader]:
    """Return what was staged, and how often each reason was given."""
    given = {"name": "prod", "type": "snowflake", "account": "acme-prod", "export": folder}
    connector = Snowflake(SnowflakeSettings.model_validate(given))
    out.mkdir()
    with Engine() as engine:
        reader = ExportReader(connector, engine)
        stage = Stage(connector, engine, out)
        staged = stage.pull(lambda view, s, u: [reader.rows(view, s, u)], {v.name: WHOLE for v in connector.views})
        problems = [*staged.problems, *reader.problems()]
        return staged, {p.reason: p.count for p in problems if not p.reason.startswith("no column")}, reader


def rows(staged: Staged, table: str) -> list[dict[str, Any]]:
    return [row for paths in staged.feeds(table).values() for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("second", ["b", "a"])
def test_what_is_staged_is_a_file_a_day_unless_rows_are_taken_out(tmp_path: Path, second: str) -> None:
    days = ("2026-10-05", "2026-10-06")
    times = [{"START_TIME": f"{day} 08:00:00.000 +0000", "END_TIME": f"{day} 08:00:09.000 +0000"} for day in days]
    damaged(
        tmp_path, "query_history", *({"QUERY_ID": id_, **times[at]} for id_, at in (("a", 0), (second, 0), ("c", 1)))
    )
    staged, _, _ = pull(tmp_path, tmp_path / "out")
    assert len(rows(staged, "queries")) == len({"a", second, "c"})
    assert [file.rows for _, file in sorted(staged.days("queries").items())] == ([2, 1] if second == "b" else [])


def test_queries_that_cannot_be_are_counted(tmp_path: Path) -> None:
    damaged(
        tmp_path,
        "query_history",
        {"QUERY_ID": "good"},
        {"QUERY_ID": "ends-first", "END_TIME": "2026-10-05 07:00:00.000 +0000"},
        {"QUERY_ID": "twice"},
        {"QUERY_ID": "twice"},
        {"QUERY_ID": None},
        {"QUERY_ID": "no-end", "END_TIME": "soon"},
        {"QUERY_ID": "long", "QUERY_TEXT": "select '" + "x" * 100_000 + "'", "QUERY_PARAMETERIZED_HASH": None},
        {"QUERY_ID": "odd", "EXECUTION_STATUS": "VAPORISED", "WAREHOUSE_SIZE": "Gigantic", "QUERY_TYPE": "TELEPORT"},
        {
            "QUERY_ID": "wrong",
            "EXECUTION_TIME": "a while",
            "BYTES_SCANNED": {"a": 1},
            "IS_CLIENT_GENERATED_STATEMENT": 7,
        },
    )
    staged, problems, _ = pull(tmp_path, tmp_path / "out")
    found = {row["query_id"]: row for row in rows(staged, "queries")}
    assert set(found) == {"good", "twice", "long", "odd", "wrong"}
    assert (found["odd"]["status"], found["odd"]["pool_size"], found["odd"]["statement_type"]) == (
        None,
        "GIGANTIC",
        "TELEPORT",
    )
    assert found["wrong"]["execution_ms"] is None
    assert problems["query ends before it starts"] == 1
    assert problems["query_id is empty: row left out"] == 1
    assert problems["end_time is not readable as instant: row left out"] == 1
    assert problems["execution_time is not readable as integer: read as empty"] == 1
    assert problems["bytes_scanned is not readable as integer: read as empty"] == 1
    assert any("same key" in reason for reason in problems)


def test_no_text_of_a_query_is_staged(tmp_path: Path) -> None:
    secret = "4111-1111-1111-1111"
    change = {
        "QUERY_TEXT": f"select * from cards where number = '{secret}'",
        "QUERY_TAG": f"card={secret}",
        "ERROR_MESSAGE": f"Numeric value '{secret}' is not recognized",
        "EXECUTION_STATUS": "FAIL",
    }
    damaged(tmp_path, "query_history", change, {**change, "QUERY_ID": "b", "QUERY_PARAMETERIZED_HASH": None})
    staged, _, _ = pull(tmp_path, tmp_path / "out")
    assert len(rows(staged, "queries")) == 2
    assert secret not in repr([rows(staged, table) for table in staged.tables()])
    assert not any(secret.encode() in path.read_bytes() for path in (tmp_path / "out").rglob("*.parquet"))


def test_negative_and_unreadable_credits_are_counted(tmp_path: Path) -> None:
    damaged(
        tmp_path,
        "warehouse_metering_history",
        {"WAREHOUSE_ID": 1},
        {"WAREHOUSE_ID": 2, "CREDITS_USED_COMPUTE": -1},
        {"WAREHOUSE_ID": 3, "CREDITS_USED_COMPUTE": "NaN"},
        {"WAREHOUSE_ID": 4, "CREDITS_USED_COMPUTE": None},
        {"WAREHOUSE_ID": 5, "CREDITS_USED_CLOUD_SERVICES": "lots"},
    )
    staged, problems, _ = pull(tmp_path, tmp_path / "out")
    assert {row["pool_id"]: row["units"] for row in rows(staged, "metering")} == {"1": Decimal(4), "5": Decimal(4)}
    assert problems["negative units"] == 1
    assert problems["credits_used_compute is not readable as decimal: row left out"] == 1
    assert problems["credits_used_compute is empty: row left out"] == 1
    assert problems["credits_used_cloud_services is not readable as decimal: read as empty"] == 1


def test_a_line_that_comes_in_two_overlapping_parts_counts_once(tmp_path: Path) -> None:
    parts = tmp_path / "pipe_usage_history"
    parts.mkdir()
    for number in range(2):
        (parts / f"{number}.jsonl").write_text((EXPORT / "pipe_usage_history.jsonl").read_text())
    staged, problems, _ = pull(tmp_path, tmp_path / "out")
    assert [row["units"] for row in rows(staged, "usage")] == [Decimal("0.02")]
    assert list(problems.values()) == [1]


def test_a_cut_off_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(_as_parquet(tmp_path)), tmp_path / "query_history.parquet")
    whole = (tmp_path / "query_history.parquet").read_bytes()
    (tmp_path / "query_history.parquet").write_bytes(whole[: len(whole) // 2])
    damaged(tmp_path, "warehouse_metering_history", {})
    staged, _, _ = pull(tmp_path, tmp_path / "out")
    assert list(staged.failed) == ["query_history"]
    assert "prod: query_history.parquet cannot be read (cut off, or not Parquet)" in staged.failed["query_history"]
    assert len(rows(staged, "metering")) == 1


def _as_parquet(folder: Path) -> Path:
    path = folder / "source.parquet"
    with Engine() as engine:
        engine.connection.execute(f"copy (from '{EXPORT}/query_history.jsonl') to '{path}' (format parquet)")
    return path
