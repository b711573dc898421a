"""Decides how far each view is read in one sync: pure functions of cursor and clock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import ibis

from costlens.connector import View
from costlens.model import MICROSECONDS_PER_DAY

if TYPE_CHECKING:
    import ibis.expr.types as ir

HOUR = timedelta(hours=1)
DEEP = timedelta(days=3)
DEEP_EVERY = timedelta(days=1)
MONTHLY_EVERY = timedelta(hours=6)
#: What one commit reads at most. A sync that comes once a day reads six days back: it is not cut.
SLICE = timedelta(days=4)
UNCUT = timedelta(days=6)
#: Until this day of the month the month before is read again: vendors restate money until their books close.
LAST_MONTH_UNTIL_DAY = 10
DEEP_SUFFIX = ":deep"
#: Cursors of a feed that say between when it was not read yet: the newest days come first, the older ones follow.
GAP_SINCE, GAP_UNTIL = ":gap-since", ":gap-until"


#: Column that says when a fact was; a fact table without one here counts by whole days.
_TIMES = {
    "queries": "ended_at",
    "sessions": "opened_at",
    "accesses": "accessed_at",
    "metering": "hour",
    "pool_events": "at",
    "usage": "started_at",
    "runs": "started_at",
    "materializations": "started_at",
}


@dataclass(frozen=True)
class Window:
    """Half-open span of a view that one pull reads."""

    since: datetime
    until: datetime
    is_deep: bool = False


def window_of(view: View, cursors: Mapping[str, datetime], now: datetime, first: datetime) -> Window | None:
    """Return what to read of a view, None for nothing yet.

    `cursors` holds the end of the last pull by feed, and of the last deep one by feed + ":deep"; `first` is where a first
    sync starts. Hourly views go back by their latency and an hour, once a day three days from the last time that they
    did, because rows come late: what comes within three days of its time is in the ledger a day later, at any cadence.
    """
    if view.is_snapshot:
        return _today(view, cursors, now)
    cursor, deep_at = cursors.get(view.name), cursors.get(view.name + DEEP_SUFFIX)
    if cursor is None or deep_at is None:
        return Window(_midnight(first), now, is_deep=True)
    if view.pull == "monthly":
        if now - cursor < MONTHLY_EVERY:
            return None
        # From the cursor, not from now: what was restated after the last pull of a month is read once more after it.
        return Window(_midnight(min(_money_start(min(cursor, now)), cursor - DEEP)), now, is_deep=True)
    if now - deep_at >= DEEP_EVERY:
        # From the last deep pull, not from the cursor: the hourly ones between them have looked back some hours only.
        return Window(_midnight(min(deep_at, now) - DEEP), now, is_deep=True)
    if view.pull == "daily":
        return None
    return Window(_floor_hour(cursor - view.latency - HOUR), now)


def _today(view: View, cursors: Mapping[str, datetime], now: datetime) -> Window | None:
    """A view of the present is read once a UTC day, and speaks for that day only."""
    cursor = cursors.get(view.name)
    if cursor is not None and cursor >= _midnight(now):
        return None
    return Window(_midnight(now), now, is_deep=True)


def slices(window: Window, size: timedelta = SLICE) -> Iterator[Window]:
    """Cut a long window at midnights UTC, newest first."""
    until = window.until
    while until > window.since:
        first = _midnight(until)
        since = max(first - size + (timedelta(days=1) if first < until else timedelta(0)), window.since)
        yield Window(since, until, window.is_deep)
        until = since


@dataclass(frozen=True)
class Part:
    """What one commit of a sync reads, by feed, and what of each feed is then still to be read."""

    windows: Mapping[str, Window]
    gaps: Mapping[str, Window]


def gaps_of(cursors: Mapping[str, datetime]) -> dict[str, Window]:
    """Return, by feed, what an earlier sync began and did not come to read."""
    found = {}
    for name, since in cursors.items():
        feed = name.removesuffix(GAP_SINCE)
        until = cursors.get(feed + GAP_UNTIL)
        if feed != name and until is not None and since < until:
            found[feed] = Window(since, until, is_deep=True)
    return found


def parts(windows: Mapping[str, Window], gaps: Mapping[str, Window], uncut: Collection[str] = ()) -> list[Part]:
    """Cut what is to be read into commits, newest first; what was left unread before comes last.

    `uncut` are feeds that are cut where others are, and no reason to cut: a month of them is a few rows.
    """
    wanted: dict[str, list[Window]] = {feed: [window] for feed, window in windows.items()}
    for feed, gap in gaps.items():
        until = min(gap.until, windows[feed].since) if feed in windows else gap.until
        if gap.since < until:
            wanted.setdefault(feed, []).append(Window(gap.since, until, is_deep=True))
    spans = [window for feed, found in wanted.items() for window in found if feed not in uncut]
    if not any(window.until - window.since > UNCUT for window in spans) and all(
        len(found) == 1 for found in wanted.values()
    ):
        return [Part({feed: found[0] for feed, found in wanted.items()}, {})]
    every = [window for found in wanted.values() for window in found]
    whole = Window(min(window.since for window in every), max(window.until for window in every))
    cut = [{feed: _hull(found, part) for feed, found in wanted.items()} for part in slices(whole)]
    read = [{feed: window for feed, window in part.items() if window} for part in cut]
    read = [part for part in read if part]
    return [Part(part, _left(read[number + 1 :])) for number, part in enumerate(read)]


def _hull(found: Sequence[Window], part: Window) -> Window | None:
    """Return the one window that holds what is wanted of a part, None for nothing."""
    inside = [window for window in found if window.since < part.until and window.until > part.since]
    if not inside:
        return None
    since, until = min(window.since for window in inside), max(window.until for window in inside)
    return Window(max(since, part.since), min(until, part.until), any(window.is_deep for window in inside))


def _left(later: Sequence[Mapping[str, Window]]) -> dict[str, Window]:
    """Return, by feed, from when until when the parts that are still to come read."""
    left: dict[str, Window] = {}
    for part in later:
        for feed, window in part.items():
            known = left.get(feed, window)
            left[feed] = Window(min(known.since, window.since), max(known.until, window.until), is_deep=True)
    return left


def within(rows: ir.Table, table: str, window: Window) -> ir.BooleanValue:
    """Tell which rows of a fact table a pull of `window` answers for: its own are to be exactly these.

    Lines of a whole day (bill, rates) belong to it where their day is not before the window's first, which begins at midnight.
    """
    since, until = microseconds(window.since), microseconds(window.until)
    if table == "query_usage":
        time = ibis.coalesce(rows.hour, rows.ended_at)
    elif table in _TIMES:
        time = rows[_TIMES[table]]
    else:
        return (rows.day >= since // MICROSECONDS_PER_DAY) & (rows.day <= (until - 1) // MICROSECONDS_PER_DAY)
    return (time >= since) & (time < until)


def microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _money_start(now: datetime) -> datetime:
    month = _midnight(now).replace(day=1)
    if now.day <= LAST_MONTH_UNTIL_DAY:
        month = (month - timedelta(days=1)).replace(day=1)
    return month - timedelta(days=1)  # a billing day in another zone begins up to a day earlier


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _floor_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
