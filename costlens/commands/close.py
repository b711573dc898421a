"""`costlens close`: freeze a month's statement, and verify what was frozen."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config, open_ledger
from costlens.errors import UsageError

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.ledger import Ledger
    from costlens.statement.close import Done


@click.command()
@config_option
@click.argument("month", required=False, metavar="YYYY-MM")
@click.option("--accept-residual", metavar="WHY", help="Close though charges and bill differ, and record why.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the closed month as journal entries (CSV; `statements.journal` names its columns).",
)
@click.option("--send", is_flag=True, help="Send each team its statement, by e-mail and Slack as `alerts:` says.")
@click.option("--verify", is_flag=True, help="Check every closed line and document against the chain of hashes.")
@click.option("--list", "listed", is_flag=True, help="List what was closed and opened again, when and by whom.")
@click.option("--who", help="Name that is recorded; default the user's.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    config_path: Path,
    month: str | None,
    accept_residual: str | None,
    journal: Path | None,
    send: bool,
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
        if journal is not None:
            _write_journal(config, ledger, done, journal)
        sent = _send(config, ledger, done) if send else None
    if sent is not None:
        click.echo(sent, err=True)
    _tell(done, as_json=as_json)


def _tell(done: Done, *, as_json: bool) -> None:
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


def _write_journal(config: Config, ledger: Ledger, done: Done, path: Path) -> None:
    from costlens.settings.statements import Settings
    from costlens.statement.journal import as_journal

    text = as_journal(done.facts, config.section(Settings).journal, ledger.estate())
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        raise UsageError(f"close: {path} cannot be written: {error.strerror}: name another file") from None


def _send(config: Config, ledger: Ledger, done: Done) -> str:
    """Put the statements in the outbox and deliver what can be; what cannot yet, `costlens serve` tries again."""
    from costlens.alerts.delivery import Delivery, channels
    from costlens.alerts.desk import Desk
    from costlens.alerts.statements import statement_news
    from costlens.ledger import outbox
    from costlens.settings.alerts import Settings as AlertSettings
    from costlens.settings.statements import Settings

    settings = config.section(AlertSettings)
    ways = channels(settings)
    if not ways:
        raise UsageError("close: nothing to send by: configure `alerts.email` or `alerts.slack`")
    desk = Desk.of(settings, ways, ledger.estate())
    at = datetime.now(timezone.utc)
    new = outbox.add(ledger.database, statement_news(desk, ledger, done.facts, config.section(Settings).send, at), at)
    sent = Delivery(ledger.database, ways).deliver(at)
    return f"{new} messages in the outbox, {sent} sent"


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _verify(ledger: Ledger, *, as_json: bool) -> None:
    from costlens.ledger import closes

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
