"""Turns the schedule's times into APScheduler's triggers, and finds what was due while nobody served."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from costlens.ledger.jobs import Job
from costlens.settings.schedule import Settings, When

_FAR = timedelta(days=36525)


class OnRequest(BaseTrigger):  # type: ignore[misc]
    """A trigger that waits to be asked: its time never comes by itself."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + _FAR


def trigger(time: When, settings: Settings, *, jitter: bool = False) -> BaseTrigger | None:
    """Return the trigger of a time, None for `never`."""
    zone = ZoneInfo(settings.timezone)
    if time.kind == "never":
        return None
    if time.kind == "after sync":
        return OnRequest()
    if time.kind == "every":
        spread = min(settings.jitter_seconds, time.seconds // 10) if jitter else 0
        return IntervalTrigger(seconds=time.seconds, timezone=zone, jitter=spread or None)
    when = {"day": time.day} if time.day else {"day_of_week": time.days}
    return CronTrigger(hour=time.hour, minute=time.minute, timezone=zone, **when)


def first_time(time: When, made: BaseTrigger, job: Job | None, now: datetime, settings: Settings) -> datetime:
    """Return when a job runs first under a new leader: at once where it was due while nobody served, and not too long ago.

    `job` is what the database knows of it. What is due every so often is always made up for, once, whatever was missed.
    """
    spread = timedelta(seconds=random.uniform(0, getattr(made, "jitter", None) or 0))  # noqa: S311 (no secret)
    last = job.started_at if job else None
    if time.kind == "every":
        due = last + timedelta(seconds=time.seconds) if last else now
    elif time.kind == "after sync":
        due = now + _FAR if job and job.ok_at else now
    else:
        due = made.get_next_fire_time(None, last or now)
        if now - due > timedelta(hours=settings.misfire_hours):
            due = made.get_next_fire_time(None, now)
    if job and job.next_at and job.state in ("failed", "abandoned"):
        due = min(due, job.next_at)
    return max(due, now) + spread
