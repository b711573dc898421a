"""Snowflake warehouses as machines: they resume, scale out, resize, suspend, and are billed by the second."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from costlens_sample.generate.clock import HOUR, SECOND, UNTIL, hours
from costlens_sample.generate.company import CREDITS, Warehouse
from costlens_sample.generate.statement import Statement

CONCURRENCY = 8
MINIMUM = 60 * SECOND
SPINDOWN = 120 * SECOND
#: From the start of a procedure to its first child.
_CALL_MS = 200

#: Credits per second of work on an adaptive warehouse, whose queries are billed one by one.
ADAPTIVE_RATE = 6 / 3_600


@dataclass
class Execution:
    """A statement as the warehouse ran it, instants in ms; `parent` and `root` are places in the list of executions."""

    statement: Statement
    started: int
    ended: int
    warehouse: Warehouse | None = None
    size: str | None = None
    cluster: int | None = None
    queued_provisioning: int = 0
    queued_overload: int = 0
    parent: Execution | None = None
    query_id: str = ""
    credits: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    """Compute credits per hour: its share of the time in which its cluster was busy."""

    @property
    def submitted(self) -> int:
        return self.statement.at

    @property
    def milliseconds(self) -> int:
        return self.ended - self.started


@dataclass(frozen=True)
class Event:
    """A change of a warehouse's state."""

    at: int
    name: str
    reason: str
    cluster: int | None = None
    size: str | None = None
    clusters: int | None = None


@dataclass
class Cluster:
    """A running cluster: its number, when it started, and the ends of what it runs, sorted."""

    number: int
    started: int
    ends: list[int] = field(default_factory=list)

    def running(self, now: int) -> int:
        return sum(end > now for end in self.ends)

    @property
    def busy_until(self) -> int:
        return self.ends[-1] if self.ends else self.started


def _full_second(instant: int) -> int:
    return -(-instant // SECOND) * SECOND


class Pool:
    """One warehouse over the whole sample; statements must come in order of their instant."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.clusters: list[Cluster] = []
        self.executions: list[Execution] = []
        self.uptimes: list[tuple[int, int, int]] = []  # cluster, from, to
        self.events: list[Event] = []
        for when, size in warehouse.resizes:
            self.events.append(Event(when, "RESIZE_WAREHOUSE", "WAREHOUSE_RESIZE"))
            self.events.append(Event(when + SECOND, "WAREHOUSE_CONSISTENT", "", size=size, clusters=1))

    def size(self, instant: int) -> str:
        """Return the size at an instant."""
        size = self.warehouse.size
        for when, changed in self.warehouse.resizes:
            if when <= instant:
                size = changed
        return size

    def run(self, statement: Statement) -> Execution:
        """Queue, start and finish a statement with its children; resume or scale out where needed."""
        ready = statement.at + statement.compile_ms
        if self.warehouse.kind == "ADAPTIVE":
            return self._execute(statement, ready, None, 0, 0)
        self._retire(ready)
        if not self.clusters:
            started = ready + 600 + statement.at % 400
            self._start(1, ready // SECOND * SECOND)
            return self._execute(statement, started, self.clusters[0], started - ready, 0)
        cluster = min(self.clusters, key=lambda c: (c.running(ready) >= CONCURRENCY, c.number))
        if cluster.running(ready) < CONCURRENCY:
            return self._execute(statement, ready, cluster, 0, 0)
        if len(self.clusters) < self.warehouse.clusters:
            used = {c.number for c in self.clusters}
            self._start(min(set(range(1, 11)) - used), ready // SECOND * SECOND)
            return self._execute(statement, ready + 1_500, self.clusters[-1], 0, 1_500)
        cluster = min(self.clusters, key=lambda c: sorted(c.ends)[-CONCURRENCY])
        started = sorted(cluster.ends)[-CONCURRENCY]
        return self._execute(statement, started, cluster, 0, started - ready)

    def keep_up(self, start: int, end: int) -> None:
        """Resume by hand and suspend by hand, whatever runs or not."""
        self._start(1, start, "WAREHOUSE_RESUME")
        self._stop(self.clusters[0], end, "WAREHOUSE_SUSPEND")

    def finish(self) -> None:
        """Let everything run out at the end of the sample."""
        self._retire(UNTIL + 100 * HOUR)
        self.events.sort(key=lambda event: event.at)

    def _execute(
        self, statement: Statement, started: int, cluster: Cluster | None, provisioning: int, overload: int
    ) -> Execution:
        slower = 1.0
        if cluster and (now := self.size(started)) != self.warehouse.size:
            slower = CREDITS[self.warehouse.size] / CREDITS[now]
        ended = started + max(1, round(statement.seconds * slower * SECOND))
        execution = Execution(
            statement,
            started,
            ended,
            self.warehouse,
            self.size(started),
            cluster.number if cluster else None,
            provisioning,
            overload,
        )
        self.executions.append(execution)
        clock = started + _CALL_MS if statement.children else ended
        for child in statement.children:
            begun = clock + child.compile_ms
            done = begun + max(1, round(child.seconds * slower * SECOND))
            moved = Statement(**{**child.__dict__, "at": clock})
            self.executions.append(
                Execution(moved, begun, done, self.warehouse, self.size(begun), execution.cluster, parent=execution)
            )
            clock = done + 50
        execution.ended = max(ended, clock)
        if cluster:
            insort(cluster.ends, execution.ended)
        return execution

    def _start(self, number: int, instant: int, reason: str = "WAREHOUSE_AUTORESUME") -> None:
        self.clusters.append(Cluster(number, instant))
        is_first = len(self.clusters) == 1
        name = "RESUME_WAREHOUSE" if is_first else "SPINUP_CLUSTER"
        self.events.append(Event(instant, name, reason if is_first else "MULTICLUSTER_SPINUP", number))
        self._consistent(instant + SECOND)

    def _stop(self, cluster: Cluster, instant: int, reason: str) -> None:
        self.clusters.remove(cluster)
        self.uptimes.append((cluster.number, cluster.started, instant))
        is_last = not self.clusters
        name = "SUSPEND_WAREHOUSE" if is_last else "SPINDOWN_CLUSTER"
        self.events.append(Event(instant, name, reason if is_last else "MULTICLUSTER_SPINDOWN", cluster.number))
        if not is_last:
            self._consistent(instant + SECOND)

    def _consistent(self, instant: int) -> None:
        count = len(self.clusters)
        self.events.append(Event(instant, "WAREHOUSE_CONSISTENT", "", None, self.size(instant), count))

    def _retire(self, now: int) -> None:
        """Stop what was idle for long enough before `now`; an upper cluster goes first, the last one suspends."""
        while self.clusters:
            idle = [c for c in self.clusters if c.number > 1 or len(self.clusters) == 1]
            if not idle:
                return
            stops = [(self._stop_of(c), c) for c in idle]
            stop, cluster = min(stops, key=lambda pair: pair[0])
            if stop > now:
                return
            self._stop(cluster, stop, "WAREHOUSE_AUTOSUSPEND")

    def _stop_of(self, cluster: Cluster) -> int:
        """Return when a cluster stops if nothing else comes: after its idle time, 60 s after its start at the least."""
        wait = SPINDOWN if len(self.clusters) > 1 else self.warehouse.suspend_seconds * SECOND
        last = max((end for _, _, end in self.uptimes), default=0)
        base = _full_second(cluster.busy_until) + wait
        return max(cluster.started + MINIMUM, base, last if len(self.clusters) == 1 else 0)


def billed(pool: Pool) -> dict[int, float]:
    """Return compute credits per hour: every second of every cluster at the rate of its size then, idle or not."""
    result: dict[int, float] = defaultdict(float)
    if pool.warehouse.kind == "ADAPTIVE":
        for execution in pool.executions:
            for hour, units in execution.credits.items():
                result[hour] += units
        return dict(result)
    for _, start, end in pool.uptimes:
        for hour, since, until, rate in _rated(pool, start, end):
            result[hour] += rate * (until - since) / HOUR
    return dict(result)


def share(pool: Pool) -> None:
    """Give every execution its credits: at each instant a busy cluster's rate is shared in proportion to weight."""
    if pool.warehouse.kind == "ADAPTIVE":
        for execution in pool.executions:
            for hour, since, until in hours(execution.started, execution.ended):
                execution.credits[hour] += ADAPTIVE_RATE * execution.statement.weight * (until - since) / SECOND
        return
    by_cluster: dict[int | None, list[Execution]] = defaultdict(list)
    for execution in pool.executions:
        by_cluster[execution.cluster].append(execution)
    for executions in by_cluster.values():
        _share_cluster(pool, executions)


def _share_cluster(pool: Pool, executions: Iterable[Execution]) -> None:
    changes: list[tuple[int, int, int, Execution]] = []
    for place, execution in enumerate(executions):
        changes += [(execution.started, 1, place, execution), (execution.ended, 0, place, execution)]
    changes.sort(key=lambda change: change[:3])
    running: dict[int, Execution] = {}
    before = 0
    for instant, is_start, place, execution in changes:
        if running and instant > before:
            total = sum(e.statement.weight for e in running.values())
            for hour, since, until, rate in _rated(pool, before, instant):
                for e in running.values():
                    e.credits[hour] += rate * (until - since) / HOUR * e.statement.weight / total
        before = instant
        if is_start:
            running[place] = execution
        else:
            del running[place]


def _rated(pool: Pool, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut [start, end) at hours and resizes: yield (hour, start, end, credits per hour)."""
    cuts = sorted({start, end, *(when for when, _ in pool.warehouse.resizes if start < when < end)})
    for since, until in pairwise(cuts):
        rate = CREDITS[pool.size(since)]
        for hour, left, right in hours(since, until):
            yield hour, left, right, rate
