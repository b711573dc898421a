"""Writes the statement that BigQuery runs for a view: the extraction query with project and region put in, and no more.

Project and region are the only names that are put into a text, and the settings let nothing through that such names are
not made of. All values are bound parameters.
"""

from __future__ import annotations

from collections.abc import Set
from importlib.resources import files
from typing import Any

import sqlglot
from sqlglot import exp

from costlens.connector import View
from costlens_bigquery.settings import BigQuerySettings

_PACKAGE = "costlens_bigquery"
_PLACE = "the_view"
#: Views that are asked in the project that administers the reservations.
_ADMINISTERED = frozenset({"reservations_timeline", "capacity_commitments"})
#: Left out where the table of the billing export is a view or a copy, which has no such column; it only saves reading.
_PARTITION = "    and line._partitiontime >= timestamp(@since)\n"
#: The reader puts this column in: Google's views do not have it.
REGION = "region"


def statement(view: View, settings: BigQuerySettings, region: str, lacking: Set[str] = frozenset()) -> str:
    """Return the statement for one view and region without the columns that the warehouse lacks.

    The columns `region` and, of a snapshot, its day are left to the reader.
    """
    tree: Any = sqlglot.parse_one(_file(f"{view.name}.sql"), read="bigquery")
    for name in {REGION, *lacking}:
        _take_out(tree, name)
    table = tree.find(exp.Table)
    table.replace(exp.to_table(_PLACE, alias=None if table.alias == view.name.upper() else table.alias))
    return str(tree.sql(dialect="bigquery", comments=False)).replace(_PLACE, _place(view, settings, region))


def billing_statement(settings: BigQuerySettings, *, is_partitioned: bool = True) -> str:
    """Return the statement that sums the billing export."""
    text = _file("live/billing_export.sql").replace("{billing_export}", settings.billing_export or "")
    return text if is_partitioned else text.replace(_PARTITION, "")


def _place(view: View, settings: BigQuerySettings, region: str) -> str:
    is_administered = view.name in _ADMINISTERED
    project = (settings.admin_project if is_administered else None) or settings.project
    suffix = "_BY_ORGANIZATION" if settings.scope == "organization" and not is_administered else ""
    return f"`{project}`.`region-{region}`.INFORMATION_SCHEMA.{view.name.upper()}{suffix}"


def _take_out(tree: Any, name: str) -> None:
    """Leave a column out of what is selected and grouped by; where it is used within another column it is null."""
    for column in list(tree.find_all(exp.Column)):
        if column.name.lower() == name and not isinstance(column.parent, exp.Select | exp.Group):
            column.replace(exp.Null())
    for clause in tree.find_all(exp.Select, exp.Group):
        kept = [part for part in clause.expressions if part.alias_or_name.lower() != name]
        clause.set("expressions", kept)


def _file(name: str) -> str:
    return (files(_PACKAGE) / "sql" / name).read_text(encoding="utf-8")
