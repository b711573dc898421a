"""The schedule of a replica that serves: APScheduler runs the tasks, late ones once, failed ones again after a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job as Scheduled
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from costlens.errors import LedgerError
from costlens.ledger import jobs
from costlens.ledger.database import Database
from costlens.service.logs import log
from costlens.service.triggers import first_time, trigger
from costlens.service.work import Outcome, Task, Workshop, now
from costlens.settings.schedule import Settings

#: Other jobs than pulls are short; one that waits for another must not keep alerts from being sent.
OTHER_WORKERS = 4


class Schedule:
    """Runs tasks at their times while it is started."""

    def __init__(
        self,
        database: Database,
        workshop: Workshop,
        settings: Settings,
        tasks: Sequence[Task],
        pulls: int,
        after: Callable[[Task, Outcome], None],
    ) -> None:
        self._database, self._workshop, self._settings = database, workshop, settings
        self._tasks = {task.name: task for task in tasks}
        self._pulls = pulls
        self._after = after
        self._scheduler: BackgroundScheduler | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether tasks are being run."""
        return self._scheduler is not None

    def start(self) -> None:
        """Take up the work where the database says that it was left."""
        pools = {"default": ThreadPoolExecutor(OTHER_WORKERS), "pull": ThreadPoolExecutor(self._pulls)}
        scheduler = BackgroundScheduler(timezone=self._settings.timezone, executors=pools)
        at = now()
        names = [task.name for task in self._tasks.values() if task.time.kind != "never"]
        lost = jobs.take_over(self._database, names, at)
        if lost:
            log("took over", abandoned_runs=lost)
        known = {job.name: job for job in jobs.every(self._database)}
        for task in self._tasks.values():
            made = trigger(task.time, self._settings, jitter=task.jitter)
            if made is None:
                continue
            first = first_time(task.time, made, known.get(task.name), at, self._settings)
            scheduler.add_job(
                self._run,
                made,
                args=[task],
                id=task.name,
                name=task.name,
                next_run_time=first,
                executor=task.executor,
                coalesce=True,  # after a pause once, not once for each time missed
                misfire_grace_time=None,  # late is better than not at all
                # The workshop sees to it that one run of a task is made at a time; APScheduler would drop a time that comes
                # in the moment between the end of a run and its own note of it.
                max_instances=2,
            )
            self._plan(task, first)
        self._scheduler = scheduler
        scheduler.start()

    def stop(self) -> None:
        """Start nothing more; what runs goes on."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def request(self, name: str) -> None:
        """Run a task as soon as may be, once more if it runs now."""
        task = self._tasks.get(name)
        if task is None or task.time.kind == "never":
            return
        task.wanted.set()
        if name not in self._workshop.running():
            self._move(name, now())

    def _run(self, task: Task) -> None:
        outcome = self._workshop.run(task)
        scheduler = self._scheduler
        if outcome is None or scheduler is None:
            return
        self._after(task, outcome)
        next_at = self._next(task)
        if outcome.retry_at and next_at and outcome.retry_at < next_at:
            next_at = outcome.retry_at
            self._move(task.name, next_at)
        if task.wanted.is_set():
            next_at = now()
            self._move(task.name, next_at)
        self._plan(task, next_at)

    def _next(self, task: Task) -> datetime | None:
        found: Scheduled | None = self._scheduler.get_job(task.name) if self._scheduler else None
        return found.next_run_time if found else None

    def _move(self, name: str, at: datetime) -> None:
        if self._scheduler is not None:
            with suppress(JobLookupError):
                self._scheduler.modify_job(name, next_run_time=at)

    def _plan(self, task: Task, at: datetime | None) -> None:
        if task.is_quiet:
            return
        is_known = at is not None and at.year < now().year + 50  # one that waits to be asked has no time
        try:
            jobs.plan(self._database, task.name, at if is_known else None)
        except LedgerError as error:
            log("plan not written", "warning", job=task.name, message=str(error))
