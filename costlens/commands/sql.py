"""`costlens sql`: ask the ledger's tables in SQL."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger


@click.command()
@config_option
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to write the rows; json is one object a line.",
)
def command(config_path: Path, query: str, form: str) -> None:
    """Ask the ledger in SQL (DuckDB's): select … from charges, queries, daily …; reads only."""
    from costlens.reading import run_sql
    from costlens.render import frame_text

    with open_ledger(open_config(config_path)) as ledger:
        frame = ledger.read(lambda snapshot: run_sql(ledger, snapshot, query))
    sys.stdout.write(frame_text(frame, form))
