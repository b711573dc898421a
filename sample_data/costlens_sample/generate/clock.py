"""The time the sample covers, in milliseconds since 1970 UTC, and seeded chance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from random import Random

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_DAY = date(2026, 9, 28)
END_DAY = date(2026, 11, 4)  # exclusive
MONTH = "2026-10"


def chance(name: str) -> Random:
    """Return a stream of its own per topic, so that a change in one topic leaves the others as they were."""
    return Random(f"encore {name}")  # noqa: S311


def at(day: date, hour: float = 0) -> int:
    """Return the instant of an hour of a UTC day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    return round(midnight.timestamp() * SECOND) + round(hour * HOUR)


SINCE = at(FIRST_DAY)
UNTIL = at(END_DAY)


def days() -> Iterator[date]:
    """Yield every UTC day of the sample."""
    day = FIRST_DAY
    while day < END_DAY:
        yield day
        day += timedelta(days=1)


def is_workday(day: date) -> bool:
    return day.weekday() < 5


def utc(instant: int) -> datetime:
    """Return an instant as an aware datetime."""
    return datetime.fromtimestamp(instant // SECOND, tz=timezone.utc) + timedelta(milliseconds=instant % SECOND)


def day_of(instant: int) -> date:
    return utc(instant).date()


def hour_of(instant: int) -> int:
    return instant // HOUR * HOUR


def hours(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Cut [start, end) at full hours: yield (hour, start, end) of every piece."""
    while start < end:
        hour = hour_of(start)
        stop = min(end, hour + HOUR)
        yield hour, start, stop
        start = stop
