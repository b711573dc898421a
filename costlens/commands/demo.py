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
    from costlens.commands._options import open_config, open_ledger
    from costlens.render import as_table
    from costlens.report import Question, report
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
    click.echo(f"Done in {time.monotonic() - started:.1f} s. Look further:")
    for line in (
        f"costlens report --config {path} --month {MONTH} --by asset",
        f'costlens sql --config {path} "select day, team, sum(cost) from daily group by all order by all"',
        f"costlens export charges --config {path} --out charges.parquet",
        f"costlens check --config {path}",
    ):
        click.echo(f"  .venv/bin/{line}" if Path(".venv/bin/costlens").exists() else f"  {line}")


def _title(path: Path) -> str:
    """Return the first line of a configuration: it tells a folder that the demo made from one with somebody's files."""
    return path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
