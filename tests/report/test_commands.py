"""The commands as a person types them, on the sample month: the same money in each form, one line for each mistake."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from costlens.commands import main
from costlens.commands.report import BY
from tests import shared

from .books import ledger_of, line

ROOT = Path(__file__).parent.parent.parent
MONTH = ("--month", "2026-10")
SOURCES = ("encore-prod", "encore-analytics")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def said(*words: str) -> str:
    """Return what a command that works prints."""
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words: str) -> str:
    """Return the one line of a command that does not work, on stderr."""
    done = run(*words)
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Load the sample month; return its configuration and what `costlens demo` printed."""
    return shared.demo(tmp_path_factory)


def report(demo: tuple[Path, str], *words: str) -> str:
    return said("report", "--config", str(demo[0]), *MONTH, *words)


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def total(text: str) -> Decimal:
    return sum((Decimal(row["cost"]) for row in lines(text)), Decimal(0))


def test_the_readme_shows_the_demo(demo: tuple[Path, str]) -> None:
    shown = re.findall(
        r"```\n(CostLens · .*?|\w{16}  2026.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(shown) == 2  # the report, and an anomaly
    assert [block for block in shown if block not in demo[1]] == []


def test_the_bill_of_the_answer_is_the_total_by_whatever_one_asks(demo: tuple[Path, str]) -> None:
    answer = json.loads((ROOT / "sample_data/costlens_sample/answer.json").read_text(encoding="utf-8"))
    billed = sum((Decimal(str(answer[source]["billed_total"])) for source in SOURCES), Decimal(0))
    for by in BY:
        assert total(report(demo, "--by", by, "--format", "csv")) == billed.quantize(Decimal("0.01")), by
    parts = [report(demo, "--by", "team", "--source", source, "--format", "csv") for source in SOURCES]
    assert sum(map(total, parts)) == billed.quantize(Decimal("0.01"))


def test_what_is_exported_is_what_is_reported(demo: tuple[Path, str], tmp_path: Path) -> None:
    """Charges and daily, in both forms of file, give each team what the report says, to the cent."""
    reported = {row["team"]: Decimal(row["cost"]) for row in lines(report(demo, "--by", "team", "--format", "csv"))}
    for table in ("charges", "daily"):
        for ending in ("parquet", "csv"):
            out = tmp_path / f"{table}.{ending}"
            assert f" rows of {table}" in said("export", table, "--config", str(demo[0]), "--out", str(out))
            with duckdb.connect() as connection:
                rows = connection.execute(
                    f"select team, sum(cost::decimal(38, 12)) from '{out}' "
                    "where billing_period = '2026-10' and team is not null group by team"
                ).fetchall()
            assert {team for team, _ in rows} == {name for name in reported if not name.startswith("(")}
            for team, cost in rows:
                assert abs(Decimal(cost) - reported[team]) < Decimal("0.01"), (table, ending, team)


def test_daily_can_be_asked_by_team(demo: tuple[Path, str]) -> None:
    query = "select team, sum(cost) as cost from daily where billing_period = '2026-10' and team = 'growth' group by 1"
    row = json.loads(said("sql", "--config", str(demo[0]), query, "--format", "json"))
    reported = {row["team"]: Decimal(row["cost"]) for row in lines(report(demo, "--by", "team", "--format", "csv"))}
    assert abs(Decimal(row["cost"]) - reported["growth"]) < Decimal("0.01")


def test_rows_of_sql_are_what_they_are_in_each_form(demo: tuple[Path, str]) -> None:
    query = "select -1.5 as number, '-1+1' as formula, null as nothing, [1, null] as list, e'a\\x1b[2Jb' as code"
    config = ("sql", "--config", str(demo[0]), query)
    assert said(*config, "--format", "csv").splitlines()[1].startswith("-1.5,'-1+1,,")
    assert json.loads(said(*config, "--format", "json")) == {
        "number": "-1.5", "formula": "-1+1", "nothing": None, "list": [1, None], "code": "a\x1b[2Jb",
    }  # fmt: skip
    assert "\x1b" not in said(*config)
    assert "(1 row)" in said(*config)


def test_ctrl_c_ends_a_statement_without_a_traceback(demo: tuple[Path, str]) -> None:
    endless = "select count(*) from range(1000000000000) t(i) where hash(i) = 0"
    # A shell starts what it puts into the background without this signal, and pytest may have been started so.
    listening = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = listening + "from costlens.__main__ import main; sys.argv[0] = 'costlens'; main()"
    command = [sys.executable, "-c", code, "sql", "--config", str(demo[0]), endless]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while _processor_seconds(process.pid) < 5:  # starting takes one
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1].strip() == "Aborted!"
        assert process.returncode == 1


def _processor_seconds(process: int) -> float:
    spent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def test_a_demo_is_loaded_over_a_demo_and_over_nothing_else(demo: tuple[Path, str], tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("keep")
    assert "holds other files" in refused("demo", "--dir", str(mine.parent))
    assert mine.read_text() == "keep"


def test_mistakes_are_one_line_that_says_what_to_do(demo: tuple[Path, str], tmp_path: Path) -> None:
    config = ("--config", str(demo[0]))
    backwards = ("--since", "2026-10-02", "--until", "2026-10-01")
    assert "not before --until" in refused("sync", *config, *backwards)
    assert "not before --until" in refused("export", "bill", *config, "--out", str(tmp_path / "b.csv"), *backwards)
    assert "known are" in refused("sync", *config, "--source", "nosuch")
    assert "known are" in refused("export", "bill", *config, "--out", str(tmp_path / "b.csv"), "--source", "nosuch")
    assert "cannot be written" in refused("report", *config, *MONTH, "--out", str(tmp_path / "no" / "report.csv"))
    assert "cannot be written" in refused("export", "bill", *config, "--out", "/proc/bill.csv")
    assert "no month" in refused("report", *config, "--month", "0000-01")
    said("init", "--dir", str(tmp_path))
    assert "costlens init" in refused("sync", "--config", str(tmp_path / "costlens.yml"))


def test_maintain_says_what_it_did(demo: tuple[Path, str]) -> None:
    assert re.fullmatch(
        r"\d+ old snapshots and \d+ files thrown away; snapshot \d+\n", said("maintain", "--config", str(demo[0]))
    )


def test_an_exported_csv_runs_nothing(tmp_path: Path) -> None:
    rows = [line("2026-10-01", "-2.5", user=name) for name in ("=1+1", "+a", "-a", "@a", "\t=a", "plain")]
    ledger_of(tmp_path, rows).close()
    (tmp_path / "costlens.yml").write_text("lake: ./lake\ndatabase: sqlite:///./costlens.db\n")
    said("export", "daily", "--config", str(tmp_path / "costlens.yml"), "--out", str(tmp_path / "daily.csv"))
    found = lines((tmp_path / "daily.csv").read_text(encoding="utf-8"))
    assert {row["user"] for row in found} == {"'=1+1", "'+a", "'-a", "'@a", "'\t=a", "plain"}
    assert {Decimal(row["cost"]) for row in found} == {Decimal("-2.5")}
