"""Closed months: an append-only chain of hashes in the ledger's database, with the lines and documents that were closed.

Each record's hash covers the one before it, so a line that is changed, taken out or put in later no longer fits. Nothing here updates
or deletes a row.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from costlens.errors import LedgerError
from costlens.ledger.database import Database, Instant, metadata

#: What the first record follows.
ROOT = "0" * 64
CLOSE, REOPEN = "close", "reopen"

closes = sa.Table(
    "closes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("month", sa.String(7), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("snapshot", sa.Integer),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("lines_hash", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False, unique=True),
    sa.Column("hash", sa.String(64), nullable=False),
)
closed_lines = sa.Table(
    "closed_lines",
    metadata,
    sa.Column("close", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
closed_documents = sa.Table(
    "closed_documents",
    metadata,
    sa.Column("close", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)


@dataclass(frozen=True)
class Close:
    """One record of the chain: a month was closed, or opened again."""

    id: int
    month: str
    kind: str
    at: datetime
    who: str
    reason: str | None
    snapshot: int | None
    body: bytes
    lines: int
    lines_hash: str
    previous: str
    hash: str

    def content(self) -> dict[str, Any]:
        """Return what is known of the month beside its lines."""
        return json.loads(zlib.decompress(self.body))  # type: ignore[no-any-return]


def append(
    database: Database,
    month: str,
    kind: str,
    *,
    at: datetime,
    who: str,
    reason: str | None = None,
    snapshot: int | None = None,
    content: Mapping[str, Any] | None = None,
    lines: Sequence[Mapping[str, Any]] = (),
    documents: Mapping[str, bytes] | None = None,
    expected: str | None = None,
) -> Close:
    """Add a record to the chain, with its lines and documents, in one transaction.

    `expected`: the hash of the record that the caller saw last; LedgerError where another has come since.
    """
    body = zlib.compress(canonical(content or {}).encode(), 9)
    with database.write() as connection:
        last = connection.execute(sa.select(closes.c.id, closes.c.hash).order_by(closes.c.id.desc()).limit(1)).first()
        number, previous = (last.id + 1, last.hash) if last else (1, ROOT)
        if expected is not None and previous != expected:
            raise LedgerError("another month was closed or opened at the same time: look at `costlens close --list`")
        rows = list(_chained(number, previous, [canonical(line) for line in lines]))
        lines_hash = rows[-1]["hash"] if rows else _start(number, previous)
        made = Close(number, month, kind, at, who, reason, snapshot, body, len(rows), lines_hash, previous, hash="")
        made = Close(**{**vars(made), "hash": _hash_of(made)})
        connection.execute(sa.insert(closes).values(**vars(made)))
        if rows:
            connection.execute(sa.insert(closed_lines), rows)
        for name, document in (documents or {}).items():
            connection.execute(sa.insert(closed_documents).values(**_document(made, name, document)))
    return made


def records(database: Database) -> tuple[Close, ...]:
    """Return the chain, oldest first."""
    with database.read() as connection:
        return tuple(Close(**row._mapping) for row in connection.execute(sa.select(closes).order_by(closes.c.id)))


def closed(found: Sequence[Close], as_of: datetime | None = None) -> dict[str, Close]:
    """Return the months that are closed (were, as of an instant), each with the record that closed it."""
    state: dict[str, Close] = {}
    for record in found:
        if as_of is not None and record.at > as_of:
            continue
        state.pop(record.month, None)
        if record.kind == CLOSE:
            state[record.month] = record
    return dict(sorted(state.items()))


def lines_of(database: Database, close: Close) -> list[dict[str, Any]]:
    """Return the lines of a close as they were written; LedgerError where they no longer fit their hashes."""
    with database.read() as connection:
        query = sa.select(closed_lines).where(closed_lines.c.close == close.id).order_by(closed_lines.c.number)
        rows = connection.execute(query).all()
    for fault in _line_faults(close, rows):
        raise LedgerError(f"{fault}: `costlens close --verify` tells more; restore the database from a backup")
    return [json.loads(row.body) for row in rows]


def document(database: Database, close: Close, name: str) -> bytes | None:
    """Return a document that was kept, None where there is none; LedgerError where it was changed."""
    with database.read() as connection:
        query = sa.select(closed_documents).where(closed_documents.c.close == close.id, closed_documents.c.name == name)
        row = connection.execute(query).first()
    if row is None:
        return None
    if fault := _document_fault(close, row):
        raise LedgerError(f"{fault}: `costlens close --verify` tells more; restore the database from a backup")
    return zlib.decompress(row.body)


def keep_document(database: Database, close: Close, name: str, body: bytes) -> bytes:
    """Keep a document from its first printing on; return what is kept, which may be what another process printed first."""
    with database.write() as connection:
        there = sa.select(closed_documents.c.body).where(
            closed_documents.c.close == close.id, closed_documents.c.name == name
        )
        first = connection.execute(there).first()
        if first is not None:
            return zlib.decompress(first.body)
        connection.execute(sa.insert(closed_documents).values(**_document(close, name, body)))
    return body


def verify(database: Database) -> Iterator[str]:
    """Yield what does not fit in the chain, its lines and its documents; nothing where all is as it was written."""
    previous, number = ROOT, 0
    found = records(database)
    with database.read() as connection:
        for record in found:
            number += 1
            if record.id != number:
                yield f"record {number} is missing: the next is {record.id}"
                number = record.id
            if record.previous != previous:
                yield f"record {record.id} ({record.kind} {record.month}) does not follow the one before it"
            if record.hash != _hash_of(record):
                yield f"record {record.id} ({record.kind} {record.month}) was changed"
            previous = record.hash
            query = sa.select(closed_lines).where(closed_lines.c.close == record.id).order_by(closed_lines.c.number)
            yield from _line_faults(record, connection.execute(query).all())
            documents = sa.select(closed_documents).where(closed_documents.c.close == record.id)
            for row in connection.execute(documents.order_by(closed_documents.c.name)):
                if fault := _document_fault(record, row):
                    yield fault
        known = [record.id for record in found]
        for table in (closed_lines, closed_documents):
            stray = sa.select(sa.func.count()).select_from(table).where(table.c.close.not_in(known))
            if count := connection.execute(stray).scalar():
                yield f"{count:,} rows of {table.name} belong to no record: a record was taken out"


def canonical(value: Mapping[str, Any]) -> str:
    """Return the one way in which a value is written, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _start(number: int, previous: str) -> str:
    return _sha256(b"lines", str(number).encode(), previous.encode())


def _chained(number: int, previous: str, bodies: Sequence[str]) -> Iterator[dict[str, Any]]:
    last = _start(number, previous)
    for place, body in enumerate(bodies):
        last = _sha256(last.encode(), body.encode())
        yield {"close": number, "number": place, "body": body, "hash": last}


def _hash_of(record: Close) -> str:
    said = {name: value for name, value in vars(record).items() if name not in ("hash", "body", "at")}
    said |= {"at": record.at.isoformat(), "body": _sha256(record.body)}
    return _sha256(canonical(said).encode())


def _line_faults(record: Close, rows: Sequence[Any]) -> Iterator[str]:
    what = f"closed month {record.month}"
    if len(rows) != record.lines:
        yield f"{what}: {len(rows):,} lines are there, {record.lines:,} were closed"
        return
    last = _start(record.id, record.previous)
    for row in rows:
        last = _sha256(last.encode(), row.body.encode())
        if row.hash != last:
            yield f"{what}: line {row.number} was changed"
            return
    if last != record.lines_hash:
        yield f"{what}: its lines are not those that were closed"


def _document(record: Close, name: str, body: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(body).hexdigest()
    fit = _sha256(record.hash.encode(), name.encode(), digest.encode())
    return {"close": record.id, "name": name, "body": zlib.compress(body, 6), "sha256": digest, "hash": fit}


def _document_fault(record: Close, row: Any) -> str | None:
    what = f"closed month {record.month}: document {row.name}"
    try:
        digest = hashlib.sha256(zlib.decompress(row.body)).hexdigest()
    except zlib.error:
        return f"{what} cannot be read"
    fits = digest == row.sha256 and row.hash == _sha256(record.hash.encode(), row.name.encode(), digest.encode())
    return None if fits else f"{what} was changed"
