"""`costlens serve`: one process that works while it holds the service's lease, answers over HTTP always, and ends in order."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from starlette.routing import BaseRoute

from costlens.alerts import interactions
from costlens.alerts.pressing import Door, Press
from costlens.alerts.slack import SlackChannel
from costlens.errors import LeaseHeld, LedgerError
from costlens.ledger import Ledger
from costlens.ledger.leases import SERVICE, Lease, holder_name, is_dead
from costlens.service.child import Child
from costlens.service.logs import log
from costlens.service.metrics import Metrics
from costlens.service.schedule import Schedule
from costlens.service.server import Server, routes
from costlens.service.tasks import Context, tasks
from costlens.service.telling import Teller
from costlens.service.work import Outcome, Task, Workshop, back_off
from costlens.settings.alerts import Settings as AlertSettings
from costlens.settings.dashboard import Settings as DashboardSettings
from costlens.settings.schedule import Settings as ScheduleSettings
from costlens.settings.service import Settings

if TYPE_CHECKING:
    from costlens.config import Config

#: The main loop is alive while it came round within so many seconds.
BEAT_SECONDS = 60
#: How often the main loop comes round, and how often a replica that waits asks for the lease.
TURN_SECONDS, ASK_SECONDS = 1.0, 5.0


@dataclass(frozen=True)
class Options:
    """What the command line says beside the configuration."""

    host: str
    port: int
    dashboard: bool


def serve(config: Config, options: Options) -> None:
    """Serve until SIGTERM or SIGINT; never returns before what was running has ended or was abandoned."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    with _scratch():
        ledger = _open(config, stop)
        if ledger is None:
            return
        with ledger:
            still_running = Service(config, ledger, options, stop).run()
    if still_running:  # threads that cannot be interrupted; what they did not commit never happened
        os._exit(0)


class Service:
    """One replica."""

    def __init__(self, config: Config, ledger: Ledger, options: Options, stop: threading.Event) -> None:
        self._ledger, self._stop = ledger, stop
        self._settings = config.section(Settings)
        self._beat = time.monotonic()
        self._leading = threading.Event()
        self._workshop = Workshop(ledger.database, timedelta(seconds=self._settings.retry_seconds))
        self._teller = Teller(config, ledger, self._request)
        context = Context(config, ledger, lambda: not self._leading.is_set(), self._request, self._teller)
        self._schedule = Schedule(
            ledger.database, self._workshop, config.section(ScheduleSettings), tasks(context),
            self._settings.workers, self._after,
        )  # fmt: skip
        self._metrics = Metrics(ledger, self._leading.is_set)
        paths = [*routes(self._health, self._ready, self._metrics), *self._more_routes(config)]
        self._server = Server(options.host, options.port, paths)
        self._child = Child.dashboard(config.path) if options.dashboard else None

    def _request(self, name: str) -> None:
        self._schedule.request(name)

    def _more_routes(self, config: Config) -> list[BaseRoute]:
        """Return the routes of orchestrators that send (OpenLineage), and of Slack's buttons where a signing secret is set."""
        found: list[BaseRoute] = [route for orchestrator in config.orchestrators for route in orchestrator.routes()]
        slack = config.section(AlertSettings).slack
        if slack is None or slack.signing_secret is None:
            return found

        def told() -> None:
            self._teller.tell()

        secret = slack.signing_secret.get_secret_value()
        way = self._teller.ways.get(SlackChannel.name)
        login = config.section(DashboardSettings).login

        def note(press: Press, text: str) -> None:
            log("press refused", "warning", who=press.who, user=press.user, thread=press.thread, message=text)

        door = Door(self._ledger.database, login, way if isinstance(way, SlackChannel) else None, note)
        return [*found, *interactions.routes(door, secret, told)]

    def run(self) -> bool:
        """Work until told to stop; return whether something still runs then."""
        log("listening", url=self._server.url, holder=holder_name())
        try:
            while not self._stop.is_set():
                self._turn()
                lease = self._ask()
                if lease is not None:
                    self._lead(lease)
                else:
                    self._stop.wait(ASK_SECONDS)
        finally:
            still_running = bool(self._workshop.running())
            if self._child is not None:
                self._child.close()
            self._server.close()
            log("stopped", abandoned=list(self._workshop.running()) or None)
        return still_running

    def _turn(self) -> None:
        self._beat = time.monotonic()
        if self._child is not None:
            self._child.watch()

    def _ask(self) -> Lease | None:
        """Ask for the lease; None where another replica has it, or the database is away."""
        try:
            return Lease(
                self._ledger.database, holder_name(), seconds=self._settings.lease_seconds, wait=0, name=SERVICE
            )
        except LeaseHeld:
            return None
        except LedgerError as error:
            log("no database", "warning", message=str(error))
            return None

    def _lead(self, lease: Lease) -> None:
        """Run the jobs while the lease is ours; at the end wait for what runs, within the grace."""
        log("leading", token=lease.token)
        with lease:
            try:
                self._leading.set()
                self._teller.take_over()
                self._schedule.start()
                while not self._stop.is_set() and not lease.is_lost:
                    self._turn()
                    self._stop.wait(TURN_SECONDS)
            except LedgerError as error:
                log("no database", "warning", message=str(error))
            finally:
                self._leading.clear()
                self._schedule.stop()
            log("stopping" if self._stop.is_set() else "lease lost", running=list(self._workshop.running()))
            if not self._workshop.wait_until_idle(self._settings.grace_seconds) and self._stop.is_set():
                with suppress(LedgerError):
                    self._workshop.abandon()

    def _after(self, task: Task, outcome: Outcome) -> None:
        self._metrics.seconds.labels(task.name, outcome.state).observe(outcome.seconds)
        if not task.is_quiet:
            try:
                self._teller.tell_jobs()
            except LedgerError as error:
                log("no database", "warning", message=str(error))

    def _health(self) -> dict[str, Any]:
        is_alive = time.monotonic() - self._beat < BEAT_SECONDS
        return {"ok": is_alive, "role": "leading" if self._leading.is_set() else "waiting", "pid": os.getpid()}

    def _ready(self) -> dict[str, Any]:
        try:
            with self._ledger.database.read() as connection:
                connection.execute(sa.select(1))
        except LedgerError:
            return {"ok": False, "database": "does not answer"}
        return {"ok": True, "role": "leading" if self._leading.is_set() else "waiting"}


def _open(config: Config, stop: threading.Event) -> Ledger | None:
    """Open the ledger, waiting for a database that is not up yet; None where told to stop meanwhile."""
    failures = 0
    while not stop.is_set():
        found = _try(config)
        if isinstance(found, Ledger):
            return found
        failures += 1
        wait = min(back_off(failures, timedelta(seconds=1)).total_seconds(), 30)
        log("waiting for the database", "warning", message=str(found), again_in_seconds=round(wait, 1))
        stop.wait(wait)
    return None


def _try(config: Config) -> Ledger | LedgerError:
    try:
        return Ledger.open(config.root.lake, config.root.database, storage_options=config.root.lake_options or None)
    except LedgerError as error:
        if error.permanent:
            raise
        return error


class _scratch:  # noqa: N801 (reads as the context that it is)
    """Temporary files of this process go into a folder of its own; folders of killed ones are thrown away."""

    def __enter__(self) -> None:
        root = Path(tempfile.gettempdir())
        for old in root.glob("costlens-serve-*"):
            if is_dead(old.name.removeprefix("costlens-serve-")):
                shutil.rmtree(old, ignore_errors=True)
        self._folder = root / f"costlens-serve-{holder_name()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._before, tempfile.tempdir = tempfile.tempdir, str(self._folder)

    def __exit__(self, *_: object) -> None:
        tempfile.tempdir = self._before
        shutil.rmtree(self._folder, ignore_errors=True)
