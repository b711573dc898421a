"""The ledger's database: SQLite (WAL) or PostgreSQL through SQLAlchemy Core, its tables, its clock and its errors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from costlens.errors import LedgerError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BUSY_SECONDS = 30
_SILENT_SECONDS = 15


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as microseconds since 1970: SQLite has no zones, PostgreSQL's follow the session."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class now_us(FunctionElement[int]):  # noqa: N801 (reads as the SQL function it is)
    """The database's clock in microseconds since 1970: hosts may disagree on the time, leases may not."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_us, "sqlite")
def _sqlite_now(element: now_us, compiler: SQLCompiler, **_: Any) -> str:
    return "cast((julianday('now') - 2440587.5) * 86400000000 as integer)"


@compiles(now_us, "postgresql")
def _postgresql_now(element: now_us, compiler: SQLCompiler, **_: Any) -> str:
    return "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"


metadata = sa.MetaData()

ledgers = sa.Table("ledger", metadata, sa.Column("id", sa.String(32), primary_key=True))

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("info", sa.JSON, nullable=False),
    sa.Column("estate", sa.String(64)),
)
cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
)
dirty = sa.Table(
    "dirty",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),
)
problems = sa.Table(
    "problems",
    metadata,
    sa.Column("snapshot", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("table", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sample", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
)
estates = sa.Table(
    "estates",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
)
orchestrators = sa.Table(
    "orchestrators",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("state", sa.JSON, nullable=False),
    sa.Column("catalog", sa.JSON, nullable=False),
    sa.Column("pulled_at", Instant),
)


class Database:
    """An SQLAlchemy engine whose failures are LedgerErrors; `read` and `write` are its two kinds of transaction."""

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self.name = self._url.render_as_string(hide_password=True)
        with self.errors():
            self.engine = _create(self._url)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; it commits when the block ends well."""
        with self.errors(), self.engine.connect() as connection:
            connection = connection.execution_options(costlens_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's failures into one line without the password."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise LedgerError(self._explain(error), permanent=not _heals(error)) from error
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise LedgerError(f"database {self.name}: {self._line(error)}") from error

    def _explain(self, error: sa.exc.DBAPIError | sqlite3.Error) -> str:
        line = self._line(getattr(error, "orig", None) or error)
        remedy = "check that it runs and that `database` in the configuration is right"
        if "locked" in line:
            remedy = "another program has held it for long; end that program and try again"
        elif "readonly" in line or "unable to open" in line:
            remedy = "make the file and its folder writable for this user"
        elif "not a database" in line or "malformed" in line:
            remedy = "restore the file from a backup"
        return f"database {self.name}: {line}; {remedy}"

    def _line(self, error: BaseException) -> str:
        line = " ".join(str(error).split())
        return line.replace(str(self._url.password), "***") if self._url.password else line


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        driver = parsed.get_backend_name()
    except sa.exc.ArgumentError:
        raise LedgerError(
            "database: not a database URL; write sqlite:///path/to/file.db or postgresql+psycopg://user@host/name"
        ) from None
    if driver not in ("sqlite", "postgresql"):
        raise LedgerError(f"database: {driver} is not supported; use sqlite:///… or postgresql+psycopg://…")
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise LedgerError("database: SQLite needs a file; write sqlite:///path/to/file.db")
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _create(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        sa.event.listen(engine, "begin", _begin_postgresql)
        return engine
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"database {url}: cannot make its folder: {error.strerror}; choose another path") from error
    patience = {} if "timeout" in url.query else {"timeout": _BUSY_SECONDS}
    engine = sa.create_engine(url, connect_args=patience)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    _use_wal(engine)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin late and upgrade the lock later


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("costlens_writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


def _begin_postgresql(connection: Connection) -> None:
    """Have the server end a writer that fell silent: a frozen host would hold its rows, and the lease, for good."""
    if connection.get_execution_options().get("costlens_writes", False):
        # For this transaction only: a pooler in between gives the connection to others after it.
        connection.exec_driver_sql(f"set local idle_in_transaction_session_timeout = '{_SILENT_SECONDS}s'")


def _use_wal(engine: Engine) -> None:
    """Switch to WAL once; two processes that do so at the same moment get `locked` at once, whatever the timeout."""
    last = time.monotonic() + _BUSY_SECONDS
    while True:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            if cursor.execute("pragma journal_mode").fetchone() == ("wal",):
                return
            cursor.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > last:
                raise
            time.sleep(0.02)
        finally:
            connection.close()


def _heals(error: sa.exc.DBAPIError | sqlite3.Error) -> bool:
    return isinstance(error, sa.exc.OperationalError | sqlite3.OperationalError)
