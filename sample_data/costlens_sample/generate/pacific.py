"""Google's billing day: Pacific time, which goes from UTC-7 to UTC-8 on 1 November 2026 at 09:00 UTC."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from costlens_sample.generate.clock import HOUR, at, day_of

_WINTER = at(date(2026, 11, 1), 9)


def pacific_day(instant: int) -> date:
    """Return the Pacific day of an instant within the sample."""
    return day_of(instant - (8 if instant >= _WINTER else 7) * HOUR)


def day_starts(day: date) -> int:
    """Return the instant at which a Pacific day begins."""
    return at(day, 7 if day <= date(2026, 11, 1) else 8)


def seconds_of(day: date) -> int:
    """Return how long a Pacific day is: 25 hours on 1 November."""
    return (day_starts(day + timedelta(days=1)) - day_starts(day)) // 1_000


def seconds_of_month(day: date) -> int:
    """Return the seconds that a month of storage is priced over: its days of 24 hours."""
    return calendar.monthrange(day.year, day.month)[1] * 86_400
