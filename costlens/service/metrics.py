"""What Prometheus is told: read from the database at each scrape, so that every replica says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from costlens.errors import LedgerEmpty, LedgerError
from costlens.ledger import jobs, outbox
from costlens.service.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlens.ledger import Ledger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The registry of one process."""

    def __init__(self, ledger: Ledger, is_leading: Callable[[], bool]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.seconds = Histogram(
            "costlens_job_seconds", "How long runs of a job took in this process.", ["job", "state"],
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.registry.register(_FromLedger(ledger, is_leading))

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _FromLedger(Collector):
    def __init__(self, ledger: Ledger, is_leading: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._is_leading = is_leading

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield _gauge("costlens_leading", "1 where this replica runs the jobs.", float(self._is_leading()))
        try:
            found = [*self._jobs(), *self._alerts(), *self._snapshot()]
        except LedgerError as error:
            log("scrape without database", "warning", message=str(error))
            yield _gauge("costlens_database_up", "1 where the database answers.", 0.0)
            return
        yield _gauge("costlens_database_up", "1 where the database answers.", 1.0)
        yield from found

    def _jobs(self) -> Iterator[Metric]:
        known = jobs.every(self._ledger.database)
        failures = GaugeMetricFamily(
            "costlens_job_failures", "Failed runs since the last that went well.", labels=["job"]
        )
        permanent = GaugeMetricFamily(
            "costlens_job_failed_permanently", "1 where trying again is no help.", labels=["job"]
        )
        running = GaugeMetricFamily("costlens_job_running", "1 while it runs.", labels=["job"])
        ok_at = GaugeMetricFamily("costlens_job_ok_timestamp_seconds", "When it last went well.", labels=["job"])
        next_at = GaugeMetricFamily("costlens_job_next_timestamp_seconds", "When it runs next.", labels=["job"])
        for job in known:
            failures.add_metric([job.name], job.failures)
            permanent.add_metric([job.name], float(job.is_permanent))
            running.add_metric([job.name], float(job.state == "running"))
            _add_time(ok_at, job.name, job.ok_at)
            _add_time(next_at, job.name, job.next_at)
        yield from (failures, permanent, running, ok_at, next_at)

    def _alerts(self) -> Iterator[Metric]:
        alerts = GaugeMetricFamily("costlens_alerts", "Alerts in the outbox by state.", labels=["state"])
        found = {"pending": 0, "sent": 0, "failed": 0, "muted": 0} | outbox.counts(self._ledger.database)
        for state, number in found.items():
            alerts.add_metric([state], number)
        yield alerts

    def _snapshot(self) -> Iterator[Metric]:
        read = GaugeMetricFamily(
            "costlens_read_until_timestamp_seconds", "Up to when a source's view was read.", labels=["source", "view"]
        )
        for (source, feed), at in self._ledger.cursors().items():
            if ":" not in feed:
                read.add_metric([source, feed], at.timestamp())
        yield read
        try:
            snapshot = self._ledger.snapshot()
        except LedgerEmpty:
            return
        yield _gauge("costlens_snapshot", "Number of the newest snapshot.", snapshot.id)
        yield _gauge(
            "costlens_snapshot_timestamp_seconds", "When it was made.", snapshot.at.astimezone(timezone.utc).timestamp()
        )
        problems = sum(problem.count for problem in self._ledger.problems(snapshot))
        yield _gauge("costlens_problems", "Rows, files and views that could not be used.", problems)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(name, text)
    metric.add_metric([], value)
    return metric


def _add_time(metric: GaugeMetricFamily, job: str, at: datetime | None) -> None:
    if at is not None:
        metric.add_metric([job], at.timestamp())
