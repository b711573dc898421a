"""One run of a job: written down before and after, its failure told apart into what may heal and what may not."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from costlens.errors import CostLensError, LedgerError
from costlens.ledger import jobs
from costlens.ledger.database import Database
from costlens.ledger.leases import holder_name
from costlens.service.logs import describe, log, places
from costlens.settings.schedule import When

#: Longest wait before a failed job is tried again.
LONGEST = timedelta(minutes=15)
MESSAGE_LENGTH = 2000


@dataclass
class Task:
    """A job of the service: what it is called, when it runs, what it does."""

    name: str
    time: When
    function: Callable[[], str | None]
    """Does the work and returns a line on what was done."""
    jitter: bool = False
    is_quiet: bool = False
    """Runs so often that only its failures are written down."""
    executor: str = "default"
    wanted: threading.Event = field(default_factory=threading.Event)
    """Asked for while it ran: it runs once more."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `retry_at` is set where it failed and trying again may help."""

    state: jobs.State
    message: str
    is_permanent: bool = False
    failures: int = 0
    retry_at: datetime | None = None
    seconds: float = 0.0


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(timezone.utc)


def back_off(failures: int, first: timedelta) -> timedelta:
    """Return how long to wait after so many failures: doubling, at most a quarter of an hour, a tenth by chance."""
    wait: timedelta = min(first * 2.0 ** min(max(failures - 1, 0), 20), LONGEST)
    return wait * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)


class Workshop:
    """Runs tasks, one run of a task at a time, and remembers which run now."""

    def __init__(self, database: Database, retry: timedelta) -> None:
        self._database = database
        self._retry = retry
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._quiet_failures: dict[str, int] = {}
        self.idle = threading.Condition(self._lock)

    def running(self) -> tuple[str, ...]:
        """Return the names of the tasks that run now."""
        with self._lock:
            return tuple(self._running)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the running tasks to end; False where some still run."""
        with self.idle:
            return self.idle.wait_for(lambda: not self._running, seconds)

    def run(self, task: Task) -> Outcome | None:
        """Run a task and write down what came of it; None where it runs already."""
        with self._lock:
            if task.name in self._running:
                task.wanted.set()
                return None
            self._running[task.name] = ""
        task.wanted.clear()
        try:
            return self._attempt(task)
        finally:
            with self.idle:
                del self._running[task.name]
                self.idle.notify_all()

    def abandon(self) -> None:
        """Write that what still runs is abandoned: the process ends without it."""
        with self._lock:
            running = dict(self._running)
        for name, run in running.items():
            log("job abandoned", job=name, level="warning")
            if run:
                message = "the service was told to end before it was done; it starts again with the next one"
                jobs.end(self._database, run, name, "abandoned", now(), message=message, next_at=now())

    def _attempt(self, task: Task) -> Outcome:
        started, clock = now(), time.monotonic()
        try:
            run = None if task.is_quiet else jobs.begin(self._database, task.name, holder_name(), started)
            with self._lock:
                self._running[task.name] = run or ""
        except LedgerError as error:  # the database is away: there is nowhere to write to
            return self._failed(task, None, error, clock)
        try:
            message = task.function() or ""
        except Exception as error:
            return self._failed(task, run, error, clock)
        seconds = time.monotonic() - clock
        if self._quiet_failures.pop(task.name, None) and run is None:
            run = jobs.begin(self._database, task.name, holder_name(), started)
        if run is not None:
            try:
                jobs.end(self._database, run, task.name, "done", now(), message=message[:MESSAGE_LENGTH])
            except LedgerError as error:
                return self._failed(task, None, error, clock)
        if message or not task.is_quiet:
            log("job done", job=task.name, seconds=round(seconds, 3), message=message or None)
        return Outcome("done", message, seconds=seconds)

    def _failed(self, task: Task, run: str | None, error: Exception, clock: float) -> Outcome:
        is_permanent = isinstance(error, CostLensError) and error.permanent
        message = describe(error)[:MESSAGE_LENGTH]
        failures = self._quiet_failures[task.name] = self._quiet_failures.get(task.name, 0) + 1
        fields: dict[str, Any] = {} if isinstance(error, CostLensError) else {"places": places(error)}
        level = "error" if is_permanent or fields else "warning"
        failures = self._write_failure(task, run, message, is_permanent) or failures
        # What the log tells of is there for whoever looks then.
        log("job failed", level, job=task.name, permanent=is_permanent, message=message, **fields)
        retry_at = None if is_permanent else now() + back_off(failures, self._retry)
        return Outcome("failed", message, is_permanent, failures, retry_at, time.monotonic() - clock)

    def _write_failure(self, task: Task, run: str | None, message: str, is_permanent: bool) -> int | None:
        try:
            run = run or jobs.begin(self._database, task.name, holder_name(), now())
            job = jobs.end(self._database, run, task.name, "failed", now(), message=message, is_permanent=is_permanent)
        except LedgerError:
            return None
        return job.failures
