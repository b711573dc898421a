"""`costlens report`: the statement of a month, or its charges grouped by one thing, and whether the books balance."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import INSTANT, config_option, open_config, open_ledger
from costlens.errors import UsageError

if TYPE_CHECKING:
    from costlens.config import Config

BY = ("team", "asset", "source", "pool", "category", "user", "shape", "service", "purpose", "environment", "method")
FORMATS = ("table", "csv", "json", "html", "xlsx", "pdf", "focus")
_GROUPED = ("table", "csv", "json")
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@click.command()
@config_option
@click.option("--month", required=True, metavar="YYYY-MM", help="Billing month, as the vendor bills.")
@click.option("--by", type=click.Choice(BY), help="Only the charges as they are in the ledger, grouped by this.")
@click.option("--team", help="Only what belongs to this team.")
@click.option("--source", help="Only this source.")
@click.option(
    "--top",
    type=click.IntRange(1),
    help="With --by: show so many lines, the rest as one; default 25 in the table, else all.",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to write it."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of to the screen.")
@click.option(
    "--as-of", type=click.DateTime(_TIMES), metavar=INSTANT, help="As it was known then (UTC; a day means its end)."
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="KEY=WORD,…",
    help="Allocate by another policy: idle=fair|causal|separate, unattributed= and bill= separate|proportional|even|…|team:NAME. "
    "Several stand side by side.",
)
def command(
    config_path: Path,
    month: str,
    by: str | None,
    team: str | None,
    source: str | None,
    top: int | None,
    form: str,
    out: Path | None,
    as_of: datetime | None,
    policies: tuple[str, ...],
) -> None:
    """Print the statement of a month: who pays what and why, adding up to the bill.

    Without --by it is the chargeback statement, allocated by the policy of costlens.yml; a closed month prints as it was closed. With --by
    it is the charges of the ledger as they are now, idle a line of its own.
    """
    config = open_config(config_path)
    if by:
        if form not in _GROUPED or as_of or policies:
            raise UsageError("report: --by goes with table, csv and json, and without --as-of and --policy")
        written = _grouped(config, month, by, team, source, top, form)
    elif len(policies) > 1:
        written = _side_by_side(config, month, policies, form)
    else:
        written = _statement(config, month, team, source, form, as_of, policies, out)
    _write(written, out, form)


def _grouped(
    config: Config, month: str, by: str, team: str | None, source: str | None, top: int | None, form: str
) -> bytes:
    from costlens.render import RENDER
    from costlens.report import Question, report

    shown = top or (25 if form == "table" else None)
    with open_ledger(config) as ledger:
        answer = ledger.read(lambda snapshot: report(ledger, snapshot, Question(month, by, team, source, shown)))
    return RENDER[form](answer).encode()


def _statement(
    config: Config,
    month: str,
    team: str | None,
    source: str | None,
    form: str,
    as_of: datetime | None,
    policies: tuple[str, ...],
    out: Path | None,
) -> bytes:
    from costlens.statement.asked import Asked, printed_statement

    asked = Asked(month, team, source, form, as_of, policies[0] if policies else None, out.suffix if out else "")
    with open_ledger(config) as ledger:
        if form == "focus":
            from costlens.focus.printing import printed_focus

            return printed_focus(config, ledger, asked)
        return printed_statement(config, ledger, asked)


def _side_by_side(config: Config, month: str, policies: tuple[str, ...], form: str) -> bytes:
    from costlens.statement.compare import side_by_side

    if form not in _GROUPED:
        raise UsageError("report: policies stand side by side as table, csv or json")
    with open_ledger(config) as ledger:
        return side_by_side(config, ledger, month, policies, form).encode()


def _write(written: bytes, out: Path | None, form: str) -> None:
    if out is None:
        if form in ("xlsx", "pdf") and sys.stdout.isatty():
            raise UsageError(f"report: {form} is no text: name a file with --out")
        sys.stdout.buffer.write(written)
        sys.stdout.flush()
        return
    try:
        out.write_bytes(written)
    except OSError as error:
        raise UsageError(f"report: {out} cannot be written: {error.strerror}: name another file with --out") from None
