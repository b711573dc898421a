"""`costlens export`: write a table of the ledger to a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from costlens.commands._options import DAY, config_option, open_config, open_ledger

TABLES = (
    "queries", "sessions", "query_usage", "metering", "pool_events", "usage", "bill", "rates", "shapes", "runs",
    "materializations", "charges", "attributions", "daily",
)  # fmt: skip


@click.command()
@config_option
@click.argument("table", type=click.Choice(TABLES), metavar="TABLE")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="FILE.parquet or FILE.csv.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar=DAY, help="First UTC day.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar=DAY, help="UTC day to stop before.")
@click.option("--source", help="Only this source.")
def command(
    config_path: Path, table: str, out: Path, since: datetime | None, until: datetime | None, source: str | None
) -> None:
    """Write a table of the ledger to a Parquet or CSV file.

    TABLE is one of charges, attributions, daily, queries, sessions, users, query_usage, metering, pool_events, usage, bill, rates, shapes,
    runs, materializations.

    `charges` come with the attribution and the team valid on the day: one row per charge and share. In CSV a text that a
    spreadsheet would run as a formula begins with an apostrophe; Parquet holds all as it is.
    """
    from costlens.reading import export

    with open_ledger(open_config(config_path)) as ledger:
        rows = ledger.read(lambda snapshot: export(ledger, snapshot, table, out, since, until, source))
    click.echo(f"{out}: {rows:,} rows of {table}")
