"""`costlens why`: why a query's cost went where it went."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger


@click.command()
@config_option
@click.argument("query_id")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(config_path: Path, query_id: str, as_json: bool) -> None:
    """Print what a query cost, who pays, and all evidence in order; the statement comes with its literals masked."""
    from costlens.render import plain
    from costlens.why import lines, why

    with open_ledger(open_config(config_path)) as ledger:
        answer = ledger.read(lambda snapshot: why(ledger, snapshot, query_id))
    if as_json:
        click.echo(json.dumps(asdict(answer), default=str, indent=2, ensure_ascii=False))
    else:
        for line in lines(answer):
            click.echo(plain(line).plain)
