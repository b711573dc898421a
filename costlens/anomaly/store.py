"""Keeps anomalies in the ledger's database: what was found, when it changed, and what people did with it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from costlens.anomaly.so_far import so_far
from costlens.errors import UsageError
from costlens.ledger.anomalies import anomalies as _anomalies
from costlens.ledger.anomalies import anomaly_events as _events
from costlens.ledger.database import Database

KINDS = ("asset", "team", "pool", "user", "shape", "source", "unattributed")
FORMS = ("spike", "drop", "shift", "leak", "burst", "new")
STATUSES = ("open", "acknowledged", "snoozed", "resolved")
ACTIONS = ("acknowledge", "snooze", "comment", "reopen")
DETECTOR = "costlens"


@dataclass(frozen=True)
class Found:
    """What the detector says of one series: an event of days on which its cost left the expected band.

    Amounts are sums over the days of the event; `money` = actual - expected, `per_month` what it comes to if it stays.
    """

    kind: str
    key: str
    source: str
    currency: str
    form: str
    first_day: date
    last_day: date
    actual: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    money: Decimal
    per_month: Decimal
    team: str | None = None
    explanation: dict[str, Any] | None = None
    is_over: bool = False
    """Whether a later judged day was within the band again."""

    @property
    def series(self) -> tuple[str, str, str, str]:
        return self.kind, self.key, self.source, self.currency


@dataclass(frozen=True)
class Anomaly:
    """One anomaly as it stands; `revision` counts how often what was found has changed, `changed_at` says when last."""

    id: str
    kind: str
    key: str
    source: str
    currency: str
    form: str
    first_day: date
    last_day: date
    actual: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    money: Decimal
    per_month: Decimal
    team: str | None
    status: str
    snoozed_until: datetime | None
    snapshot: int
    detected_at: datetime
    changed_at: datetime
    revision: int
    explanation: dict[str, Any] | None

    @property
    def series(self) -> tuple[str, str, str, str]:
        return self.kind, self.key, self.source, self.currency


@dataclass(frozen=True)
class Event:
    """One thing that happened to an anomaly; `who` is `costlens` where the detector did it.

    Actions: found, changed, over, stayed (it is what is usual by now), withdrawn (late data), evened (told of a day that was not over,
    which as a whole stayed within its band), woken (a snooze ended), acknowledge,
    snooze, comment, reopen.
    """

    anomaly: str
    number: int
    at: datetime
    who: str
    action: str
    text: str | None
    until: datetime | None


@dataclass(frozen=True)
class Judged:
    """What the detector has looked at: days of [since, until), these kinds, these sources (None = all)."""

    since: date
    until: date
    kinds: Collection[str] = KINDS
    sources: Collection[str] | None = None
    stands_from: date | None = None
    """What was told by the hour of this day, or of a later one, stands: not all of it is known yet."""

    def covers(self, anomaly: Anomaly) -> bool:
        if self.stands_from and anomaly.last_day >= self.stands_from and so_far(anomaly.explanation):
            return False
        return self._sees(anomaly) and self.since <= anomaly.last_day < self.until

    def is_past(self, anomaly: Anomaly) -> bool:
        """Tell whether the last alarmed day lies before the days judged: what did not come back by then is usual by now."""
        return self._sees(anomaly) and anomaly.last_day < self.since

    def _sees(self, anomaly: Anomaly) -> bool:
        return (self.sources is None or anomaly.source in self.sources) and anomaly.kind in self.kinds


@dataclass(frozen=True)
class Changes:
    """What a record came to; an anomaly stands in one of the three only."""

    new: tuple[Anomaly, ...] = ()
    changed: tuple[Anomaly, ...] = ()
    resolved: tuple[Anomaly, ...] = ()


def anomalies(
    database: Database,
    *,
    statuses: Collection[str] | None = None,
    since: date | None = None,
    until: date | None = None,
    team: str | None = None,
    asset: str | None = None,
    id: str | None = None,  # noqa: A002 (the column's name)
) -> tuple[Anomaly, ...]:
    """Return anomalies with a day in [since, until), newest first and then by money at stake."""
    query = sa.select(_anomalies)
    columns = _anomalies.c
    if statuses is not None:
        query = query.where(columns.status.in_(statuses))
    if since is not None:
        query = query.where(columns.last_day >= since)
    if until is not None:
        query = query.where(columns.first_day < until)
    if team is not None:
        query = query.where(columns.team == team)
    if asset is not None:
        query = query.where(columns.kind == "asset", columns.key == asset)
    if id is not None:
        query = query.where(columns.id == id)
    with database.read() as connection:
        found = [_read(row) for row in connection.execute(query)]
    return tuple(sorted(found, key=_newest_first))


def _newest_first(one: Anomaly) -> tuple[int, Decimal, str, str, str]:
    return -one.last_day.toordinal(), -abs(one.money), one.kind, one.key, one.id


def history(database: Database, id: str) -> tuple[Event, ...]:  # noqa: A002
    """Return what happened to an anomaly, oldest first."""
    query = sa.select(_events).where(_events.c.anomaly == id).order_by(_events.c.number)
    with database.read() as connection:
        return tuple(Event(**row._mapping) for row in connection.execute(query))


def record(database: Database, found: Sequence[Found], *, judged: Judged, snapshot: int, at: datetime) -> Changes:
    """Bring the stored anomalies in line with what was found, in one transaction; the same again changes nothing.

    What touches the days of a stored anomaly of its series, in the same direction, is that anomaly. Stored ones that
    `judged` covers and that were not found again have been withdrawn by late data; those whose days lie before the days
    judged have stayed, and are what is expected by now. They and those that are over become resolved.
    """
    new: list[Anomaly] = []
    changed: list[Anomaly] = []
    resolved: list[Anomaly] = []
    with database.write() as connection:
        stored = _of_series(connection, found, judged)
        matched: set[str] = set()
        for one in sorted(found, key=lambda f: (f.first_day, f.series)):
            old = _match(one, stored, matched)
            if old is None:
                made = _insert(connection, one, snapshot, at)
                matched.add(made.id)
                new.append(made)
                continue
            matched.add(old.id)
            now, action = _renewed(old, one, snapshot, at)
            if action:
                _save(connection, now, action, at)
                (resolved if action == "over" else changed).append(now)
        for old in stored:
            if old.id in matched:
                continue
            if old.status != "resolved" and (judged.covers(old) or judged.is_past(old)):
                gone = replace(old, status="resolved", snoozed_until=None, changed_at=at, snapshot=snapshot)
                _save(connection, gone, _end(old, judged), at)
                resolved.append(gone)
    return Changes(tuple(new), tuple(changed), tuple(resolved))


def _end(old: Anomaly, judged: Judged) -> str:
    """Name how an anomaly that is not found any more ended."""
    if judged.is_past(old):
        return "stayed"
    return "evened" if so_far(old.explanation) else "withdrawn"


def preview(database: Database, found: Sequence[Found], *, snapshot: int, at: datetime) -> tuple[Anomaly, ...]:
    """Return what was found as `record` would leave it, with the ids and statuses of what is stored; writes nothing."""
    if not found:
        return ()
    days = [one.first_day for one in found]
    with database.read() as connection:
        stored = _of_series(connection, found, Judged(min(days), max(days)))
    matched: set[str] = set()
    seen = []
    for one in sorted(found, key=lambda f: (f.first_day, f.series)):
        old = _match(one, stored, matched)
        now = _made(one, snapshot, at) if old is None else _renewed(old, one, snapshot, at)[0]
        matched.add(now.id)
        seen.append(now)
    return tuple(sorted(seen, key=_newest_first))


def act(
    database: Database,
    id: str,  # noqa: A002
    action: str,
    *,
    who: str,
    at: datetime,
    text: str | None = None,
    until: datetime | None = None,
) -> Anomaly:
    """Do what a person decided and return the anomaly as it then stands; UsageError for what cannot be."""
    if action not in ACTIONS:
        raise UsageError(f"anomaly {id}: no action {action!r}: there are {', '.join(ACTIONS)}")
    if action == "snooze" and (until is None or until <= at):
        raise UsageError(f"anomaly {id}: a snooze needs a time in the future until which it lasts")
    if action == "comment" and not (text and text.strip()):
        raise UsageError(f"anomaly {id}: a comment needs a text")
    with database.write() as connection:
        row = connection.execute(sa.select(_anomalies).where(_anomalies.c.id == id)).first()
        if row is None:
            raise UsageError(f"no anomaly {id!r}: `costlens anomalies` lists them")
        now = _read(row)
        status = {"acknowledge": "acknowledged", "snooze": "snoozed", "reopen": "open"}.get(action, now.status)
        kept = now.snoozed_until if action == "comment" else until if action == "snooze" else None
        now = replace(now, status=status, snoozed_until=kept, changed_at=at)
        _save(connection, now, action, at, who=who, text=text, until=until)
    return now


def _of_series(connection: sa.Connection, found: Iterable[Found], judged: Judged) -> list[Anomaly]:
    """Return the stored anomalies that may be meant: those near the days judged or found, and the unresolved."""
    first = min([judged.since, *(one.first_day for one in found)]) - timedelta(days=2)
    query = sa.select(_anomalies).where((_anomalies.c.last_day >= first) | (_anomalies.c.status != "resolved"))
    return [_read(row) for row in connection.execute(query.order_by(_anomalies.c.first_day, _anomalies.c.id))]


def _match(one: Found, stored: Sequence[Anomaly], matched: Collection[str]) -> Anomaly | None:
    day = timedelta(days=1)
    for old in stored:
        if old.id in matched or old.series != one.series or (old.money < 0) != (one.money < 0):
            continue
        if one.first_day <= old.last_day + day and old.first_day <= one.last_day + day:
            return old
    return None


_COMPARED = ("form", "first_day", "last_day", "actual", "expected", "low", "high", "money", "per_month", "team")


def _renewed(old: Anomaly, one: Found, snapshot: int, at: datetime) -> tuple[Anomaly, str | None]:
    """Return a stored anomaly with what is found of it now, and what that is called; no name = nothing changed."""
    is_changed = any(getattr(old, name) != getattr(one, name) for name in _COMPARED)
    told = {name: getattr(one, name) for name in _COMPARED}
    explanation = one.explanation if one.explanation is not None else old.explanation
    now = replace(old, **told, explanation=explanation, snapshot=snapshot, revision=old.revision + is_changed)
    if one.is_over and old.status != "resolved":
        return replace(now, status="resolved", snoozed_until=None, changed_at=at), "over"
    if not one.is_over and old.status == "resolved":
        return replace(now, status="open", changed_at=at), "found"
    if old.status == "snoozed" and old.snoozed_until and old.snoozed_until <= at:
        return replace(now, status="open", snoozed_until=None, changed_at=at), "woken"
    return (replace(now, changed_at=at), "changed") if is_changed else (old, None)


def _made(one: Found, snapshot: int, at: datetime) -> Anomaly:
    values = asdict(one)
    return Anomaly(
        id=_id(one),
        status="resolved" if values.pop("is_over") else "open",
        **values,
        snoozed_until=None,
        snapshot=snapshot,
        detected_at=at,
        changed_at=at,
        revision=0,
    )


def _insert(connection: sa.Connection, one: Found, snapshot: int, at: datetime) -> Anomaly:
    made = _made(one, snapshot, at)
    connection.execute(sa.insert(_anomalies).values(_values(made)))
    _log(connection, made.id, at, "found", text=one.form)
    if one.is_over:
        _log(connection, made.id, at, "over", text=one.form)
    return made


def _save(
    connection: sa.Connection,
    now: Anomaly,
    action: str,
    at: datetime,
    *,
    who: str = DETECTOR,
    text: str | None = None,
    until: datetime | None = None,
) -> None:
    connection.execute(sa.update(_anomalies).where(_anomalies.c.id == now.id).values(_values(now)))
    _log(connection, now.id, at, action, who=who, text=text, until=until)


def _log(
    connection: sa.Connection,
    id: str,  # noqa: A002
    at: datetime,
    action: str,
    *,
    who: str = DETECTOR,
    text: str | None = None,
    until: datetime | None = None,
) -> None:
    last = sa.select(sa.func.max(_events.c.number)).where(_events.c.anomaly == id)
    number = (connection.execute(last).scalar() or 0) + 1
    values = {"anomaly": id, "number": number, "at": at, "who": who, "action": action, "text": text, "until": until}
    connection.execute(sa.insert(_events).values(values))


def _id(one: Found) -> str:
    """Return an id that follows from what was found: two replicas that find the same make one row."""
    told = "\x1f".join((*one.series, one.first_day.isoformat(), "down" if one.money < 0 else "up"))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _values(anomaly: Anomaly) -> dict[str, Any]:
    """Return the columns; an anomaly without explanation is SQL's null, not JSON's."""
    values = {field.name: getattr(anomaly, field.name) for field in fields(anomaly)}
    return {**values, "explanation": sa.null() if anomaly.explanation is None else anomaly.explanation}


def _read(row: sa.Row[Any]) -> Anomaly:
    return Anomaly(**row._mapping)
