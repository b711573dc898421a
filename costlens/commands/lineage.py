"""`costlens lineage`: what statements write and read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

#: Dialects by the names that people and warehouses use; all others are read by the common rules.
DIALECTS = ("snowflake", "bigquery", "databricks", "spark", "hive", "postgres", "redshift", "mysql", "tsql", "duckdb")


@click.command()
@click.option("--dialect", default="snowflake", show_default=True, help=f"Of the statements: {', '.join(DIALECTS)} …")
@click.option(
    "--queries",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="JSON lines with `id`, `sql` and, where a line has another, `dialect`; `-` reads the standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines: id, targets, sources.")
def command(dialect: str, queries: Path, as_json: bool) -> None:
    """Print the relations that statements write and read, names as written; scripts count as one statement."""
    from costlens.lineage.files import lineage_lines

    for line in lineage_lines(queries, dialect, as_json=as_json):
        sys.stdout.write(line + "\n")
