"""The Snowflake account over the whole sample: every statement sent, run on its warehouse and given an id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from costlens_sample.generate import dbt, orchestrators, people
from costlens_sample.generate.clock import MINUTE, SECOND, SINCE, UNTIL, at
from costlens_sample.generate.company import WAREHOUSES
from costlens_sample.generate.pools import Execution, Pool, share
from costlens_sample.generate.statement import Statement

#: Resumed by hand on a Saturday evening and forgotten until Monday: the Sunday between is idle from end to end.
FORGOTTEN = (at(date(2026, 10, 24), 20.25), at(date(2026, 10, 26), 9.1))


@dataclass(frozen=True)
class Account:
    """What ran, in order of submission, and the pools it ran on."""

    executions: tuple[Execution, ...]
    pools: tuple[Pool, ...]
    sessions: dict[str, int]

    def pool(self, name: str) -> Pool:
        return next(pool for pool in self.pools if pool.warehouse.name == name)


def simulate() -> Account:
    """Send everything in order of time and let the warehouses run it."""
    sent = [*dbt.statements(), *orchestrators.statements(), *people.statements()]
    sent = sorted((s for s in sent if s.at >= SINCE and _ends_before(s, UNTIL)), key=lambda s: (s.at, s.text))
    pools = {warehouse.name: Pool(warehouse) for warehouse in WAREHOUSES}
    executions = []
    for statement in sent:
        if statement.is_computed and statement.warehouse:
            pool = pools[statement.warehouse]
            before = len(pool.executions)
            pool.run(statement)
            executions += pool.executions[before:]
        else:
            executions.append(_without_compute(statement))
    pools["LEGACY_WH"].keep_up(*FORGOTTEN)
    for pool in pools.values():
        pool.finish()
        share(pool)
    executions.sort(key=lambda e: (e.submitted, e.parent is not None, e.statement.text))
    sessions: dict[str, int] = {}
    for number, execution in enumerate(executions):
        execution.query_id = f"01c{execution.submitted // MINUTE:08x}-0604-2a71-0000-42071{number:07x}"
        sessions.setdefault(execution.statement.session, 420_710_000 + 7 * len(sessions))
    return Account(tuple(executions), tuple(pools.values()), sessions)


def _ends_before(statement: Statement, end: int) -> bool:
    """Say whether a statement, and the warehouse after it, is done by then: what is cut off has no metering yet."""
    return statement.at + round(statement.seconds * SECOND) + 15 * MINUTE < end


def _without_compute(statement: Statement) -> Execution:
    """A statement that cloud services answer alone."""
    ready = statement.at + statement.compile_ms
    warehouse = next((w for w in WAREHOUSES if w.name == statement.warehouse), None)
    return Execution(statement, ready, ready + 20, warehouse)
