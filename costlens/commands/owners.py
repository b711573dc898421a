"""`costlens owners`: who owns what, where sources disagree, and what nobody owns."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costlens.commands._options import config_option, open_config, open_ledger

if TYPE_CHECKING:
    from rich.table import Table

    from costlens.owners import Claim, Holding, Ownings

_WIDTH = 140


@click.command()
@config_option
@click.option(
    "--month", metavar="YYYY-MM", help="Money of this billing month, owners as at its end; default the newest."
)
@click.option("--team", help="List what this team owns.")
@click.option("--all", "everything", is_flag=True, help="List every asset with its owner.")
@click.option("--top", type=click.IntRange(1), default=25, show_default=True, help="Lines of each list.")
@click.option("--json", "as_json", is_flag=True, help="Print all assets with all claims as JSON.")
def command(config_path: Path, month: str | None, team: str | None, everything: bool, top: int, as_json: bool) -> None:
    """Say which assets nobody owns, dearest first, and where sources disagree about the owner, with what decides.

    Sources and their precedence are those under `assets:` of costlens.yml: the lowest number wins, then what began last.
    """
    from costlens.owners import owners

    config = open_config(config_path)
    with open_ledger(config) as ledger:
        found = ledger.read(lambda snapshot: owners(ledger, snapshot, month))
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2))
        return
    for line in _lines(found, team, top, everything=everything):
        click.echo(line)


def _lines(found: Ownings, team: str | None, top: int, *, everything: bool) -> list[str]:
    lines = [_summary(found)]
    if team or everything:
        held = [holding for holding in found.holdings if team is None or holding.team == team]
        lines += _list("Owned by " + team if team else "Assets", held, found, top, ("team", "by", "since"))
        return lines
    lines += _list("Nobody owns", found.of("orphan", "unknown"), found, top, ("remedy",))
    lines += _list("Sources disagree", found.of("conflict"), found, top, ("team", "claims"))
    if found.notes:
        lines += ["", "Sources of assets say what cannot be", *(f"  {_clean(note)}" for note in found.notes[:top])]
        if len(found.notes) > top:
            lines.append(f"  and {len(found.notes) - top} more: --json has all")
    return lines


def _summary(found: Ownings) -> str:
    owned, every = found.of("owned", "conflict"), found.holdings
    money = [
        f"{100 * found.share(currency, 'owned', 'conflict'):.1f} % of {total:,.2f} {currency}"
        for currency, total in sorted(found.totals.items())
    ]
    line = f"CostLens · owners at {found.day}: {len(owned):,} of {len(every):,} assets have a team"
    return f"{line}: {', '.join(money)} that assets cost in {found.month}" if money else line


def _list(
    title: str, holdings: tuple[Holding, ...] | list[Holding], found: Ownings, top: int, columns: tuple[str, ...]
) -> list[str]:
    """Return a titled table of assets; [] for none."""
    from rich.console import Console
    from rich.table import Table

    if not holdings:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=True)
    table.add_column("asset", overflow="fold", max_width=48)
    for currency in sorted(found.totals) or ["cost"]:
        table.add_column(currency, justify="right", no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    for holding in list(holdings)[:top]:
        _add(table, holding, found, columns)
    console = Console(width=_WIDTH, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    rest = [f"  and {len(holdings) - top:,} more: --top {len(holdings)} shows all"] if len(holdings) > top else []
    written = [line.rstrip() for line in captured.get().splitlines()]
    return ["", f"{title} ({len(holdings):,})", *written, *rest]


def _add(table: Table, holding: Holding, found: Ownings, columns: tuple[str, ...]) -> None:
    from costlens.render import amount, plain

    money = [amount(holding.cost[one]) if one in holding.cost else "" for one in sorted(found.totals)] or [""]
    winner = holding.claims[0] if holding.claims else None
    cells = {
        "team": holding.team or "",
        "by": winner.origin if winner else "",
        "since": f"{winner.valid_from}" if winner and winner.valid_from else "",
        "remedy": holding.remedy,
        "claims": ", ".join(_told(claim) for claim in holding.claims),
    }
    table.add_row(plain(holding.asset), *money, *(plain(cells[column]) for column in columns))


def _told(claim: Claim) -> str:
    since = f" since {claim.valid_from}" if claim.valid_from else ""
    return f"{claim.team} by {claim.origin} ({claim.precedence}){since}"


def _clean(text: str) -> str:
    from costlens.render import plain

    return plain(text).plain


def _plain(found: Ownings) -> dict[str, Any]:
    """Return all as JSON has it; money is text, so that no digit is lost."""
    return {
        "month": found.month,
        "day": found.day.isoformat(),
        "totals": {currency: _exact(money) for currency, money in sorted(found.totals.items())},
        "assets": [
            {
                "asset": holding.asset,
                "state": holding.state,
                "team": holding.team,
                "owners": list(holding.owners),
                "path": holding.path,
                "cost": {currency: _exact(money) for currency, money in sorted(holding.cost.items())},
                "claims": [_claim(claim) for claim in holding.claims],
                "past": [_claim(claim) for claim in holding.past],
                "remedy": holding.remedy or None,
            }
            for holding in found.holdings
        ],
        "notes": list(found.notes),
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "team": claim.team,
        "origin": claim.origin,
        "precedence": claim.precedence,
        "valid_from": _day(claim.valid_from),
        "valid_to": _day(claim.valid_to),
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _exact(money: Decimal) -> str:
    return f"{money:f}"
