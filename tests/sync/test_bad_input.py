"""What is wrong with a configuration, an export or a place gives one line that says what to do; what can be read is booked."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from costlens.commands import main
from tests.sync.conftest import CONFIG, Company, small_export, unbalanced

UNTIL = "2026-10-02 06:00"
_ATTRIBUTED = "select count(*) from query_usage where feed = 'query_attribution_history'"


def run(company: Company, *words: str) -> Result:
    """Run the command line; a traceback would be an exception other than the exit."""
    found = CliRunner().invoke(main, [*words, "--config", str(company.path)])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exc_info
    return found


def refused(found: Result, *words: str, code: int = 1) -> str:
    """Return the one line on stderr, which holds all `words`."""
    assert found.exit_code == code, found.output
    lines = [line for line in found.stderr.splitlines() if not line.startswith(("Usage", "Try"))]
    said = [line for line in lines if "read until" not in line and line.strip()]
    assert len(said) == 1, said
    assert all(word in said[0] for word in words), said
    return said[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hours of the sample."""
    where = f"{{t}} >= '2026-10-01' and {{t}} < '{UNTIL}'"
    return small_export(tmp_path_factory.mktemp("whole") / "export", where)


@pytest.fixture
def small(whole: Path, tmp_path: Path) -> Company:
    shutil.copytree(whole, tmp_path / "export")
    return Company(tmp_path)


def change(company: Company, view: str, select: str) -> None:
    """Write an exported view anew; `{t}` is its file."""
    path = company.folder / "export" / f"{view}.parquet"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"copy ({select.format(t=path)}) to '{path}.new' (format parquet)")
    Path(f"{path}.new").replace(path)


def truncate(folder: Path) -> None:
    path = folder / "query_attribution_history.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def break_csv(folder: Path) -> None:
    path = folder / "query_attribution_history.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy (from '{path}') to '{path.with_suffix('.csv')}' (format csv, header)")
    path.unlink()
    with path.with_suffix(".csv").open("a") as file:
        file.write("one value only, planted\n")


def drop_zone(folder: Path) -> None:
    path = folder / "query_attribution_history.parquet"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"copy (select * replace (end_time::timestamptz::timestamp as end_time) from '{path}') "
            f"to '{path.with_suffix('.other')}' (format parquet)"
        )
    path.with_suffix(".other").replace(path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, ("query_attribution_history.parquet cannot be read", "cut off", "export it again")),
        (break_csv, ("query_attribution_history.csv cannot be read", "too few values", "export it again")),
        (drop_zone, ("query_attribution_history.parquet", "end_time have no zone", "timezone: UTC")),
    ],
)
def test_a_damaged_view_is_told_and_the_others_are_booked(
    damage: Callable[[Path], None], words: tuple[str, ...], small: Company
) -> None:
    damage(small.folder / "export")
    said = refused(run(small, "sync"), "prod", *words)
    assert "planted" not in said
    assert small.sql("select count(*) from queries where pool is not null")[0][0] > 20
    assert small.sql(_ATTRIBUTED)[0][0] == 0
    with small.ledger() as ledger:
        assert unbalanced(ledger, ledger.snapshot()) == []


def test_a_damaged_view_is_told_until_it_is_mended(small: Company, whole: Path) -> None:
    truncate(small.folder / "export")
    words = ("query_attribution_history.parquet cannot be read", "export it again")
    refused(run(small, "sync"), *words)
    checked = run(small, "check")
    assert checked.exit_code == 1
    assert words[0] in checked.output
    refused(run(small, "sync"), *words)
    shutil.copy2(whole / "query_attribution_history.parquet", small.folder / "export")
    healed = run(small, "sync")
    assert healed.exit_code == 0
    assert "costlens:" not in healed.stderr
    assert small.sql(_ATTRIBUTED)[0][0] > 20


def test_rows_that_cannot_be_are_counted_and_the_others_are_booked(small: Company) -> None:
    change(
        small,
        "query_history",
        """select * exclude (n) replace (case when n = 1 then end_time + interval 1 hour else start_time end as start_time,
            case when n = 2 then null else query_id end as query_id)
        from (select *, row_number() over (order by query_id) as n from '{t}')
        union all (select * from '{t}' order by query_id desc limit 3)""",
    )
    change(
        small,
        "warehouse_metering_history",
        """select * exclude (n) replace (case when n = 1 then -1 else credits_used_compute end as credits_used_compute)
        from (select *, row_number() over (order by start_time, warehouse_id) as n from '{t}')""",
    )
    change(
        small,
        "query_attribution_history",
        """select * exclude (n) replace (case when n = 1 then 'planted' else credits_attributed_compute::varchar end
            as credits_attributed_compute)
        from (select *, row_number() over (order by query_id) as n from '{t}')""",
    )
    with duckdb.connect() as connection:
        rows = connection.execute(f"select count(*) from '{small.folder}/export/query_history.parquet'").fetchone()
    assert rows is not None
    done = run(small, "sync")
    assert done.exit_code == 0
    assert "7 problems with rows: `costlens check` lists them" in done.stdout
    assert small.sql("select count(*) from queries")[0][0] == rows[0] - 5
    checked = run(small, "check").output
    for line in (
        "queries from query_history: 1 × query ends before it starts",
        "query_history: 1 × query_id is empty: row left out",
        "queries from query_history: 3 × the same key again: one row kept",
        "metering from warehouse_metering_history: 1 × negative units",
        "query_attribution_history: 1 × credits_attributed_compute is not readable as double: row left out",
    ):
        assert line in checked
    assert "planted" not in checked
    told = run(small, "report", "--month", "2026-10")
    assert told.exit_code == 0
    assert "problem" in told.output


def test_a_month_without_data_and_an_unknown_source_are_told(small: Company) -> None:
    refused(run(small, "report", "--month", "2026-10"), "costlens sync")
    assert run(small, "sync").exit_code == 0
    refused(run(small, "report", "--month", "1999-01"), "1999-01", "2026-10")
    refused(run(small, "report", "--month", "2026-13"), "2026-13")
    refused(run(small, "report", "--month", "2026-10", "--source", "prd"), "prd", "prod")
    refused(run(small, "sync", "--source", "prd"), "no source 'prd'", "did you mean `prod`?")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG.replace("export: ./export", "exprt: ./export"), ("sources[0].exprt", "did you mean `export`?")),
        (CONFIG.replace("teams: ", "teems: "), ("teems", "did you mean `teams`?")),
        (CONFIG.replace("./export", "./nowhere"), ("prod", "no export folder", "nowhere", "set `export:`")),
        (CONFIG.replace("./export", "'${COSTLENS_EXPORT}'"), ("COSTLENS_EXPORT is not set", "set it")),
        (CONFIG.replace("snowflake", "snowflock"), ("no connector of type 'snowflock'", "snowflake")),
        (CONFIG.replace("./lake", "./blocked/lake"), ("blocked", "lake")),
        (CONFIG.replace("./costlens.db", "./blocked/costlens.db"), ("blocked",)),
        (
            CONFIG.replace("sqlite:///./costlens.db", "postgresql+psycopg://u:hunter2@127.0.0.1:{port}/x"),
            ("127.0.0.1",),
        ),
        ("lake: [", ("costlens.yml", "line", "not valid YAML")),
    ],
)
def test_a_place_or_a_setting_that_is_wrong_is_told(config: str, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "blocked").write_text("a file, so that no folder can be made here, whoever one is")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        company = Company(tmp_path, config.replace("{port}", str(held.getsockname()[1])))
        assert "hunter2" not in refused(run(company, "sync"), *words)


def test_a_source_that_fails_does_not_stop_the_others(small: Company) -> None:
    broken = "sources:\n  - {name: lost, type: snowflake, export: ./nowhere}"
    small.path.write_text(CONFIG.replace("sources:", broken))
    refused(run(small, "sync"), "lost", "no export folder")
    assert small.sql("select distinct source from charges") == [("prod",)]


@pytest.mark.parametrize(
    ("typed", "remedy"), [("repot", "did you mean `report`?"), ("xyz", "`costlens --help` lists them")]
)
def test_a_command_that_is_none(typed: str, remedy: str) -> None:
    refused(CliRunner().invoke(main, [typed]), f"no command {typed!r}: {remedy}", code=2)
