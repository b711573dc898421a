"""`costlens anomalies`: what left its expected band, in the ledger or in a file of anyone's numbers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from costlens.commands._options import DAY, config_option, open_config, open_ledger


@click.command()
@config_option
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar=DAY, help="Only what lasted to this day or longer.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar=DAY, help="Only what began before this day.")
@click.option("--asset", help="Only this asset.")
@click.option("--team", help="Only what belongs to this team.")
@click.option(
    "--series",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Judge this CSV file instead: columns series, ts, value.",
)
@click.option(
    "--floor", type=click.FloatRange(0), default=0.0, help="With --series: what lies less above is no anomaly."
)
@click.option("--all-days", is_flag=True, help="With --series: tell the band of every day, not of the alarmed alone.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def command(
    config_path: Path,
    since: datetime | None,
    until: datetime | None,
    asset: str | None,
    team: str | None,
    file: Path | None,
    floor: float,
    all_days: bool,
    is_json: bool,
) -> None:
    """List spend anomalies: which series left its expected band, why, and the money at stake."""
    if file:
        _of_file(file, floor, all_days, is_json)
        return
    from datetime import timezone

    from costlens.anomaly import listing, telling
    from costlens.settings.anomalies import Settings

    config = open_config(config_path)
    matches = listing.chosen(since.date() if since else None, until.date() if until else None, team, asset)
    with open_ledger(config) as ledger:
        found = ledger.read(
            lambda snapshot: [
                one
                for one in listing.listed(ledger, snapshot, config.section(Settings), datetime.now(timezone.utc))
                if matches(one)
            ]
        )
    if is_json:
        click.echo(json.dumps([telling.as_json(one) for one in found], indent=1))
        return
    for line in telling.lines(found):
        click.echo(line)
    click.echo(f"{len(found)} anomalies" if found else "no anomalies")
    if found:
        click.echo("`costlens explain ID` tells the whole story of one")


def _of_file(file: Path, floor: float, all_days: bool, is_json: bool) -> None:
    from costlens.anomaly import series_file, telling

    table = series_file.read(file)
    told, found = series_file.judged(table, floor=floor)
    answer = series_file.as_json(table, told, found, all_days=all_days)
    if is_json:
        click.echo(json.dumps(answer, indent=1))
        return
    for one in answer["anomalies"]:
        days = one["first_day"] if one["first_day"] == one["last_day"] else f"{one['first_day']} to {one['last_day']}"
        click.echo(
            f"{days}  {one['form']} of {telling.plain(one['series'])}: {one['actual']:,.2f}, "
            f"expected {one['expected']:,.2f} ({one['low']:,.2f} to {one['high']:,.2f})"
        )
    click.echo(f"{len(found)} anomalies in {answer['series']} series, {answer['first_day']} to {answer['last_day']}")
