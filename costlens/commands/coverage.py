"""`costlens coverage`: what share of spend and of queries is tagged, and which sessions to fix first, with the line that does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costlens.commands._options import config_option, open_config, open_ledger

if TYPE_CHECKING:
    from rich.console import Console

    from costlens.coverage import Coverage, Share, Untagged


@click.command()
@config_option
@click.option("--month", metavar="YYYY-MM", help="Billing month; default the newest that has charges.")
@click.option("--source", help="Only this source.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Show so many lines of each list.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def command(config_path: Path, month: str | None, source: str | None, top: int, as_json: bool) -> None:
    """Print what share of spend and of queries is tagged, by connector, application, user and pool, and what to fix first.

    Tagged: CostLens' tag or a configured key names the asset or team. Marked: the tool's own comment, tag or labels do.
    """
    from costlens.coverage import coverage, newest_month

    config = open_config(config_path)
    with open_ledger(config) as ledger:
        found = ledger.read(
            lambda snapshot: coverage(ledger, snapshot, month or newest_month(ledger, snapshot, source), source)
        )
    if as_json:
        import json

        click.echo(json.dumps(_shown(found), indent=2, ensure_ascii=False))
        return
    click.echo(_table(found, top), nl=False)


def _shown(found: Coverage) -> dict[str, Any]:
    return {
        "month": found.month,
        "snapshot": found.snapshot_id,
        "total": [_share(each) for each in found.total],
        "by": {name: [_share(each) for each in shares] for name, shares in found.by.items()},
        "untagged": [_group(each) for each in found.untagged],
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "name": share.name,
        "currency": share.currency,
        "cost": str(share.cost),
        "queries": share.queries,
        "tagged_cost": str(share.tagged_cost),
        "marked_cost": str(share.marked_cost),
        "tagged_queries": share.tagged_queries,
        "marked_queries": share.marked_queries,
    }


def _group(group: Untagged) -> dict[str, Any]:
    return {
        "connector": group.connector,
        "application": group.application,
        "user": group.user,
        "pool": group.pool,
        "path": group.path,
        "currency": group.currency,
        "cost": str(group.cost),
        "silent_cost": str(group.silent_cost),
        "lost_cost": str(group.lost_cost),
        "queries": group.queries,
        "sessions": group.sessions,
        "fix": {"where": group.fix.where, "line": group.fix.line},
    }


def _table(found: Coverage, top: int) -> str:
    """Return it for a terminal."""
    import io

    from rich.console import Console

    from costlens.render import amount, plain

    buffer = io.StringIO()
    console = Console(file=buffer, width=120, highlight=False, color_system=None, soft_wrap=True)
    console.print(plain(f"CostLens · coverage of {found.month}"))
    for each in found.total:
        told = f"{each.tagged:.1%} of {amount(each.cost)} {each.currency}, {each.tagged_of_queries:.1%} of {each.queries:,} queries"
        console.print(
            plain(f"tagged: {told}; with the marks of tools {each.known:.1%} and {each.known_of_queries:.1%}")
        )
    for name, shares in found.by.items():
        console.print()
        _print_shares(console, name, shares, top)
    console.print()
    console.print("Fix first (what no evidence finds, then what its tool does not mark, then the rest):")
    for number, group in enumerate(found.untagged[:top], 1):
        lost = f", {amount(group.lost_cost)} found by nothing" if group.lost_cost else ""
        head = f"{number:3}  {amount(group.cost):>10} {group.currency}{lost}  {group.queries:,} queries  {group.application}"
        path = f", {group.path}" if group.path else ""
        console.print(plain(f"{head} as {group.user} on {group.pool} ({group.connector}{path})"))
        console.print(plain(f"     {group.fix.where}: {group.fix.line}"))
    if len(found.untagged) > top:
        console.print(f"     and {len(found.untagged) - top} more groups: --top shows more")
    return buffer.getvalue()


def _print_shares(console: Console, name: str, shares: Sequence[Share], top: int) -> None:
    from rich.table import Table

    from costlens.render import amount, plain

    table = Table(show_edge=False, pad_edge=False, box=None, header_style="")
    table.add_column(name, no_wrap=True, max_width=38)
    for column in ("cost", "", "tagged", "or marked", "queries", "tagged", "or marked"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for each in shares[:top]:
        money = (amount(each.cost), each.currency, f"{each.tagged:.1%}", f"{each.known:.1%}")
        queries = (f"{each.queries:,}", f"{each.tagged_of_queries:.1%}", f"{each.known_of_queries:.1%}")
        table.add_row(plain(each.name), *money, *queries)
    console.print(table)
    if len(shares) > top:
        console.print(f"and {len(shares) - top} more: --top shows more")
