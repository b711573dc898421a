"""`costlens report`: who spent what in a month, and whether the books balance."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from costlens.commands._options import config_option, open_config, open_ledger
from costlens.errors import UsageError

BY = ("team", "asset", "source", "pool", "category", "user", "shape", "service", "purpose", "environment", "method")


@click.command()
@config_option
@click.option("--month", required=True, metavar="YYYY-MM", help="Billing month, as the vendor bills.")
@click.option("--by", type=click.Choice(BY), default="team", show_default=True, help="What to group by.")
@click.option("--team", help="Only what belongs to this team.")
@click.option("--source", help="Only this source.")
@click.option(
    "--top", type=click.IntRange(1), help="Show so many lines, the rest as one; default 25 in the table, else all."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to write it.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of to the screen.")
def command(
    config_path: Path,
    month: str,
    by: str,
    team: str | None,
    source: str | None,
    top: int | None,
    form: str,
    out: Path | None,
) -> None:
    """Print who spent what in a month, with the reconciliation under it."""
    from costlens.render import RENDER
    from costlens.report import Question, report

    config = open_config(config_path)
    shown = top or (25 if form == "table" else None)
    with open_ledger(config) as ledger:
        answer = ledger.read(lambda snapshot: report(ledger, snapshot, Question(month, by, team, source, shown)))
    text = RENDER[form](answer)
    if out:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"report: {out} cannot be written: {error.strerror}: name another file with --out"
            ) from None
    else:
        sys.stdout.write(text)
