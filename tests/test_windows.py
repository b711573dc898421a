"""How far a sync reads back."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

from costlens.connector import View
from costlens.windows import DEEP_SUFFIX, Window, slices, window_of

NOW = datetime(2026, 11, 23, 10, 20, tzinfo=timezone.utc)
FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)


def view(pull: str, latency: timedelta = timedelta(minutes=45)) -> View:
    return View("v", (), "end_time", latency, pull=pull)  # type: ignore[arg-type]


def cursors(pulled: datetime, deep: datetime) -> dict[str, datetime]:
    return {"v": pulled, "v" + DEEP_SUFFIX: deep}


def test_the_first_sync_reads_all() -> None:
    assert window_of(view("hourly"), {}, NOW, FIRST) == Window(FIRST, NOW, is_deep=True)


def test_an_hourly_sync_reads_the_latency_and_an_hour_back() -> None:
    last = NOW - timedelta(hours=1)
    window = window_of(view("hourly"), cursors(last, last), NOW, FIRST)
    assert window == Window(datetime(2026, 11, 23, 7, tzinfo=timezone.utc), NOW)


def test_once_a_day_three_days_are_read_before_the_last_time_that_they_were() -> None:
    last = NOW - timedelta(hours=1)
    window = window_of(view("hourly"), cursors(last, NOW - timedelta(days=1)), NOW, FIRST)
    assert window == Window(datetime(2026, 11, 19, tzinfo=timezone.utc), NOW, is_deep=True)


def pulls(pull: str, cadence: int, begin: int) -> list[tuple[int, Window]]:
    """Return the windows of ten days of syncs, each with its time in hours since FIRST."""
    held: dict[str, datetime] = {}
    found = []
    for hour in range(begin, begin + 240, cadence):
        now = FIRST + timedelta(hours=hour)
        window = window_of(view(pull), held, now, FIRST)
        if window is not None:
            found.append((hour, window))
            held["v"] = now
            if window.is_deep:
                held["v" + DEEP_SUFFIX] = now
    return found


@pytest.mark.parametrize("cadence", [1, 3, 6, 7, 11, 24, 25, 60, 100])
@pytest.mark.parametrize("pull", ["hourly", "daily", "monthly"])
def test_what_comes_within_60_hours_is_read_by_the_next_deep_pull(pull: str, cadence: int) -> None:
    for begin in range(1, 25):  # at any time of day: a window begins at midnight, which may hide what is wrong
        made = pulls(pull, cadence, begin)
        for row, late in ((row, late) for row in range(200) for late in (0, 30, 60)):
            after = [(hour, window) for hour, window in made if hour > row + late]
            deep = next((hour for hour, window in after if window.is_deep), None)
            time = FIRST + timedelta(hours=row)
            read = any(window.since <= time < window.until for hour, window in after if deep and hour <= deep)
            assert deep is None or read, (begin, row, late)


def test_money_restated_after_the_last_pull_of_a_month_is_read_in_the_next() -> None:
    last = datetime(2026, 10, 20, tzinfo=timezone.utc)
    window = window_of(view("monthly"), cursors(last, last), NOW, FIRST)
    assert window is not None
    assert window.since == datetime(2026, 9, 30, tzinfo=timezone.utc)


def test_after_downtime_three_days_before_the_cursor_are_read() -> None:
    last = NOW - timedelta(days=9)
    window = window_of(view("daily"), cursors(last, last), NOW, FIRST)
    assert window == Window(datetime(2026, 11, 11, tzinfo=timezone.utc), NOW, is_deep=True)


def test_a_daily_view_waits_for_its_day() -> None:
    last = NOW - timedelta(hours=5)
    assert window_of(view("daily"), cursors(last, last), NOW, FIRST) is None


def test_money_is_read_for_the_month_and_until_the_tenth_for_the_month_before() -> None:
    last = NOW - timedelta(hours=7)
    window = window_of(view("monthly"), cursors(last, last), NOW, FIRST)
    assert window is not None
    assert window.since == datetime(2026, 10, 31, tzinfo=timezone.utc)
    early = NOW.replace(day=10)
    window = window_of(view("monthly"), cursors(early - timedelta(hours=7), early), early, FIRST)
    assert window is not None
    assert window.since == datetime(2026, 9, 30, tzinfo=timezone.utc)


def test_slices_cover_the_window_without_gap_or_overlap() -> None:
    whole = Window(FIRST + timedelta(hours=5), NOW)
    parts = list(slices(whole))
    assert parts[0].since == whole.since
    assert parts[-1].until == whole.until
    assert all(before.until == after.since for before, after in itertools.pairwise(parts))
    assert all(part.until - part.since <= timedelta(days=7) for part in parts)
