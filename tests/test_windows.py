"""How far a sync reads back."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.connector import View
from costlens.windows import DEEP_SUFFIX, GAP_SINCE, GAP_UNTIL, Part, Window, gaps_of, parts, slices, window_of

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


def test_slices_cover_the_window_newest_first_without_gap_or_overlap() -> None:
    whole = Window(FIRST + timedelta(hours=5), NOW)
    cut = list(slices(whole))
    assert cut[0].until == whole.until
    assert cut[-1].since == whole.since
    assert all(before.since == after.until for before, after in itertools.pairwise(cut))
    assert all(part.until - part.since <= timedelta(days=4) for part in cut)


@pytest.mark.parametrize("hours", [1, 6, 24, 47])
def test_a_sync_that_comes_when_it_should_is_one_commit(hours: int) -> None:
    for begin in range(24):
        made = [window for _, window in pulls("hourly", hours, begin)][1:]
        assert all(len(parts({"v": window}, {})) == 1 for window in made)


def test_after_days_of_downtime_the_newest_days_come_first() -> None:
    last = NOW - timedelta(days=12)
    window = window_of(view("hourly"), cursors(last, last), NOW, FIRST)
    assert window is not None
    cut = parts({"v": window}, {})
    assert [part.windows["v"].until for part in cut] == sorted((p.windows["v"].until for p in cut), reverse=True)
    assert cut[0].windows["v"].until == NOW
    assert cut[0].gaps["v"] == Window(window.since, cut[0].windows["v"].since, is_deep=True)
    assert cut[-1].gaps == {}


def commit(known: dict[str, datetime], part: Part, feeds: set[str]) -> None:
    """Move the cursors as a commit of a part does, of the feeds that could be read."""
    for feed, window in part.windows.items():
        if feed in feeds:
            for name in (feed, *((feed + DEEP_SUFFIX,) if window.is_deep else ())):
                known[name] = max(window.until, known.get(name, window.until))
            gap = part.gaps.get(feed, Window(window.since, window.since))
            known[feed + GAP_SINCE], known[feed + GAP_UNTIL] = gap.since, gap.until


_SYNC = st.tuples(st.integers(1, 24 * 40), st.integers(1, 20), st.sets(st.sampled_from(["a", "b"])))


@given(st.lists(_SYNC, min_size=1, max_size=8))
def test_whatever_is_killed_or_fails_all_is_read_in_the_end(syncs: list[tuple[int, int, set[str]]]) -> None:
    """Each sync comes some hours after the last, is killed after some parts, and cannot read some views."""
    known: dict[str, datetime] = {}
    read: dict[str, list[Window]] = {"a": [], "b": []}
    now = FIRST + timedelta(hours=7)
    for hours, survived, failing in [*syncs, (1, 10**6, set())]:
        now += timedelta(hours=hours)
        found = {
            feed: window_of(
                view("hourly"), {k.replace(feed, "v", 1): at for k, at in known.items() if k[0] == feed}, now, FIRST
            )
            for feed in read
        }
        lost: set[str] = set()
        for part in parts({feed: window for feed, window in found.items() if window}, gaps_of(known))[:survived]:
            lost |= failing & part.windows.keys()
            for feed in part.windows.keys() - lost:
                read[feed].append(part.windows[feed])
            commit(known, part, set(read) - lost)
    for windows in read.values():
        until = FIRST
        for window in sorted(windows, key=lambda window: window.since):
            assert window.since <= until, "a hole"
            until = max(until, window.until)
        assert until == now
    assert gaps_of(known) == {}
