"""The jobs that look and tell: anomalies and budgets after a sync, digests by the clock, and the delivery of what is to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from costlens.alerts.anomaly_news import anomaly_news
from costlens.alerts.channel import Channel
from costlens.alerts.delivery import Delivery, channels
from costlens.alerts.desk import Desk
from costlens.alerts.digest import close_news, digest_news
from costlens.alerts.runaway_news import runaway_news
from costlens.alerts.series import plot
from costlens.alerts.service_news import budget_news, job_news
from costlens.anomaly import watch
from costlens.budgets import budget_states
from costlens.engine import Engine
from costlens.errors import LedgerEmpty
from costlens.estate import Estate
from costlens.ledger import jobs, outbox
from costlens.ledger.outbox import News
from costlens.runaway import runaways
from costlens.service.work import now
from costlens.settings.alerts import Settings
from costlens.settings.anomalies import Settings as AnomalySettings
from costlens.settings.budgets import Settings as BudgetSettings
from costlens.sync import reader

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.connector import Connector
    from costlens.ledger import Ledger, Snapshot


DAY = timedelta(days=1)
#: A single call to a channel is under way for its timeout and not much longer.
MARGIN = timedelta(seconds=5)


@dataclass
class Teller:
    """Finds news and puts it into the outbox; `request` asks for a job to be run soon."""

    config: Config
    ledger: Ledger
    request: Callable[[str], None]
    clock: Callable[[], datetime] = now

    def __post_init__(self) -> None:
        self._settings = self.config.section(Settings)
        self.ways: dict[str, Channel] = channels(self._settings)
        self._delivery = Delivery(self.ledger.database, self.ways)

    def detect(self) -> str:
        """Look for anomalies in the newest snapshot, and at budgets; tell of what is new."""
        try:
            snapshot = self.ledger.snapshot()
        except LedgerEmpty:
            return ""
        at = self.clock()
        found = self._watch(at)
        told = self.tell()
        settings = self.config.section(BudgetSettings)
        states = self.ledger.read(lambda newest: budget_states(self.ledger, newest, settings, f"{newest.as_of:%Y-%m}"))
        told += self._put(
            lambda desk: budget_news(desk, self.ledger.database, states, self.ledger.estate(snapshot), at)
        )
        return f"{found}; {told} alerts" if found else f"{told} alerts"

    def tell(self) -> int:
        """Tell what became of anomalies, and of jobs; return how many alerts that makes."""
        at = self.clock()
        try:
            snapshot = self.ledger.snapshot()
        except LedgerEmpty:
            return self.tell_jobs()
        draw = partial(plot, self.ledger, snapshot)
        told = self._put(lambda desk: anomaly_news(desk, self.ledger.database, at, draw))
        return told + self.tell_jobs()

    def tell_jobs(self) -> int:
        """Tell of jobs that fail, or work again."""
        known = jobs.every(self.ledger.database)
        return self._put(lambda desk: job_news(desk, self.ledger.database, known, self.clock()))

    def digest(self) -> str:
        """Put the digests of the week into the outbox."""
        return self._of_snapshot(digest_news)

    def close_notice(self) -> str:
        """Put the notice of the month before into the outbox."""
        return self._of_snapshot(close_news)

    def runaways(self, connector: Connector) -> str:
        """Look at what runs in a source now and tell of what costs too much."""
        at, view = self.clock(), connector.running
        if view is None or not self.ways:
            return ""
        with Engine() as engine:
            with reader(connector, engine) as (read, _):
                chunks = [engine.rows(connector.normalise_running(rows)) for rows in read(view, at - DAY, at + DAY)]
            rows = [row for chunk in chunks for row in chunk]
            snapshot = self.ledger.snapshot()
            found = runaways(connector, rows, self.ledger, snapshot, engine, self._settings, at)
        source, database = connector.settings.name, self.ledger.database
        told = self._put(
            lambda desk: runaway_news(desk, database, source, found, {row["query_id"] for row in rows}, at)
        )
        return f"{len(found)} of {len(rows)} running queries cost too much; {told} alerts" if found or told else ""

    def take_over(self) -> None:
        """Take up the alerts that another service was sending when it died."""
        call = timedelta(seconds=self._settings.timeout_seconds) + MARGIN
        outbox.release(self.ledger.database, self.clock() + call)

    def deliver(self) -> str:
        """Send what is due."""
        sent = self._delivery.deliver(self.clock())
        return f"{sent} sent" if sent else ""

    def _of_snapshot(self, make: Callable[[Desk, Ledger, Snapshot, datetime], News]) -> str:
        """Tell of the newest snapshot; before the first sync there is nothing to tell."""
        at = self.clock()
        try:
            self.ledger.snapshot()
        except LedgerEmpty:
            return ""
        told = self._put(lambda desk: self.ledger.read(lambda snapshot: make(desk, self.ledger, snapshot, at)))
        return f"{told} alerts"

    def _put(self, make: Callable[[Desk], News]) -> int:
        """Put news into the outbox, together with what has then been told; nothing where there is no channel."""
        if not self.ways:
            return 0
        try:
            estate = self.ledger.estate()
        except LedgerEmpty:
            estate = Estate()
        new = outbox.add(self.ledger.database, make(Desk.of(self._settings, self.ways, estate)), self.clock())
        if new:
            self.request("deliver")
        return new

    def _watch(self, at: datetime) -> str:
        settings = self.config.section(AnomalySettings)
        changes = self.ledger.read(lambda newest: watch(self.ledger, newest, settings, newest.as_of, at))
        told = {"new": changes.new, "changed": changes.changed, "resolved": changes.resolved}
        return ", ".join(f"{len(ones)} {what} anomalies" for what, ones in told.items() if ones)
