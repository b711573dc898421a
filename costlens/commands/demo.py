"""`costlens demo`: load the sample month and show what comes of it."""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timezone
from pathlib import Path

import click

from costlens.errors import UsageError

#: The sample month is closed by then: its last rows have come and its bill is final.
AS_OF = datetime(2026, 11, 12, tzinfo=timezone.utc)
MONTH = "2026-10"
_FURTHER = (
    ("dashboard --config {path}", "the pages, at http://127.0.0.1:8501"),
    ("report --config {path} --month 2026-10 --team growth", "one team's statement; --format html, xlsx, pdf, focus"),
    ("anomalies --config {path}", "what left its expected band; `costlens explain ID` says why"),
    ("unattributed --config {path}", "what is nobody's yet, with the line that fixes it"),
    ('sql --config {path} "select team, sum(cost) from daily group by all"', "the ledger in SQL"),
)


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".costlens/demo"),
    show_default=True,
    help="Where to load it; a demo that is there is replaced.",
)
def command(folder: Path) -> None:
    """Load the made-up month of a start-up (Snowflake and BigQuery), and print who spent what."""
    import costlens_sample
    from costlens.anomaly import watch
    from costlens.anomaly.telling import lines
    from costlens.commands._options import open_config, open_ledger
    from costlens.render import as_table
    from costlens.report import Question, report
    from costlens.settings.anomalies import Settings as Anomalies
    from costlens.sync import Request, sync

    started = time.monotonic()
    sample = costlens_sample.folder()
    if folder.exists() and any(folder.iterdir()):
        if _title(folder / "costlens.yml") != _title(sample / "costlens.yml"):
            raise UsageError(f"demo: {folder} holds other files: name a new folder with --dir")
        shutil.rmtree(folder)
    shutil.copytree(
        sample, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__", "generate")
    )
    path = folder / "costlens.yml"
    config = open_config(path)
    click.echo(f"CostLens demo: one month of Encore, a made-up music start-up, in {folder}\n")
    with open_ledger(config) as ledger:
        for connector in config.sources:
            click.echo(sync(config, ledger, connector, Request(now=AS_OF, as_of=AS_OF)).line())
        click.echo(f"\n{as_table(ledger.read(lambda snapshot: report(ledger, snapshot, Question(MONTH))))}")
        found = ledger.read(lambda snapshot: watch(ledger, snapshot, config.section(Anomalies), AS_OF, AS_OF)).new
        click.echo(f"What left its expected band ({len(found)} anomalies), the dearest:\n")
        for line in lines(sorted(found, key=lambda one: abs(one.money), reverse=True)[:1]):
            click.echo(line)
    click.echo(f"\nDone in {time.monotonic() - started:.1f} s. Look further:")
    here = ".venv/bin/" if Path(".venv/bin/costlens").exists() else ""
    for words, meaning in _FURTHER:
        click.echo(f"  {here}costlens {words.format(path=path)}\n      {meaning}")


def _title(path: Path) -> str:
    """Return the first line of a configuration: it tells a folder that the demo made from one with somebody's files."""
    return path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
