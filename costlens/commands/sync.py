"""`costlens sync`: pull, price and attribute."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from costlens.commands._options import INSTANT, config_option, open_config, open_ledger
from costlens.errors import ConfigError, SourceError, UsageError

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=timezone.utc) if at else None


@click.command()
@config_option
@click.option("--source", "names", multiple=True, help="Only this source or orchestrator; may be repeated.")
@click.option(
    "--since",
    type=click.DateTime(_TIMES),
    metavar=INSTANT,
    help="Read again from here on (UTC), for repair and back-fill.",
)
@click.option(
    "--until", type=click.DateTime(_TIMES), metavar=INSTANT, help="Read until here (UTC, exclusive); default now."
)
@click.option(
    "--as-of",
    type=click.DateTime(_TIMES),
    metavar=INSTANT,
    help="Judge what is final as of this time (UTC); default now.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    config_path: Path,
    names: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Pull each orchestrator and each source, price what changed, attribute it."""
    from costlens.orchestration import pull
    from costlens.sync import Request, sync

    config = open_config(config_path)
    if not config.sources:
        raise ConfigError(f"{config_path}: no sources: `costlens init` shows how they are written")
    orchestrators = {orchestrator.name: orchestrator for orchestrator in config.orchestrators if orchestrator.pulls}
    for name in names:
        if name not in orchestrators:
            config.source(name)
    now = datetime.now(timezone.utc)
    if since and (until or now.replace(tzinfo=None)) <= since:
        raise UsageError(f"sync: --since {since:%Y-%m-%dT%H:%M} is not before --until: nothing lies between them")
    request = Request(now=_utc(until) or now, as_of=_utc(as_of) or now, since=_utc(since), repair=bool(since or until))
    failures: list[str] = []
    with open_ledger(config) as ledger:
        # Orchestrators first: what they say is then at hand when queries are attributed.
        for orchestrator in (one for name, one in orchestrators.items() if not names or name in names):
            try:
                pulled = pull(config, ledger, orchestrator, until=request.now, since=request.since)
            except (SourceError, ConfigError) as error:
                failures.extend(line for line in str(error).splitlines() if line not in failures)
                continue
            click.echo(pulled.as_json() if as_json else pulled.line())
        for connector in (one for one in config.sources if not names or one.settings.name in names):
            try:
                summary = sync(config, ledger, connector, request, echo=lambda line: click.echo(line, err=True))
            except (SourceError, ConfigError) as error:  # of this source; the others need not wait for it
                failures.extend(line for line in str(error).splitlines() if line not in failures)
                continue
            click.echo(summary.as_json() if as_json else summary.line())
            failures.extend(summary.failures.values())
    for line in failures:
        click.echo(f"costlens: {line}", err=True)
    if failures:
        raise SystemExit(1)
