"""A day that is not over: what costs too much by now is told before the day ends, and what only comes earlier is not."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from costlens.anomaly import detect, watch
from costlens.anomaly.so_far import so_far
from costlens.anomaly.store import Found, anomalies, history
from costlens.commands import main
from costlens.settings.anomalies import Settings
from tests.anomaly.hourly import TODAY, Cost, at, ledger_until, steady, times

CALM = {"raw/events": steady(6), "marts/orders": steady(4)}
MORNING = at(0) - timedelta(minutes=20)


def found(folder: Path, now: datetime, **odd: Cost) -> tuple[Found, ...]:
    with ledger_until(folder, CALM | {name.replace("_", "/"): cost for name, cost in odd.items()}, now) as ledger:
        return detect(ledger, ledger.snapshot(), Settings(), now)


def test_a_dear_morning_is_told_before_the_day_passes_its_band(tmp_path: Path) -> None:
    dear = times(steady(6), 4, MORNING, MORNING + timedelta(days=1))
    (one,) = found(tmp_path, at(5), raw_events=dear)
    assert (one.kind, one.key, one.form, one.team) == ("asset", "raw/events", "spike", "platform")
    assert (one.first_day, one.last_day, one.is_over) == (TODAY, TODAY, False)
    today = so_far(one.explanation)
    assert today is not None
    assert today.until == datetime(2026, 11, 19, 5, tzinfo=timezone.utc)
    assert today.usual_until == datetime(2026, 11, 19, 9, tzinfo=timezone.utc)
    assert float(one.actual) == pytest.approx(4 * 5 * 6.2), "five complete hours, not the sixth"
    assert float(one.expected) == pytest.approx(9 * 6.1, rel=0.05), "what a Thursday costs by nine"
    assert one.actual < Decimal(24 * 6), "a whole day's band is not passed"
    assert today.days[-1][0] == TODAY
    assert dict(today.days)[TODAY] == pytest.approx(float(one.actual))
    assert dict(today.days)[date(2026, 11, 18)] == pytest.approx(9 * 6.15)


def test_its_drivers_add_up_and_compare_like_with_like(tmp_path: Path) -> None:
    dear = times(steady(6), 4, MORNING, MORNING + timedelta(days=1))
    (one,) = found(tmp_path, at(5), raw_events=dear)
    told = one.explanation or {}
    change = Decimal(told["after"]) - Decimal(told["before"])
    assert sum(Decimal(driver["amount"]) for driver in told["drivers"]) == change
    assert float(told["before"]) == pytest.approx(float(one.expected), rel=0.05)


@pytest.mark.parametrize("hour", [1, 8, 16, 23])
def test_a_calm_day_is_never_told(tmp_path: Path, hour: int) -> None:
    assert found(tmp_path, at(hour)) == ()


def test_work_that_comes_hours_earlier_is_no_news(tmp_path: Path) -> None:
    def nightly(hour: datetime) -> float:
        return (90 + hour.day) * (hour.hour == (6 if hour.date() == TODAY else 9))

    assert [one for hour in (7, 8, 9, 12) for one in found(tmp_path, at(hour), lab_nightly=nightly)] == []


def test_what_is_too_little_money_is_not_told(tmp_path: Path) -> None:
    """Five times as much, but below the floor that is learnt from the whole company."""
    small = times(lambda hour: 0.3, 5, MORNING, MORNING + timedelta(days=1))
    assert found(tmp_path, at(5), lab_notes=small) == ()
    with ledger_until(tmp_path, {**CALM, "lab/notes": small}, at(5)) as ledger:
        told = detect(ledger, ledger.snapshot(), Settings(floor=Decimal(1)), at(5))
    assert [one.key for one in told] == ["lab/notes"]


def test_one_anomaly_from_the_morning_to_the_end_of_the_day(tmp_path: Path) -> None:
    dear = times(steady(6), 4, MORNING, MORNING + timedelta(days=1))
    seen = []
    for now in (at(5), at(9), at(20), at(6) + timedelta(days=1), at(6) + timedelta(days=2)):
        with ledger_until(tmp_path, {**CALM, "raw/events": dear}, now) as ledger:
            changes = watch(ledger, ledger.snapshot(), Settings(), now, now)
            again = watch(ledger, ledger.snapshot(), Settings(), now, now)
            (one,) = anomalies(ledger.database)
        assert (again.new, again.changed, again.resolved) == ((), (), ())
        seen.append((len(changes.new), one.id, one.status, so_far(one.explanation) is not None))
    assert len({one for _, one, _, _ in seen}) == 1
    assert [new for new, *_ in seen] == [1, 0, 0, 0, 0]
    assert [(status, is_today) for _, _, status, is_today in seen] == [
        ("open", True), ("open", True), ("open", True), ("resolved", False), ("resolved", False),
    ]  # fmt: skip


def test_a_dear_morning_of_a_usual_day_stands_until_its_end(tmp_path: Path) -> None:
    """What was told is not taken back by the hour; when all of the day is known, its end says that as a whole it was usual."""

    def early(hour: datetime) -> float:
        usual = steady(6)(hour)
        return usual if hour.date() != TODAY else usual * (2.6 if hour.hour < 6 else 0.5)

    stands = []
    for now in (at(6), at(12), at(22), at(2) + timedelta(days=1), at(6) + timedelta(days=1)):
        # By two in the night nothing is known yet of the day's last hours.
        known = at(21) if now.hour == 2 else now
        with ledger_until(tmp_path, {**CALM, "raw/events": early}, known) as ledger:
            watch(ledger, ledger.snapshot(), Settings(), now, now)
            (one,) = anomalies(ledger.database)
            stands.append(one.status)
            actions = [event.action for event in history(ledger.database, one.id)]
    assert stands == ["open", "open", "open", "open", "resolved"]
    assert actions == ["found", "evened"]


def test_the_command_says_that_the_day_is_not_over(tmp_path: Path) -> None:
    dear = times(steady(6), 4, MORNING, MORNING + timedelta(days=1))
    source = {"name": "shop", "type": "snowflake", "export": "./export"}
    body = {"lake": "./lake", "database": "sqlite:///./costlens.db", "sources": [source]}
    (tmp_path / "costlens.yml").write_text(json.dumps(body))
    with ledger_until(tmp_path, {**CALM, "raw/events": dear}, at(5)):
        pass
    words = ["anomalies", "--config", str(tmp_path / "costlens.yml")]
    text = CliRunner().invoke(main, words)
    assert text.exit_code == 0, text.output
    assert "2026-11-19 (by 05:00 UTC, provisional)" in text.stdout
    assert "by 09:00)" in text.stdout
    (told,) = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert told["so_far"]["until"] == "2026-11-19T05:00:00+00:00"
