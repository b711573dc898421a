"""The jobs of the service, made from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from costlens.errors import ConfigError, SourceError
from costlens.ledger import jobs, outbox
from costlens.orchestration import pull
from costlens.service.logs import log
from costlens.service.telling import Teller
from costlens.service.work import Task, now
from costlens.settings.schedule import Settings as ScheduleSettings
from costlens.settings.schedule import when
from costlens.sync import Request, sync

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.connector import Connector
    from costlens.ledger import Ledger
    from costlens.orchestrator import Orchestrator

#: How often the outbox is looked at, beside when something is put in.
DELIVER = "every 10s"
#: How long runs of jobs and sent alerts are kept.
KEEP = timedelta(days=30)


@dataclass(frozen=True)
class Context:
    """What jobs work with."""

    config: Config
    ledger: Ledger
    stopping: Callable[[], bool]
    request: Callable[[str], None]
    """Asks for a job to be run soon."""
    teller: Teller


def tasks(context: Context) -> Sequence[Task]:
    """Return the jobs; raises ConfigError where the schedule names a source that is none."""
    settings = context.config.section(ScheduleSettings)
    orchestrators = {orchestrator.name for orchestrator in context.config.orchestrators}
    for name in settings.sources.keys() - orchestrators:
        context.config.source(name)
    if not context.config.sources:
        raise ConfigError(f"{context.config.path}: no sources: `costlens init` shows how they are written")
    made = []
    for orchestrator in (one for one in context.config.orchestrators if one.pulls):
        time = when(settings.sources.get(orchestrator.name, settings.sync))
        function = partial(_pull, context, orchestrator)
        made.append(Task(f"pull:{orchestrator.name}", time, function, jitter=True, executor="pull"))
    for connector in context.config.sources:
        name = connector.settings.name
        time = when(settings.sources.get(name, settings.sync))
        if time.kind == "after sync":
            raise ConfigError(f"{context.config.path}: schedule: a pull cannot wait for itself: write every 1h")
        made.append(Task(f"sync:{name}", time, partial(_sync, context, connector), jitter=True, executor="pull"))
    teller = context.teller
    for connector in context.config.sources:
        if connector.running is not None and teller.ways and shows_running(connector):
            look = partial(teller.runaways, connector)
            made.append(
                Task(f"runaways:{connector.settings.name}", when(settings.runaways), look, jitter=True, is_quiet=True)
            )
    made.append(Task("detect", when(settings.detect), teller.detect))
    made.append(Task("maintain", when(settings.maintain), partial(_maintain, context)))
    if teller.ways:
        made.append(Task("digest", when(settings.digest), teller.digest))
        made.append(Task("close notice", when(settings.close_notice), teller.close_notice))
        made.append(Task("deliver", when(DELIVER), teller.deliver, is_quiet=True))
    return made


def shows_running(connector: Connector) -> bool:
    """Tell whether a source can show what runs now: a live one, or an export that holds the view."""
    export, view = connector.settings.export, connector.running
    return export is None or (view is not None and any(export.rglob(f"{view.name}*")))


def _pull(context: Context, orchestrator: Orchestrator) -> str:
    """Pull an orchestrator: which queries it issued, and for what."""
    return pull(context.config, context.ledger, orchestrator, until=now()).line()


def _sync(context: Context, connector: Connector) -> str:
    """Pull a source; what follows a sync is asked for after each commit, so that the newest days are looked at first."""

    def echo(line: str) -> None:
        log("read", source=connector.settings.name, message=line)
        context.request("detect")

    at = now()
    request = Request(now=at, as_of=at)
    summary = sync(context.config, context.ledger, connector, request, echo=echo, stop=context.stopping)
    if summary.snapshot is not None:
        context.request("detect")
    if summary.failures:
        raise SourceError("\n".join(summary.failures.values()), permanent=False)
    return summary.line()


def _maintain(context: Context) -> str:
    done = context.ledger.maintain()
    old = now() - KEEP
    runs, alerts = jobs.forget(context.ledger.database, old), outbox.forget(context.ledger.database, old)
    return f"{done.snapshots_dropped} old snapshots, {done.files_deleted} files, {runs} old runs and {alerts} alerts thrown away"
