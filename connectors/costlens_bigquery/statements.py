"""Writes the statement that BigQuery runs for a view: the extraction query with project and region put in, and no more.

Project and region are the only names that are put into a text, and the settings let nothing through that such names are
not made of. All values are bound parameters.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date
from importlib.resources import files
from typing import Any

import sqlglot
from sqlglot import exp

from costlens.connector import View
from costlens_bigquery.settings import BigQuerySettings
from costlens_bigquery.views import BILLING_EXPORT, CAPACITY_COMMITMENTS, JOBS, RESERVATIONS_TIMELINE, RUNNING_JOBS

_PACKAGE = "costlens_bigquery"
_PLACE = "the_view"
#: Views of ours that are Google's under another name.
_SPELT = {RUNNING_JOBS.name: JOBS.name}
#: Views that are asked in the project that administers the reservations.
_ADMINISTERED = frozenset({RESERVATIONS_TIMELINE.name, CAPACITY_COMMITMENTS.name})
#: Left out where the table of the billing export is a view or a copy, which has no such column; it only saves reading.
_PARTITION = "    and line._partitiontime >= timestamp(@since)\n"
#: Month of the export that is shown as an example.
_MONTH = (date(2026, 10, 1), date(2026, 11, 1))
#: The reader puts this column in: Google's views do not have it.
REGION = "region"


def statement(
    view: View, settings: BigQuerySettings, region: str, lacking: Set[str] = frozenset(), *, pretty: bool = False
) -> str:
    """Return the statement for one view and region without the columns that the warehouse lacks.

    The columns `region` and, of a snapshot, its day are left to the reader.
    """
    tree: Any = sqlglot.parse_one(_file(f"{view.name}.sql"), read="bigquery")
    for name in {REGION, *lacking}:
        _take_out(tree, name)
    table = tree.find(exp.Table)
    table.replace(exp.to_table(_PLACE, alias=None if table.alias == view.name.upper() else table.alias))
    return str(tree.sql(dialect="bigquery", comments=False, pretty=pretty)).replace(
        _PLACE, _place(view, settings, region)
    )


def billing_statement(settings: BigQuerySettings, *, is_partitioned: bool = True) -> str:
    """Return the statement that sums the billing export."""
    text = _file("live/billing_export.sql").replace("{billing_export}", settings.billing_export or "")
    return text if is_partitioned else text.replace(_PARTITION, "")


def export_statement(view: View) -> str:
    """Return the script that a person runs to export a view to Cloud Storage, in the form that `export:` reads.

    Capitals are to be filled in: YOUR_BUCKET, your-project, REGION, and of the bill its table.
    """
    settings = BigQuerySettings(name="export", type="bigquery", project="your-project")
    kind = next(column.type for column in view.columns if column.name == view.time_column)
    place, word = f"region-REGION/{view.name}", "date" if kind == "day" else "timestamp"
    if view.name == BILLING_EXPORT.name:
        place = view.name
        settings = settings.model_copy(update={"billing_export": "YOUR_BILLING_TABLE"})
        query = billing_statement(settings).replace("@projects", "array<string>[]").strip()
    else:
        query = statement(view, settings, "REGION", pretty=True)
    if view.is_snapshot:
        query = query.replace("SELECT", f"SELECT\n  current_date() AS {view.time_column},", 1)
    script = (
        f"export data options (uri = 'gs://YOUR_BUCKET/{place}/*.parquet', format = 'PARQUET', overwrite = true) as\n"
    )
    for name, variable, day in (("until", "window_end", _MONTH[1]), ("since", "window_start", _MONTH[0] - view.margin)):
        if f"@{name}" in query:
            script = f"declare {variable} {word} default '{day}';\n{script}"
            query = query.replace(f"@{name}", variable)
    return f"{script}{query};"


def _place(view: View, settings: BigQuerySettings, region: str) -> str:
    is_administered = view.name in _ADMINISTERED
    project = (settings.admin_project if is_administered else None) or settings.project
    suffix = "_BY_ORGANIZATION" if settings.scope == "organization" and not is_administered else ""
    return f"`{project}`.`region-{region}`.INFORMATION_SCHEMA.{_SPELT.get(view.name, view.name).upper()}{suffix}"


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
