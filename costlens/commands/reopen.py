"""`costlens reopen`: open a closed month again."""

from __future__ import annotations

import getpass
from datetime import datetime, timezone
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger


@click.command()
@config_option
@click.argument("month", metavar="YYYY-MM")
@click.option("--reason", required=True, metavar="WHY", help="Why; it is recorded.")
@click.option("--who", help="Name that is recorded; default the user's.")
def command(config_path: Path, month: str, reason: str, who: str | None) -> None:
    """Open a closed month again; what was closed, when it was opened, by whom and why stay on record."""
    from costlens.statement.close import reopen

    config = open_config(config_path)
    with open_ledger(config) as ledger:
        done = reopen(ledger, month, who=who or getpass.getuser(), at=datetime.now(timezone.utc), reason=reason)
    click.echo(f"{month} is open again: record {done.id}, {done.hash}")
