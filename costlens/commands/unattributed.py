"""`costlens unattributed`: what nobody pays for yet, by money, with the quickest fix of each group."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config, open_ledger

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.unattributed import Group, Rest

BY = ("fix", "user", "application", "script", "shape", "pool")


@click.command()
@config_option
@click.option("--month", metavar="YYYY-MM", help="Days of this month; without it the newest month of the ledger.")
@click.option(
    "--by",
    type=click.Choice(BY),
    default="fix",
    show_default=True,
    help="How to group; fix: by what one rule would attribute.",
)
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="Show so many groups.")
@click.option("--json", "as_json", is_flag=True, help="Print all groups as JSON.")
@click.option(
    "--apply",
    "number",
    type=click.IntRange(1),
    metavar="N",
    help="Write the rule or asset of group N to your file, for --team.",
)
@click.option("--team", help="Team that --apply gives the group to.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def command(
    config_path: Path,
    month: str | None,
    by: str,
    top: int,
    as_json: bool,
    number: int | None,
    team: str | None,
    yes: bool,
) -> None:
    """Print what is not attributed, largest first, and what would attribute it; --apply writes that after showing the change."""
    from costlens.errors import UsageError
    from costlens.settings.attribution import Settings
    from costlens.unattributed import rest

    config = open_config(config_path)
    with open_ledger(config) as ledger:
        snapshot = ledger.snapshot()
        asked = month or f"{snapshot.as_of:%Y-%m}"
        days = _days(asked)
        found = ledger.read(lambda snap: rest(ledger, snap, *days, by, config.section(Settings), asked))
        if not found.groups and month is None:
            found = ledger.read(lambda snap: rest(ledger, snap, None, None, by, config.section(Settings)))
    if number is not None:
        if number > len(found.groups):
            raise UsageError(
                f"unattributed: there are {len(found.groups)} groups: --apply names one of them by its number"
            )
        if not team:
            raise UsageError("unattributed: --apply needs --team: who shall pay?")
        _apply(config, found.groups[number - 1], team, yes=yes)
    elif as_json:
        click.echo(
            json.dumps([_shown(n, group) for n, group in enumerate(found.groups, 1)], indent=2, ensure_ascii=False)
        )
    else:
        _print(found, top)


def _days(month: str) -> tuple[int, int]:
    """Return the days that a billing month's rows may lie on: a vendor's month begins and ends up to a day off UTC's."""
    from costlens.reading import day_number
    from costlens.report import first_day

    first = first_day(month)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return day_number(first) - 1, day_number(following) + 1


def _shown(number: int, group: Group) -> dict[str, object]:
    rule = group.rule
    return {
        "number": number,
        "kind": group.kind,
        "name": group.name,
        "cost": str(group.cost),
        "currency": group.currency,
        "queries": group.queries,
        "sources": sorted(group.sources),
        "sample": group.sample,
        "fix": group.fix,
        "rule": {rule[0]: rule[1]} if rule else None,
        "hint": group.hint,
    }


def _print(found: Rest, top: int) -> None:
    from costlens.render import amount, plain

    if not found.groups:
        click.echo("nothing is unattributed")
        return
    told = []
    for currency, total in found.total.items():
        left = sum((group.cost for group in found.groups if group.currency == currency), Decimal(0))
        told += [f"{amount(left)} of {amount(total)} {currency} ({left / total:.1%})"] if total and left else []
    click.echo(f"not attributed: {', '.join(told) or 'queries without cost'}")
    click.echo()
    for number, group in enumerate(found.groups[:top], 1):
        head = f"{number:3}  {amount(group.cost):>12} {group.currency}  {group.queries:>8,} queries  {group.kind} {group.name}"
        click.echo(plain(head).plain)
        more = "; ".join(
            part
            for part in (group.fix, group.hint, f"see `costlens why {group.sample}`" if group.sample else "")
            if part
        )
        click.echo(plain(f"     {more}").plain)
    if len(found.groups) > top:
        others = found.groups[top:]
        click.echo(f"     and {len(others)} more groups: --top shows more")
    click.echo()
    click.echo(
        "`costlens unattributed --apply N --team TEAM` writes the rule or asset of group N to your file, after showing the change."
    )


def _apply(config: Config, group: Group, team: str, *, yes: bool) -> None:
    """Show the change of a file, ask, and write it."""
    from costlens.errors import UsageError
    from costlens.render import amount, plain
    from costlens.rules_file import difference, replace, with_asset, with_rule

    if rule := group.rule:
        path = config.root.teams
        if path is None:
            raise UsageError("unattributed: costlens.yml names no `teams` file: a rule has no place to stand")
        text = path.read_text(encoding="utf-8")
        new = with_rule(text, team, *rule, where=str(path))
    elif group.kind in ("relation", "object"):
        files = [config.base / entry["yaml"] for entry in config.root.assets if "yaml" in entry]
        if not files:
            raise UsageError("unattributed: costlens.yml names no YAML file of assets: an asset has no place to stand")
        path = files[0]
        text = path.read_text(encoding="utf-8")
        key = "/".join(group.name.lower().split(".")[-2:])
        new = with_asset(text, key, group.name, team, where=str(path))
    else:
        raise UsageError(f"unattributed: no rule can be written for {group.kind} {group.name}: {group.fix}")
    click.echo(plain(f"{amount(group.cost)} {group.currency} of {group.queries:,} queries would be {team}'s:").plain)
    for line in difference(text, new, path).splitlines():
        click.echo(plain(line).plain)
    if not yes and not click.confirm("Write it?"):
        click.echo("nothing was changed")
        return
    replace(path, new)
    click.echo("written; the next `costlens sync` attributes all days anew, without touching a cent")
