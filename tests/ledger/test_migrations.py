"""A database opened by this version has the tables that the code uses, and the newest script is the one it looks for."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from costlens.ledger import Ledger, migrations
from costlens.ledger.database import metadata


def test_the_newest_script_is_the_head() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [migrations.HEAD]


def test_a_migrated_database_has_the_tables_of_the_code(place: tuple[str, str]) -> None:
    with Ledger.open(*place) as ledger, ledger.database.read() as connection:
        found = sa.inspect(connection)
        for table in metadata.tables.values():
            columns = found.get_columns(table.name)
            assert [column["name"] for column in columns] == table.columns.keys()
            assert [column["nullable"] for column in columns] == [column.nullable for column in table.columns]
            assert found.get_pk_constraint(table.name)["constrained_columns"] == table.primary_key.columns.keys()
        assert {*metadata.tables, "alembic_version"} == set(found.get_table_names())


def test_opening_again_changes_nothing(place: tuple[str, str]) -> None:
    identities = []
    for _ in range(2):
        with Ledger.open(*place) as ledger, ledger.database.read() as connection:
            identities.append(connection.execute(sa.text("select id from ledger")).scalar())
    assert identities[0] == identities[1]
