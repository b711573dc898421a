"""Keeps the units of files on disk by the hash of their content, so that only changed files are read again. Safe to delete."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from costlens.trace.cut import Cut
from costlens.trace.units import Unit, suffix

#: Of what is stored: another number, and everything is read anew.
VERSION = 5
_SCHEMA = """
create table if not exists units (key text primary key, body blob not null) without rowid;
create table if not exists traces (key text primary key, body text not null) without rowid;
create table if not exists stats (root text, name text, size integer, time integer, key text, primary key (root, name)) without rowid;
"""
_DTYPES = (np.uint64, np.uint64, np.int32, np.uint8, np.uint8)


class Store:
    """A SQLite file of units; in memory where no file is named or it cannot be written."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        return _open(self._path)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "_connection" in self.__dict__:
            self._connection.close()

    def stats(self, root: str) -> dict[str, tuple[int, int, str]]:
        """Return size, time and key of the files of a folder as they were last seen."""
        rows = self._connection.execute("select name, size, time, key from stats where root = ?", (root,))
        return {name: (size, time, key) for name, size, time, key in rows}

    def remember(self, root: str, seen: dict[str, tuple[int, int, str]]) -> None:
        """Keep size, time and key of the files of a folder."""
        with self._connection as db:
            db.execute("delete from stats where root = ?", (root,))
            db.executemany("insert into stats values (?, ?, ?, ?, ?)", [(root, n, *row) for n, row in _plain(seen)])

    def known(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the bodies that are kept, by key."""
        return dict(self._bodies("units", keys))

    def traces(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the answers that are kept, by key."""
        return dict(self._bodies("traces", keys))

    def keep_traces(self, answers: dict[str, str]) -> None:
        """Keep answers."""
        with self._connection as db:
            db.executemany("insert or replace into traces values (?, ?)", answers.items())

    def _bodies(self, table: str, keys: Iterable[str]) -> Iterator[tuple[str, Any]]:
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            yield from self._connection.execute(f"select key, body from {table} where key in ({marks})", part)

    def keep(self, bodies: dict[str, bytes]) -> None:
        """Keep bodies."""
        with self._connection as db:
            db.executemany("insert or replace into units values (?, ?)", bodies.items())


def key_of(path: str, content_key: str) -> str:
    """Return the key of a file's units: how it is read hangs on the ending of its name."""
    return f"{VERSION}:{suffix(path)}:{content_key}"


def pack(units: Sequence[Unit]) -> bytes:
    """Return units as bytes."""
    head = json.dumps([[unit.kind, unit.name, len(unit.cut)] for unit in units]).encode()
    arrays = [
        np.concatenate([getattr(unit.cut, name) for unit in units]).astype(kind).tobytes() if units else b""
        for name, kind in zip(("hashes", "texts", "lines", "kinds", "flags"), _DTYPES, strict=True)
    ]
    return b"".join((len(head).to_bytes(4, "little"), head, *arrays))


def unpack(path: str, body: bytes) -> Iterator[Unit]:
    """Yield the units of a file."""
    length = int.from_bytes(body[:4], "little")
    head = json.loads(body[4 : 4 + length])
    count = sum(one[-1] for one in head)
    at = 4 + length
    hashes = np.frombuffer(body, np.uint64, count, at)
    texts = np.frombuffer(body, np.uint64, count, at + 8 * count)
    lines = np.frombuffer(body, np.int32, count, at + 16 * count)
    kinds = np.frombuffer(body, np.uint8, count, at + 20 * count)
    flags = np.frombuffer(body, np.uint8, count, at + 21 * count)
    start = 0
    for kind_name, name, size in head:
        part = slice(start, start + size)
        cut = Cut(hashes[part], kinds[part], flags[part], lines[part], texts[part])
        yield Unit(path, kind_name, name, cut)
        start += size


def cache_file() -> Path:
    """Return where units of code are kept by default; the file may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "costlens" / "code.db"


def _open(path: Path | None) -> sqlite3.Connection:
    for attempt in range(2) if path else ():
        assert path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _prepared(sqlite3.connect(path, timeout=30))
        except (OSError, sqlite3.OperationalError):
            break  # it cannot be written here
        except sqlite3.DatabaseError:
            if attempt:
                break
            path.unlink(missing_ok=True)  # not ours, or broken: it holds nothing that cannot be made again
    return _prepared(sqlite3.connect(":memory:"))


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    with closing(connection.cursor()) as cursor:
        cursor.execute("pragma synchronous = off")
        cursor.executescript(_SCHEMA)
    return connection


def _plain(seen: dict[str, tuple[int, int, str]]) -> Iterator[tuple[str, tuple[int, int, str]]]:
    for name, row in seen.items():
        yield name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), row
