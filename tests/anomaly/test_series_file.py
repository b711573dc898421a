"""`costlens anomalies --series`: anyone's numbers, by day or by hour."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from costlens.commands import main

START = datetime(2026, 1, 5)


def judged(folder: Path, rows: list[tuple[str, str, str]], *more: str) -> dict[str, Any]:
    file = folder / "series.csv"
    file.write_text("series,ts,value\n" + "".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    done = CliRunner().invoke(main, ["anomalies", "--series", str(file), "--json", *more])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def daily(name: str = "a", days: int = 60, spike: int | None = 50) -> list[tuple[str, str, str]]:
    random = np.random.default_rng(1)
    values = 100 * np.exp(0.05 * random.normal(size=days))
    if spike is not None:
        values[spike] *= 4
    return [(name, (START + timedelta(days=i)).date().isoformat(), f"{value:.4f}") for i, value in enumerate(values)]


def test_a_spike_is_told_with_all_a_judge_needs(tmp_path: Path) -> None:
    told = judged(tmp_path, daily())
    (one,) = told["anomalies"]
    day = (START + timedelta(days=50)).date().isoformat()
    assert (one["series"], one["first_day"], one["last_day"], one["form"]) == ("a", day, day, "spike")
    assert one["actual"] > one["high"] > one["expected"] > one["low"] > 0
    assert one["score"] > 1
    assert [(line["day"], line["flag"]) for line in told["days"]] == [(day, True)]
    assert len(judged(tmp_path, daily(), "--all-days")["days"]) == 60


def test_order_of_rows_and_other_columns_change_nothing(tmp_path: Path) -> None:
    rows = daily("a") + daily("b", spike=None)
    assert judged(tmp_path, rows) == {**judged(tmp_path, rows[::-1]), "days": judged(tmp_path, rows)["days"]}


def test_a_restated_day_counts_as_told_last(tmp_path: Path) -> None:
    rows = daily(spike=None)
    wrong = (rows[50][0], rows[50][1], "400")
    assert judged(tmp_path, [*rows[:50], wrong, *rows[50:]])["anomalies"] == []


def test_an_empty_value_and_a_missing_day_are_gaps(tmp_path: Path) -> None:
    rows = daily(spike=None)
    rows[50] = (*rows[50][:2], "")
    del rows[45]
    assert judged(tmp_path, rows)["anomalies"] == []


def hourly(days: int, hours_of_last: int, spike: bool) -> list[tuple[str, str, str]]:
    random = np.random.default_rng(2)
    rows = []
    for day in range(days):
        for hour in range(24 if day < days - 1 else hours_of_last):
            value = 10 * float(np.exp(0.1 * random.normal())) * (5 if spike and day == days - 1 else 1)
            rows.append(("h", (START + timedelta(days=day, hours=hour)).isoformat(), f"{value:.3f}"))
    return rows


def test_hours_are_judged_as_days_and_the_hour_is_told(tmp_path: Path) -> None:
    told = judged(tmp_path, hourly(40, 24, spike=True))
    (one,) = told["anomalies"]
    assert one["form"] == "spike"
    (line,) = told["days"]
    assert datetime.fromisoformat(line["passed_at"]).hour < 12


def test_a_day_that_is_not_over_may_be_too_dear_but_not_too_cheap(tmp_path: Path) -> None:
    assert judged(tmp_path, hourly(40, 1, spike=False))["anomalies"] == []
    assert len(judged(tmp_path, hourly(40, 9, spike=True))["anomalies"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no column series"),
        ("series,ts,value\n", "no rows"),
        ("series,ts,value\na,yesterday,1\n", "line 2"),
        ("series,ts,value\na,2026-01-01,much\n", "line 2"),
        ("series,ts,value\na,2026-01-01,inf\n", "finite number"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "series.csv"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["anomalies", "--series", str(file)])
    assert done.exit_code == 1
    assert message in done.stderr


def test_a_short_or_flat_or_empty_series_is_no_news(tmp_path: Path) -> None:
    rows = [("zero", (START + timedelta(days=i)).date().isoformat(), "0") for i in range(60)]
    rows += [("same", ts, "12.5") for _, ts, _ in rows[:60]]
    rows += [("short", "2026-01-05", "3"), ("credit", "2026-01-05", "-3")]
    assert judged(tmp_path, rows)["anomalies"] == []
