"""Brings a database to this version's tables, whoever else opens it at the same moment."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from costlens.errors import LedgerError
from costlens.ledger.database import Database

#: The newest script: their names begin with their numbers.
HEAD = max(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))

_LOCK = 7_205_759  # any number that no other program uses for its advisory lock


def migrate(database: Database) -> None:
    """Run the scripts of `versions/` that the database lacks; raises LedgerError where it is of a newer CostLens."""
    if _revision(database) == HEAD:
        return
    with database.write() as connection:  # SQLite's write lock, taken at once; PostgreSQL has its own kind
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection)


def _revision(database: Database) -> str | None:
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    if found is not None and found > HEAD:
        raise LedgerError(
            f"database {database.name}: written by a newer CostLens (schema {found}, ours is {HEAD}); upgrade CostLens"
        )
    return found


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # slow to import, and needed once per version
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
