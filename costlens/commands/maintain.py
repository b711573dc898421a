"""`costlens maintain`: throw away what no readable snapshot needs."""

from __future__ import annotations

from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger


@click.command()
@config_option
@click.option(
    "--keep-days", type=click.IntRange(1), default=7, show_default=True, help="Keep snapshots this young readable."
)
@click.option("--full", is_flag=True, help="Also files that no table version knows (left by killed runs).")
def command(config_path: Path, keep_days: int, full: bool) -> None:
    """Throw away old snapshots and the files that only they need."""
    with open_ledger(open_config(config_path)) as ledger:
        done = ledger.maintain(keep_days=keep_days, full=full)
    state = "the ledger is empty" if done.snapshot is None else f"snapshot {done.snapshot}"
    click.echo(f"{done.snapshots_dropped:,} old snapshots and {done.files_deleted:,} files thrown away; {state}")
