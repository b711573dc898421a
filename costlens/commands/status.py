"""`costlens status`: what the service is doing."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config, open_ledger

if TYPE_CHECKING:
    from costlens.ledger.jobs import Job
    from costlens.status import Status


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(config_path: Path, as_json: bool) -> None:
    """Print the service's jobs, how far each source was read, and what alerts wait."""
    from costlens.status import status

    with open_ledger(open_config(config_path)) as ledger:
        found = status(ledger)
    if as_json:
        click.echo(json.dumps(found.as_dict(), default=_text, indent=2))
    else:
        click.echo(_table(found), nl=False)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(found: Status) -> str:
    from rich.console import Console
    from rich.table import Table

    from costlens.render import plain

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("job", "state", "last well (UTC)", "next (UTC)", "message"):
        table.add_column(name, overflow="fold")
    for job in found.jobs:
        message = job.message.splitlines()[0] if job.message else ""
        table.add_row(plain(job.name), _state(job), _time(job.ok_at), _time(job.next_at), plain(message))
    buffer = io.StringIO()
    console = Console(file=buffer, width=150, highlight=False, color_system=None)
    console.print(plain(f"works: {found.leader}" if found.leader else "no service runs: `costlens serve` starts one"))
    if found.jobs:
        console.print()
        console.print(table)
    console.print()
    for source, at in sorted(found.read_until.items()):
        console.print(plain(f"{source}: read until {_time(at)}"))
    as_of = f" as of {_time(found.as_of)}" if found.as_of else ""
    console.print(
        plain(f"snapshot {found.snapshot}{as_of}" if found.snapshot is not None else "nothing was synced yet")
    )
    if found.problems:
        console.print(plain(f"{found.problems:,} problems with rows: `costlens check` lists them"))
    waiting, failed = found.alerts.get("pending", 0), found.alerts.get("failed", 0)
    console.print(
        plain(f"alerts: {found.alerts.get('sent', 0):,} sent, {waiting:,} waiting, {failed:,} not deliverable")
    )
    for line in found.undelivered:
        console.print(plain(f"  {line}"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _state(job: Job) -> str:
    if job.state != "failed":
        return job.state
    if job.is_permanent:
        return "failed (permanent)"
    return f"failed {job.failures} times" if job.failures > 1 else "failed"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "–"
