"""Exports as people make them: every file kind, odd spellings of values, and damage that must be told in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costlens.connector import Billing, Connector, Facts, Reader, SourceSettings, View, ViewColumn
from costlens.engine import Engine
from costlens.errors import ConfigError, SourceError, ViewUnavailable
from costlens.exported import Seen, state_of
from costlens.exports import ExportReader
from costlens.typed import Problems, typed

JOBS = View(
    "jobs",
    (
        ViewColumn("id", "text", required=True),
        ViewColumn("ended", "instant", required=True),
        ViewColumn("begun", "instant"),
        ViewColumn("day", "day"),
        ViewColumn("count", "integer"),
        ViewColumn("weight", "double"),
        ViewColumn("credits", "decimal"),
        ViewColumn("ok", "boolean"),
        ViewColumn("labels", "json"),
        ViewColumn("region", "text"),
    ),
    "ended",
    timedelta(hours=1),
)
TODAY = View(
    "tables",
    (ViewColumn("seen", "day", required=True), ViewColumn("name", "text")),
    "seen",
    timedelta(0),
    is_snapshot=True,
)
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
NOON = int(datetime(2026, 10, 5, 12, tzinfo=timezone.utc).timestamp()) * 1_000_000


class Plain(Connector):
    """A warehouse with one view of rows and one of the present state."""

    type = "plain"
    views: ClassVar = (JOBS, TODAY)
    billing = Billing()
    dialect = "snowflake"
    export_regions = True

    def open(self) -> Reader:
        raise NotImplementedError

    def normalise(self, view: View, rows: Any) -> list[Facts]:
        return []

    @classmethod
    def sql(cls, view: View) -> str:
        names = ", ".join(c.name for c in view.columns if not (view.is_snapshot and c.name == view.time_column))
        window = "" if view.is_snapshot else " where ended >= ? and ended < ?"
        return f"select {names} from plain.usage.{view.name}{window}"


def reader(engine: Engine, folder: Path, zone: str | None = None, known: Seen | None = None) -> ExportReader:
    return ExportReader(Plain(SourceSettings(name="shop", type="plain", export=folder, timezone=zone)), engine, known)


def read(folder: Path, zone: str | None = None, view: View = JOBS) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the rows and, by reason, how often something was not read; columns that are not there are left out."""
    with Engine() as engine:
        export = reader(engine, folder, zone)
        rows = engine.rows(export.rows(view, SINCE, UNTIL))
        problems = {p.reason: p.count for p in export.problems() if not p.reason.startswith("no column")}
        return rows, problems


def jsonl(folder: Path, *rows: dict[str, Any], name: str = "jobs.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parquet(folder: Path, name: str = "jobs.parquet", **columns: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


ROW = {"ID": "a", "ENDED": "2026-10-05 12:00:00.000 +0000"}


@pytest.mark.parametrize(
    "spelt",
    [
        "2026-10-05 12:00:00.000 +0000",
        "2026-10-05 05:00:00.000000000 -0700",
        "2026-10-05T12:00:00Z",
        "2026-10-05T12:00:00.000000000Z",
        "2026-10-05 12:00:00 UTC",
        "2026-10-05 17:30:00+05:30",
        "2026-10-05 12:00:00+00",
        1_791_201_600,
        "1791201600.000000000",
        1_791_201_600_000,
        1_791_201_600_000_000,
        1_791_201_600_000_000_000,
    ],
)
def test_times_are_read_in_every_spelling(tmp_path: Path, spelt: object) -> None:
    jsonl(tmp_path, {**ROW, "ENDED": spelt})
    assert read(tmp_path)[0][0]["ended"] == NOON


def test_naive_times_need_a_zone(tmp_path: Path) -> None:
    jsonl(tmp_path, {**ROW, "ENDED": "2026-10-05 14:00:00"})
    with pytest.raises(SourceError, match=r"shop: jobs.jsonl: the times in ended have no zone; .*timezone: UTC"):
        read(tmp_path)
    assert read(tmp_path, "Europe/Berlin")[0][0]["ended"] == NOON
    with pytest.raises(ConfigError, match="timezone Middle/Earth is not known"):
        read(tmp_path, "Middle/Earth")


def test_naive_timestamps_of_parquet_need_a_zone(tmp_path: Path) -> None:
    parquet(tmp_path, id=["a"], ended=pa.array([datetime(2026, 10, 5, 14)], pa.timestamp("us")))
    with pytest.raises(SourceError, match="ended have no zone"):
        read(tmp_path)
    assert read(tmp_path, "Europe/Berlin")[0][0]["ended"] == NOON


def test_a_day_of_the_clock_change_is_read_in_its_zone(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": "before", "ended": "2026-10-25 01:30:00"}, {"id": "after", "ended": "2026-10-25 03:30:00"})
    ended = {row["id"]: row["ended"] for row in read(tmp_path, "Europe/Berlin")[0]}
    assert ended["after"] - ended["before"] == 3 * 3_600_000_000


def values_of(folder: Path) -> dict[str, Any]:
    rows, problems = read(folder)
    assert problems == {}
    return rows[0]


def test_every_kind_of_file_gives_the_same_values(tmp_path: Path) -> None:
    row = {
        "Id": "a",
        "ENDED": "2026-10-05 12:00:00 +0000",
        "begun": "2026-10-05T11:00:00Z",
        "Day": "2026-10-05",
        "count": "42",
        "weight": "0.5",
        "credits": "0.000000001",
        "ok": "true",
        "labels": '[{"key":"team","value":"growth"}]',
        "REGION": "eu",
    }
    (tmp_path / "json").mkdir()
    jsonl(tmp_path / "json", {**row, "count": 42, "weight": 0.5, "ok": True, "labels": json.loads(row["labels"])})
    text = ",".join(row) + "\n" + ",".join('"' + value.replace('"', '""') + '"' for value in row.values()) + "\n"
    for name, content in (("csv", text.encode()), ("csv.gz", gzip.compress(text.encode()))):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"jobs.{name}").write_bytes(content)
    labels = pa.array([[{"key": "team", "value": "growth"}]])
    parquet(
        tmp_path / "parquet",
        ID=["a"],
        ENDED=pa.array([datetime(2026, 10, 5, 12, tzinfo=timezone.utc)], pa.timestamp("ns", "UTC")),
        BEGUN=pa.array([datetime(2026, 10, 5, 4)], pa.timestamp("us", "America/Los_Angeles")),
        DAY=pa.array([datetime(2026, 10, 5)]).cast(pa.date32()),
        COUNT=pa.array([42], pa.int16()),
        WEIGHT=[0.5],
        CREDITS=pa.array([Decimal("0.000000001")], pa.decimal128(38, 9)),
        OK=[True],
        LABELS=labels,
        REGION=["eu"],
    )
    given = [values_of(tmp_path / kind) for kind in ("json", "csv", "csv.gz")]
    assert given[0] == {
        "id": "a",
        "ended": NOON,
        "begun": NOON - 3_600_000_000,
        "day": NOON // 86_400_000_000,
        "count": 42,
        "weight": 0.5,
        "credits": Decimal("0.000000001"),
        "ok": True,
        "labels": row["labels"],
        "region": "eu",
    }
    assert given[1] == given[0]
    assert given[2] == given[0]
    assert {**values_of(tmp_path / "parquet"), "begun": NOON - 3_600_000_000} == given[0]


def test_parts_and_regions_are_read_together(tmp_path: Path) -> None:
    jsonl(tmp_path, ROW, name="region-us/jobs.jsonl")
    jsonl(tmp_path, {**ROW, "ID": "b"}, name="region-europe-west3/jobs/part_0.jsonl")
    jsonl(tmp_path, {**ROW, "ID": "c"}, name="region-europe-west3/jobs/part_1.jsonl")
    rows, _ = read(tmp_path)
    assert {row["id"]: row["region"] for row in rows} == {"a": "us", "b": "europe-west3", "c": "europe-west3"}


def test_parts_may_lack_columns_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "0.csv").write_text("id,ended,count\na,2026-10-05T12:00:00Z,1\n")
    (tmp_path / "jobs" / "1.csv").write_text("ENDED,ID\n2026-10-05T12:00:00Z,b\n")
    assert {row["id"]: row["count"] for row in read(tmp_path)[0]} == {"a": 1, "b": None}


def test_the_window_is_half_open(tmp_path: Path) -> None:
    ends = [
        "2026-09-30T23:59:59.999999Z",
        "2026-10-01T00:00:00Z",
        "2026-10-31T23:59:59.999999Z",
        "2026-11-01T00:00:00Z",
    ]
    jsonl(tmp_path, *({"id": end, "ended": end} for end in ends))
    assert sorted(row["id"] for row in read(tmp_path)[0]) == ends[1:3]


def test_a_snapshot_is_bounded_by_the_day_it_was_read_on(tmp_path: Path) -> None:
    jsonl(tmp_path, {"name": "old", "seen": "2026-09-30"}, {"name": "new", "seen": "2026-10-31"}, name="tables.jsonl")
    assert [row["name"] for row in read(tmp_path, view=TODAY)[0]] == ["new"]


def test_a_missing_file_is_a_view_one_may_not_read(tmp_path: Path) -> None:
    with pytest.raises(ViewUnavailable, match="shop: the export has no jobs") as caught:
        read(tmp_path)
    assert str(tmp_path / "jobs") in caught.value.remedy


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no export folder"):
        read(tmp_path / "nowhere")


def test_two_forms_of_one_view_are_refused(tmp_path: Path) -> None:
    jsonl(tmp_path, ROW)
    jsonl(tmp_path, ROW, name="jobs/part.jsonl")
    with pytest.raises(SourceError, match="holds jobs more than once"):
        read(tmp_path)


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    jsonl(
        tmp_path,
        {**ROW, "COUNT": "many", "WEIGHT": "nan", "OK": "maybe", "LABELS": "{broken", "DAY": "soon", "BEGUN": "later"},
        {**ROW, "ID": None},
        {**ROW, "ENDED": "yesterday"},
        {**ROW, "ID": "b", "CREDITS": "-0.5"},
    )
    rows, problems = read(tmp_path)
    assert {row["id"]: row["credits"] for row in rows} == {"a": None, "b": Decimal("-0.5")}
    assert {name for name, value in rows[0].items() if value is not None} >= {"id", "ended"}
    assert problems == {
        "begun is not readable as instant: read as empty": 1,
        "count is not readable as integer: read as empty": 1,
        "day is not readable as day: read as empty": 1,
        "labels is not readable as json: read as empty": 1,
        "ok is not readable as boolean: read as empty": 1,
        "weight is not readable as double: read as empty": 1,
        "id is empty: row left out": 1,
        "ended is not readable as instant: row left out": 1,
    }


def test_missing_columns_are_counted_and_never_a_silent_zero(tmp_path: Path) -> None:
    jsonl(tmp_path, {"COUNT": 1}, {"COUNT": 2})
    with Engine() as engine:
        export = reader(engine, tmp_path)
        assert engine.rows(export.rows(JOBS, SINCE, UNTIL)) == []
        found = {problem.sample: problem for problem in export.problems()}
    assert found["id"].count == 2
    assert found["id"].reason == "no column id: no row can be used"
    assert found["credits"].reason == "no column credits: read as empty"


def test_problems_hold_no_value(tmp_path: Path) -> None:
    secret = "hunter2-is-the-password"
    jsonl(tmp_path, {**ROW, **dict.fromkeys(("COUNT", "WEIGHT", "CREDITS", "OK", "LABELS", "DAY", "BEGUN"), secret)})
    with Engine() as engine:
        export = reader(engine, tmp_path)
        engine.rows(export.rows(JOBS, SINCE, UNTIL))
        assert len(export.problems()) > 7
        assert secret not in repr(export.problems())


def test_long_texts_and_unknown_words_are_fine(tmp_path: Path) -> None:
    text = "select '" + "ж" * 100_000 + "'"
    jsonl(tmp_path, {**ROW, "REGION": text})
    assert read(tmp_path)[0][0]["region"] == text
    parquet(tmp_path / "p", id=["a\0b"], ended=[1_791_201_600], region=[text])
    assert read(tmp_path / "p")[0][0]["region"] == text


def test_numbers_beyond_their_type_are_counted(tmp_path: Path) -> None:
    wide = pa.array([Decimal(7), Decimal(10) ** 30], pa.decimal128(38, 0))
    parquet(tmp_path, id=["a", "b"], ended=[1_791_201_600] * 2, count=wide, weight=[0.5, float("inf")])
    rows, problems = read(tmp_path)
    assert {row["id"]: (row["count"], row["weight"]) for row in rows} == {"a": (7, 0.5), "b": (None, None)}
    assert problems == {
        "count is not readable as integer: read as empty": 1,
        "weight is not readable as double: read as empty": 1,
    }


def test_ids_that_went_through_a_data_frame_stay_ids(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1234567.0], ended=[1_791_201_600.0], region=["x"])
    assert read(tmp_path)[0][0]["id"] == "1234567"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40:4000] = bytes(b ^ 0x5A for b in content[40:4000])
    path.write_bytes(bytes(content))


def big(folder: Path) -> Path:
    rows = 20_000
    return parquet(
        folder, id=[f"{n:032x}" for n in range(rows)], ended=[1_791_201_600] * rows, region=["r" * 50] * rows
    )


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


HEAD = b"id,ended,region\n"
GOOD = b"a,2026-10-05T12:00:00Z,eu\n"


@pytest.mark.parametrize(
    ("make", "damage", "says"),
    [
        (big, cut, "cut off, or not Parquet"),
        (big, flip, "damaged"),
        (written("jobs.parquet", b""), None, "Parquet"),
        (written("jobs.parquet", HEAD + GOOD), None, "Parquet"),
        (written("jobs.csv", HEAD + GOOD + b'b,"2026-10-05T12:00:00Z,eu\n'), None, "a quote is not closed"),
        (written("jobs.csv", HEAD + GOOD + b"b,2026-10-05T12:00:00Z,eu,5,6\n"), None, "too many or too few values"),
        (written("jobs.csv", HEAD + b"a,2026-10-05T12:00:00Z,e\0u\n"), None, "NUL bytes"),
        (written("jobs.csv", HEAD + b"a,2026-10-05T12:00:00Z,\xff\xfe\n"), None, "not UTF-8"),
        (written("jobs.csv", b""), None, "no header"),
        (written("jobs.csv.gz", HEAD + GOOD), None, "BadGzipFile"),
        (written("jobs.csv.gz", gzip.compress(HEAD + GOOD * 500)[:-40]), None, "EOFError"),
        (written("jobs.jsonl", b'{"id": "a", "ended"'), None, "not JSON"),
        (written("jobs.jsonl", b'{"id": "a\0"}'), None, "NUL bytes"),
    ],
)
def test_damage_is_told_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], damage: Callable[[Path], None] | None, says: str
) -> None:
    path = make(tmp_path)
    if damage:
        damage(path)
    with pytest.raises(SourceError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"shop: {path.name} ")
    assert says in message
    assert message.endswith("export it again")
    assert "\n" not in message
    assert "2026-10-05" not in message


def test_only_a_file_that_came_since_is_looked_at_value_by_value(tmp_path: Path) -> None:
    rows = range(20_000)
    regions = [f"{n:032x}" if n % 7 else None for n in rows]
    ended = [1_791_201_600] * len(rows)
    old, new = (
        parquet(tmp_path, f"jobs/{number}.parquet", region=regions, id=[f"{number}-{n}" for n in rows], ended=ended)
        for number in (1, 2)
    )
    known = {JOBS.name: {"jobs/1.parquet": state_of(old)}}
    flip(new)
    with Engine() as engine, pytest.raises(SourceError, match=r"2\.parquet cannot be read \(damaged"):
        reader(engine, tmp_path, known=known).rows(JOBS, SINCE, UNTIL)
    known = {JOBS.name: {f"jobs/{path.name}": state_of(path) for path in (old, new)}}
    with Engine() as engine:
        reader(engine, tmp_path, known=known).rows(JOBS, SINCE, UNTIL)
    new.write_bytes(old.read_bytes() + b"longer")
    with Engine() as engine, pytest.raises(SourceError, match=r"2\.parquet cannot be read"):
        reader(engine, tmp_path, known=known).rows(JOBS, SINCE, UNTIL)


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("colour;taste\nred;sweet\n")
    with pytest.raises(SourceError, match="has no column of jobs"):
        read(tmp_path)


def test_live_batches_get_the_same_types(tmp_path: Path) -> None:
    def batch(ids: list[str | None], counts: pa.Array) -> pa.RecordBatch:
        return pa.record_batch({"ID": ids, "ENDED": pa.array([NOON] * 2, pa.timestamp("us")), "count": counts})

    first = batch(["a", None], pa.array([1, 2], pa.int8()))
    second = batch(["b", "c"], pa.array([300, None], pa.int16()))
    problems = Problems("shop")
    with Engine() as engine:
        chunks = [engine.rows(chunk) for chunk in typed(engine, JOBS, [first, second], problems, rows=2)]
        assert not engine.connection.execute("select * from duckdb_views() where not internal").fetchall()
    assert [[(row["id"], row["ended"], row["count"]) for row in chunk] for chunk in chunks] == [
        [("a", NOON, 1)],
        [("b", NOON, 300), ("c", NOON, None)],
    ]
    assert [(p.reason, p.count) for p in problems.all()] == [("id is empty: row left out", 1)]


def test_nothing_is_written_beside_the_export(tmp_path: Path) -> None:
    path = jsonl(tmp_path, ROW)
    read(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(1,)]
