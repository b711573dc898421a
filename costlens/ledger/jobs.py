"""Jobs of the service in the database: what each did last, when it runs next, and the history of its runs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from costlens.ledger.database import Database, Instant, metadata

State = Literal["waiting", "running", "done", "failed", "abandoned"]

#: The one row of a job: where it stands.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("is_permanent", sa.Boolean, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("ok_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("holder", sa.Text, nullable=False),
)
job_runs = sa.Table(
    "job_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_permanent", sa.Boolean, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Job:
    """Where a job stands; `failures` counts those since it last went well, `is_permanent` says that trying again is no help."""

    name: str
    state: State
    failures: int = 0
    is_permanent: bool = False
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ok_at: datetime | None = None
    next_at: datetime | None = None
    holder: str = ""


@dataclass(frozen=True)
class Run:
    """One run of a job."""

    id: str
    job: str
    started_at: datetime
    ended_at: datetime | None
    holder: str
    state: State
    is_permanent: bool
    message: str


def every(database: Database) -> tuple[Job, ...]:
    """Return all jobs by name."""
    with database.read() as connection:
        return tuple(Job(**row._mapping) for row in connection.execute(sa.select(jobs).order_by(jobs.c.name)))


def find(database: Database, name: str) -> Job | None:
    """Return one job, None where it never ran and is not planned."""
    with database.read() as connection:
        row = connection.execute(sa.select(jobs).where(jobs.c.name == name)).first()
    return Job(**row._mapping) if row else None


def runs(database: Database, job: str | None = None, *, limit: int = 50) -> tuple[Run, ...]:
    """Return the newest runs, newest first."""
    query = sa.select(job_runs).order_by(job_runs.c.started_at.desc(), job_runs.c.id).limit(limit)
    if job is not None:
        query = query.where(job_runs.c.job == job)
    with database.read() as connection:
        return tuple(Run(**row._mapping) for row in connection.execute(query))


def begin(database: Database, job: str, holder: str, at: datetime) -> str:
    """Write that a run has begun; return its id."""
    id_ = uuid.uuid4().hex
    with database.write() as connection:
        connection.execute(
            sa.insert(job_runs).values(
                id=id_, job=job, started_at=at, holder=holder, state="running", is_permanent=False, message=""
            )
        )
        _set(connection, job, state="running", started_at=at, holder=holder)
    return id_


def end(
    database: Database,
    run: str,
    job: str,
    state: State,
    at: datetime,
    *,
    message: str = "",
    is_permanent: bool = False,
    next_at: datetime | None = None,
) -> Job:
    """Write how a run ended and when the job runs next; return where the job then stands."""
    with database.write() as connection:
        connection.execute(
            sa.update(job_runs)
            .where(job_runs.c.id == run)
            .values(ended_at=at, state=state, is_permanent=is_permanent, message=message)
        )
        before = connection.execute(sa.select(jobs.c.failures).where(jobs.c.name == job)).scalar() or 0
        values: dict[str, Any] = {"state": state, "ended_at": at, "message": message, "is_permanent": is_permanent}
        values["failures"] = 0 if state == "done" else before + (state == "failed")
        if state == "done":
            values["ok_at"] = at
        if next_at is not None:
            values["next_at"] = next_at
        _set(connection, job, **values)
        row = connection.execute(sa.select(jobs).where(jobs.c.name == job)).one()
    return Job(**row._mapping)


def plan(database: Database, name: str, next_at: datetime | None) -> None:
    """Write when a job runs next."""
    with database.write() as connection:
        _set(connection, name, next_at=next_at)


def take_over(database: Database, names: Sequence[str], at: datetime) -> int:
    """Write that what a dead service was running is abandoned, forget jobs no longer configured; return how many were."""
    lost = {"state": "abandoned", "message": "the service that ran it has ended"}
    with database.write() as connection:
        done = connection.execute(sa.update(job_runs).where(job_runs.c.state == "running").values(ended_at=at, **lost))
        connection.execute(sa.update(jobs).where(jobs.c.state == "running").values(ended_at=at, next_at=at, **lost))
        connection.execute(sa.delete(jobs).where(jobs.c.name.not_in(names)))
    return done.rowcount


def forget(database: Database, before: datetime) -> int:
    """Delete runs that began before an instant; return how many."""
    with database.write() as connection:
        return connection.execute(
            sa.delete(job_runs).where(job_runs.c.started_at < before, job_runs.c.state != "running")
        ).rowcount


def _set(connection: sa.Connection, name: str, **values: Any) -> None:
    done = connection.execute(sa.update(jobs).where(jobs.c.name == name).values(**values))
    if done.rowcount == 0:
        new = {"state": "waiting", "failures": 0, "is_permanent": False, "message": "", "holder": "", **values}
        connection.execute(sa.insert(jobs).values(name=name, **new))
