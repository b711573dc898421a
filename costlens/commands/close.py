"""`costlens close`: freeze a month's statement, and verify what was frozen."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timezone
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger
from costlens.errors import UsageError


@click.command()
@config_option
@click.argument("month", required=False, metavar="YYYY-MM")
@click.option("--accept-residual", metavar="WHY", help="Close though charges and bill differ, and record why.")
@click.option("--verify", is_flag=True, help="Check every closed line and document against the chain of hashes.")
@click.option("--list", "listed", is_flag=True, help="List what was closed and opened again, when and by whom.")
@click.option("--who", help="Name that is recorded; default the user's.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    config_path: Path,
    month: str | None,
    accept_residual: str | None,
    verify: bool,
    listed: bool,
    who: str | None,
    as_json: bool,
) -> None:
    """Close a month: its statement is frozen, a later report of it prints the same bytes.

    Refused while the month goes on, and where charges and bill differ by more than `statements.residual`. Data that comes later becomes
    correction lines of the next open month.
    """
    if [bool(month), verify, listed].count(True) != 1:
        raise click.UsageError("name a month to close, or --verify, or --list")
    config = open_config(config_path)
    with open_ledger(config) as ledger:
        if verify:
            _verify(ledger, as_json=as_json)
            return
        from costlens.statement.close import close, listing

        if listed:
            click.echo("\n".join(listing(ledger, _shown)) or "nothing is closed")
            return
        if accept_residual is not None and not accept_residual.strip():
            raise UsageError("close: --accept-residual needs a reason: it is recorded")
        done = close(
            config,
            ledger,
            str(month),
            who=who or getpass.getuser(),
            at=datetime.now(timezone.utc),
            accepted=accept_residual,
        )
    record = done.record
    if as_json:
        said = {"month": record.month, "number": record.id, "hash": record.hash, "lines": record.lines}
        click.echo(json.dumps({**said, "snapshot": record.snapshot, "at": record.at.isoformat(), "new": done.is_new}))
        return
    if not done.is_new:
        click.echo(f"{record.month} is closed since {_shown(record.at)} by {record.who}; nothing was done")
        return
    for currency in sorted({line.currency for line in done.facts.lines}):
        total = sum(line.cents for line in done.facts.lines if line.currency == currency)
        click.echo(
            f"{record.month} closed: {total:,.2f} {currency}, {record.lines:,} lines of snapshot {record.snapshot}"
        )
    click.echo(f"record {record.id}, {record.hash}")


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _verify(ledger: object, *, as_json: bool) -> None:
    from costlens.ledger import Ledger, closes

    assert isinstance(ledger, Ledger)
    faults = list(closes.verify(ledger.database))
    records = closes.records(ledger.database)
    head = records[-1].hash if records else closes.ROOT
    if as_json:
        click.echo(json.dumps({"records": len(records), "head": head, "faults": faults}))
    else:
        for fault in faults:
            click.echo(f"costlens: {fault}", err=True)
        if not faults:
            lines = sum(record.lines for record in records)
            click.echo(f"{len(records)} records with {lines:,} lines are as they were written; head {head}")
    if faults:
        raise SystemExit(1)
