"""The schedule's times, what was due while nobody served, how long one waits after a failure, and what logs hold."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from costlens.errors import SourceError
from costlens.ledger.jobs import Job
from costlens.service.logs import describe, log, places, set_up
from costlens.service.triggers import first_time, trigger
from costlens.service.work import LONGEST, back_off
from costlens.settings.schedule import Settings, When, when

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=timezone.utc)  # a Thursday
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("every 90s", When("every", seconds=90)),
        ("Every 2d", When("every", seconds=172800)),
        ("daily 03:30", When("at", hour=3, minute=30)),
        ("mon,thu 09:00", When("at", days="mon,thu", hour=9)),
        ("monthly 3 09:00", When("at", day=3, hour=9)),
        ("after sync", When("after sync")),
        ("never", When("never")),
    ],
)
def test_times_as_they_are_written(text: str, wanted: When) -> None:
    assert when(text) == wanted


@pytest.mark.parametrize("text", ["every 0h", "every hour", "moo 09:00", "daily 24:00", "monthly 31 09:00", "", "9:00"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Settings(sync=text)


def first(text: str, job: Job | None, at: datetime = NOW) -> datetime:
    settings = Settings(jitter_seconds=0)
    made = trigger(when(text), settings)
    assert made is not None
    return first_time(when(text), made, job, at, settings)


def ran(at: datetime, **other: object) -> Job:
    return Job("x", **{"state": "done", "started_at": at, "ok_at": at, **other})  # type: ignore[arg-type]


def test_what_was_due_while_nobody_served_is_made_up_for_once() -> None:
    assert first("every 1h", None) == NOW
    assert first("every 1h", ran(NOW - HOUR / 2)) == NOW + HOUR / 2
    assert first("every 1h", ran(NOW - 300 * HOUR)) == NOW
    assert first("thu 09:00", ran(NOW - 100 * HOUR)) == NOW, "an hour late"
    assert first("mon 09:00", ran(NOW - 150 * HOUR)) == datetime(2026, 11, 30, 9, tzinfo=timezone.utc), "too late"
    assert first("daily 03:30", None) == datetime(2026, 11, 27, 3, 30, tzinfo=timezone.utc)
    assert first("after sync", ran(NOW - HOUR)).year > 2100


def test_a_failed_job_keeps_its_wait_and_an_abandoned_one_starts_at_once() -> None:
    soon = NOW + timedelta(minutes=4)
    assert first("every 1h", ran(NOW, state="failed", next_at=soon)) == soon
    assert first("every 1h", ran(NOW, state="abandoned", next_at=NOW)) == NOW


def test_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    waits = [back_off(number, timedelta(seconds=30)) for number in range(1, 12)]
    for number, wait in enumerate(waits):
        wanted = min(timedelta(seconds=30 * 2**number), LONGEST)
        assert wanted * 0.9 <= wait <= wanted * 1.1


def test_logs_hold_no_word_of_what_a_library_says() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers, logging.getLogger().level
    try:
        set_up(stream)
        try:
            raise ValueError("select 'hunter2' from users")
        except ValueError as error:
            log("job failed", "error", message=describe(error), places=places(error))
            logging.getLogger("urllib3").exception("POST https://hooks.example.org/T0/hunter2 failed")
        logging.getLogger("snowflake").warning("bound %s", "hunter2")
        log("job failed", message=describe(SourceError("prod: cannot sign in: check the key")), nothing=None)
    finally:
        logging.getLogger().handlers, level = before[0], before[1]
        logging.getLogger().setLevel(level)
    assert "hunter2" not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["job failed", "library", "library", "job failed"]
    assert "ValueError at test_times.py" in lines[0]["message"]
    assert lines[2]["pattern"] == "bound %s"
    assert lines[3]["message"] == "prod: cannot sign in: check the key"
