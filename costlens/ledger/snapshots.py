"""Snapshots: one row of the database says what the ledger is, with cursors, dirty days, problems and estate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeVar

import sqlalchemy as sa

from costlens.errors import LedgerEmpty, LedgerError, Problem
from costlens.estate import Asset, Estate, Ownership, PrincipalRule, Team
from costlens.ledger.database import Database, cursors, dirty, estates, problems, snapshots

Value = TypeVar("Value")

#: (source, feed): up to when the feed was pulled.
Cursors = Mapping[tuple[str, str], datetime]


@dataclass(frozen=True)
class Snapshot:
    """One state of the ledger: the version of every lake table that belongs to it."""

    id: int
    at: datetime
    run_id: str
    as_of: datetime
    versions: dict[str, int]
    info: dict[str, Any]
    estate: str | None = None


def find(database: Database, number: int | None, as_of: datetime | None) -> Snapshot:
    """Return the snapshot of that number, or the newest (priced not after `as_of`); LedgerEmpty where there is none."""
    query = sa.select(snapshots).order_by(snapshots.c.id.desc()).limit(1)
    if number is not None:
        query = query.where(snapshots.c.id == number)
    if as_of is not None:
        query = query.where(snapshots.c.as_of <= as_of)
    with database.read() as connection:
        row = connection.execute(query).first()
        oldest = None if row else connection.execute(sa.select(sa.func.min(snapshots.c.id))).scalar()
    if row is not None:
        return Snapshot(**row._mapping)
    if oldest is None:
        raise LedgerEmpty("the ledger is empty; run `costlens sync` first")
    wanted = f"number {number}" if number is not None else f"as of {as_of:%Y-%m-%d %H:%M}"
    raise LedgerError(f"database {database.name}: no snapshot {wanted}; the oldest kept is number {oldest}")


def every(database: Database) -> tuple[Snapshot, ...]:
    """Return all snapshots kept, oldest first."""
    with database.read() as connection:
        return tuple(
            Snapshot(**row._mapping) for row in connection.execute(sa.select(snapshots).order_by(snapshots.c.id))
        )


def insert(
    connection: sa.Connection,
    run_id: str,
    as_of: datetime,
    versions: dict[str, int],
    info: dict[str, Any],
    estate: str | None,
) -> Snapshot:
    """Insert the row that makes `versions` the state of the ledger."""
    values: dict[str, Any] = {
        "at": datetime.now(timezone.utc),
        "run_id": run_id,
        "as_of": as_of,
        "versions": versions,
        "info": info,
        "estate": estate,
    }
    row = connection.execute(sa.insert(snapshots).values(values).returning(snapshots.c.id)).one()
    return Snapshot(id=row.id, **values)


def drop(connection: sa.Connection, ids: Collection[int]) -> None:
    """Delete snapshots with their problems, and the estates that no other snapshot names."""
    connection.execute(sa.delete(snapshots).where(snapshots.c.id.in_(ids)))
    connection.execute(sa.delete(problems).where(problems.c.snapshot.in_(ids)))
    named = sa.select(snapshots.c.estate).where(snapshots.c.estate.is_not(None))
    connection.execute(sa.delete(estates).where(estates.c.digest.not_in(named)))


def save_cursors(connection: sa.Connection, moved: Cursors) -> None:
    """Set the cursors given; others stay."""
    for (source, feed), at in moved.items():
        connection.execute(sa.delete(cursors).where(cursors.c.source == source, cursors.c.feed == feed))
        connection.execute(sa.insert(cursors).values(source=source, feed=feed, at=at))


def load_cursors(database: Database) -> dict[tuple[str, str], datetime]:
    with database.read() as connection:
        return {(row.source, row.feed): row.at for row in connection.execute(sa.select(cursors))}


def save_dirty(connection: sa.Connection, days: Collection[tuple[str, int]]) -> None:
    """Make the list of dirty (source, day) exactly this."""
    connection.execute(sa.delete(dirty))
    if days:
        connection.execute(sa.insert(dirty), [{"source": source, "day": day} for source, day in sorted(set(days))])


def load_dirty(database: Database) -> frozenset[tuple[str, int]]:
    with database.read() as connection:
        return frozenset((row.source, row.day) for row in connection.execute(sa.select(dirty)))


def save_problems(connection: sa.Connection, snapshot: int, found: Sequence[Problem]) -> None:
    if found:
        rows = [{"snapshot": snapshot, "number": number, **asdict(problem)} for number, problem in enumerate(found)]
        connection.execute(sa.insert(problems), rows)


def load_problems(database: Database, snapshot: int) -> tuple[Problem, ...]:
    query = sa.select(*(problems.c[field.name] for field in fields(Problem)))
    with database.read() as connection:
        rows = connection.execute(query.where(problems.c.snapshot == snapshot).order_by(problems.c.number))
        return tuple(Problem(**row._mapping) for row in rows)


def save_estate(connection: sa.Connection, estate: Estate) -> str:
    """Keep an estate under the hash of what it says, and return the hash."""
    body = json.dumps(asdict(estate), default=date.isoformat, sort_keys=True)
    digest = hashlib.sha256(body.encode()).hexdigest()
    if connection.execute(sa.select(estates.c.digest).where(estates.c.digest == digest)).first() is None:
        connection.execute(sa.insert(estates).values(digest=digest, body=json.loads(body)))
    return digest


def load_estate(database: Database, digest: str | None) -> Estate:
    if digest is None:
        return Estate()
    with database.read() as connection:
        body = connection.execute(sa.select(estates.c.body).where(estates.c.digest == digest)).scalar_one()
    return estate_of(body)


def estate_of(body: Mapping[str, Any]) -> Estate:
    """Return an estate from its JSON."""
    return Estate(
        assets=tuple(_value(Asset, row) for row in body["assets"]),
        ownership=tuple(_value(Ownership, row) for row in body["ownership"]),
        teams=tuple(_value(Team, row) for row in body["teams"]),
        rules=tuple(_value(PrincipalRule, row) for row in body["rules"]),
        conflicts=tuple(body["conflicts"]),
    )


def _value(kind: type[Value], row: Mapping[str, Any]) -> Value:
    """Read a value back from JSON; keys that this version does not know are left out."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _plain(name, value) for name, value in row.items() if name in known})


def _plain(name: str, value: Any) -> Any:
    if name in ("valid_from", "valid_to") and value is not None:
        return date.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def before(days: float) -> datetime:
    """Return the instant that many days ago."""
    return datetime.now(timezone.utc) - timedelta(days=days)
