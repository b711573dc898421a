"""The outbox: alerts that are to be sent, in the same transactions as what they tell of, and the threads they are sent to.

An alert is sent at least once. It is claimed before it is sent, so that whoever finds it claimed and not recorded knows that it may
already be there, and asks the channel before sending it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from costlens.ledger.database import Database, Instant, metadata

State = Literal["pending", "sent", "failed", "muted"]
Action = Literal["post", "update"]

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("message", sa.Text, nullable=False),
)
#: Where the first alert of a thread stands: replies go there.
alert_threads = sa.Table(
    "alert_threads",
    metadata,
    sa.Column("thread", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("reference", sa.JSON, nullable=False),
)
#: What was told of a subject (an anomaly, a budget, a job) last.
alert_subjects = sa.Table(
    "alert_subjects",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)


@dataclass(frozen=True)
class Alert:
    """One message for one target of a channel; `action` is `update` where it replaces the thread's first message."""

    id: str
    thread: str
    channel: str
    target: str
    action: Action
    body: Mapping[str, Any]
    state: State = "pending"
    attempts: int = 0
    due_at: datetime | None = None
    created_at: datetime | None = None
    message: str = ""
    number: int = 0


@dataclass(frozen=True)
class Subject:
    """A thing that alerts are about: its thread, and the word for what was told last."""

    subject: str
    thread: str
    told: str


@dataclass
class News:
    """What one transaction adds: alerts, and what they tell of their subjects."""

    alerts: list[Alert] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)


def alert_id(thread: str, channel: str, target: str, event: str) -> str:
    """Name an alert by what it says to whom: the same again is no second one."""
    return hashlib.sha256("\x1f".join((thread, channel, target, event)).encode()).hexdigest()[:32]


def add(database: Database, news: News, at: datetime) -> int:
    """Put alerts in the outbox and note what their subjects have been told; return how many were new."""
    new = 0
    with database.write() as connection:
        known = set()
        if news.alerts:
            ids = [alert.id for alert in news.alerts]
            known = set(connection.execute(sa.select(alerts.c.id).where(alerts.c.id.in_(ids))).scalars())
        for alert in news.alerts:
            if alert.id in known:
                continue
            known.add(alert.id)
            new += 1
            connection.execute(
                sa.insert(alerts).values(
                    id=alert.id,
                    thread=alert.thread,
                    channel=alert.channel,
                    target=alert.target,
                    action=alert.action,
                    body=dict(alert.body),
                    state=alert.state,
                    due_at=alert.due_at or at,
                    attempts=0,
                    created_at=at,
                    message=alert.message,
                )
            )
            _hurry(connection, alert, alert.due_at or at)
        for one in news.subjects:
            values = {"thread": one.thread, "told": one.told, "at": at}
            done = connection.execute(
                sa.update(alert_subjects).where(alert_subjects.c.subject == one.subject).values(**values)
            )
            if done.rowcount == 0:
                connection.execute(sa.insert(alert_subjects).values(subject=one.subject, **values))
    return new


def _hurry(connection: sa.Connection, alert: Alert, due: datetime) -> None:
    """Send what stands before an alert in its thread when that is due: what is urgent does not wait for the morning behind it."""
    before = sa.update(alerts).where(alerts.c.thread == alert.thread, alerts.c.channel == alert.channel)
    waiting = before.where(alerts.c.state == "pending", alerts.c.attempts == 0, alerts.c.due_at > due)
    connection.execute(waiting.values(due_at=due))


def subjects(database: Database, prefix: str) -> dict[str, Subject]:
    """Return the subjects whose names begin with a prefix."""
    columns = sa.select(alert_subjects.c.subject, alert_subjects.c.thread, alert_subjects.c.told)
    query = columns.where(alert_subjects.c.subject.startswith(prefix, autoescape=True))
    with database.read() as connection:
        return {row.subject: Subject(**row._mapping) for row in connection.execute(query)}


def due(database: Database, at: datetime) -> tuple[Alert, ...]:
    """Return what may be sent now: of each thread and channel the oldest that waits, if its time has come."""
    first = sa.select(sa.func.min(alerts.c.number)).where(alerts.c.state == "pending")
    first = first.group_by(alerts.c.thread, alerts.c.channel)
    query = sa.select(alerts).where(alerts.c.number.in_(first), alerts.c.due_at <= at).order_by(alerts.c.number)
    with database.read() as connection:
        return tuple(_read(row) for row in connection.execute(query))


def claim(database: Database, alert: Alert, at: datetime, patience: timedelta) -> bool:
    """Count an attempt before it is made and keep others from it for a while; False where another was faster."""
    with database.write() as connection:
        done = connection.execute(
            sa.update(alerts)
            .where(alerts.c.id == alert.id, alerts.c.state == "pending", alerts.c.attempts == alert.attempts)
            .values(attempts=alert.attempts + 1, due_at=at + patience)
        )
    return done.rowcount == 1


def release(database: Database, until: datetime) -> None:
    """Let what a dead service had claimed be tried again from an instant on, when no call of its can be under way any more."""
    with database.write() as connection:
        held = sa.update(alerts).where(alerts.c.state == "pending", alerts.c.attempts > 0, alerts.c.due_at > until)
        connection.execute(held.values(due_at=until))


def sent(database: Database, alert: Alert, reference: Mapping[str, Any] | None, at: datetime) -> None:
    """Record that an alert is there; `reference` is where, for the replies of its thread."""
    with database.write() as connection:
        connection.execute(
            sa.update(alerts).where(alerts.c.id == alert.id).values(state="sent", ended_at=at, message="")
        )
        if reference is None or _reference(connection, alert) is not None:
            return
        connection.execute(
            sa.insert(alert_threads).values(
                thread=alert.thread, channel=alert.channel, target=alert.target, reference=dict(reference)
            )
        )


def postpone(database: Database, alert: Alert, until: datetime, message: str) -> None:
    """Record that an attempt failed and when the next is due."""
    _update(database, alert, due_at=until, message=message)


def fail(database: Database, alert: Alert, at: datetime, message: str) -> None:
    """Record that an alert cannot be sent, whatever one tries."""
    _update(database, alert, state="failed", ended_at=at, message=message)


def reroute(database: Database, alert: Alert, target: str, message: str, at: datetime) -> None:
    """Send what is left of a thread to another target: the one it was meant for does not take it."""
    with database.write() as connection:
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.state == "pending", alerts.c.thread == alert.thread)
            .where(alerts.c.channel == alert.channel, alerts.c.target == alert.target)
            .values(target=target, due_at=at, message=message, attempts=0)
        )


def reference(database: Database, alert: Alert) -> dict[str, Any] | None:
    """Return where the thread of an alert stands, None where nothing of it was sent yet."""
    with database.read() as connection:
        return _reference(connection, alert)


def places(database: Database, channel: str, thread: str) -> tuple[dict[str, Any], ...]:
    """Return where the first messages of a thread stand in a channel."""
    query = sa.select(alert_threads.c.reference).where(alert_threads.c.channel == channel)
    with database.read() as connection:
        rows = connection.execute(query.where(alert_threads.c.thread == thread))
        return tuple(dict(row.reference) for row in rows)


def thread_of(database: Database, channel: str, reference: Mapping[str, Any]) -> str | None:
    """Return the thread that stands at a place, None for a place of nobody's."""
    with database.read() as connection:
        query = sa.select(alert_threads.c.thread, alert_threads.c.reference).where(alert_threads.c.channel == channel)
        for row in connection.execute(query):
            if all(row.reference.get(key) == value for key, value in reference.items()):
                return str(row.thread)
    return None


def counts(database: Database) -> dict[str, int]:
    """Return how many alerts there are by state."""
    with database.read() as connection:
        query = sa.select(alerts.c.state, sa.func.count()).group_by(alerts.c.state)
        return {str(state): int(number) for state, number in connection.execute(query)}


def failures(database: Database, since: datetime) -> Sequence[Alert]:
    """Return what could not be sent since an instant, newest first."""
    query = sa.select(alerts).where(alerts.c.state == "failed", alerts.c.ended_at >= since)
    with database.read() as connection:
        return tuple(_read(row) for row in connection.execute(query.order_by(alerts.c.number.desc())))


def forget(database: Database, before: datetime) -> int:
    """Delete what was sent, muted or failed before an instant; threads and subjects stay."""
    with database.write() as connection:
        old = sa.delete(alerts).where(alerts.c.state != "pending", alerts.c.created_at < before)
        return connection.execute(old).rowcount


def _update(database: Database, alert: Alert, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(sa.update(alerts).where(alerts.c.id == alert.id).values(**values))


def _reference(connection: sa.Connection, alert: Alert) -> dict[str, Any] | None:
    query = sa.select(alert_threads.c.reference).where(
        alert_threads.c.thread == alert.thread,
        alert_threads.c.channel == alert.channel,
        alert_threads.c.target == alert.target,
    )
    found = connection.execute(query).scalar()
    return None if found is None else dict(found)


def _read(row: sa.Row[Any]) -> Alert:
    names = (
        "id",
        "thread",
        "channel",
        "target",
        "action",
        "body",
        "state",
        "attempts",
        "due_at",
        "created_at",
        "message",
    )
    return Alert(number=row.number, **{name: row._mapping[name] for name in names})
