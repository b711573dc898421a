"""The queries and export statements are Snowflake's own SQL, and read the columns that Snowflake documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from costlens.connector import View
from costlens_snowflake import Snowflake

DOCUMENTED = {
    line.split(":", 1)[0]: set(line.split(":", 1)[1].split())
    for line in (Path(__file__).parent / "documented_columns.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
VIEWS = pytest.mark.parametrize("view", Snowflake.views, ids=lambda view: view.name)


def select_of(sql: str) -> exp.Select:
    tree = sqlglot.parse_one(sql, read="snowflake")
    assert isinstance(tree, exp.Select)
    return tree


@VIEWS
def test_a_query_reads_documented_columns_only(view: View) -> None:
    tree = select_of(Snowflake.sql(view))
    read = {column.name.lower() for column in tree.find_all(exp.Column)}
    assert read <= DOCUMENTED[view.name]
    schema = tree.find(exp.Table)
    assert schema is not None
    readers = "reader_" if schema.db == "reader_account_usage" else ""  # its views are called as those of the account
    assert (schema.catalog, readers + schema.name) == ("snowflake", view.name)


@VIEWS
def test_an_export_has_the_columns_that_are_read(view: View) -> None:
    statement = Snowflake.export_statement(view)
    copied = re.search(r"from \(\n(.*)\n\) file_format", statement, re.DOTALL)
    assert copied is not None
    tree = select_of(copied.group(1))
    names = {name.lower() for name in tree.named_selects}
    assert "*" in names or names == {column.name for column in view.columns}
    times = {column.name for column in view.columns if column.type == "instant"}
    assert statement.count("convert_timezone('UTC'") == len(times) + view.is_snapshot
    assert f"get @~/costlens/{view.name}/ file://exports/snowflake/{view.name}/;" in statement
