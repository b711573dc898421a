"""`costlens budgets`: what was spent of each budget, and what it comes to at the period's end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costlens.commands._options import config_option, open_config, open_ledger

if TYPE_CHECKING:
    from costlens.budgets import BudgetState


@click.command()
@config_option
@click.option("--month", metavar="YYYY-MM", help="Month, or one of the quarter's or year's; default the newest synced.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def command(config_path: Path, month: str | None, as_json: bool) -> None:
    """Print each budget with what was spent and the forecast to the end of its period."""
    from costlens.budgets import budget_states
    from costlens.errors import ConfigError
    from costlens.settings.budgets import Settings

    config = open_config(config_path)
    settings = config.section(Settings)
    if not settings.limits:
        raise ConfigError(f"{config_path}: no budgets: list them under `budgets: {{limits: [...]}}`")
    with open_ledger(config) as ledger:
        states = ledger.read(
            lambda snapshot: budget_states(ledger, snapshot, settings, month or f"{snapshot.as_of:%Y-%m}")
        )
    if as_json:
        shown = [{**asdict(state), "id": state.id, "share": round(state.share, 6)} for state in states]
        click.echo(json.dumps(shown, default=str, indent=2))
    else:
        click.echo(_table(states), nl=False)
        click.echo(
            "\nspent is what was charged, before idle and shared money is allocated: `costlens report` has it with that"
        )


def _table(states: tuple[BudgetState, ...]) -> str:
    import io

    from rich.console import Console
    from rich.table import Table

    from costlens.render import amount, plain

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in (
        ("budget", "left"),
        ("period", "left"),
        ("amount", "right"),
        ("spent", "right"),
        ("", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("forecast", justify="right")
    table.add_column("")
    for state in states:
        where = f" of {state.source}" if state.kind == "pool" and state.source else ""
        forecast = "–" if state.forecast is None else amount(state.forecast)
        note = "over" if state.spent > state.amount else "will be over" if state.is_over_in_the_end else ""
        table.add_row(
            plain(f"{state.kind} {state.key}{where}"), f"{state.period} from {state.since}",
            f"{amount(state.amount)} {state.currency}", amount(state.spent), f"{state.share:.0%}", forecast, note,
        )  # fmt: skip
    buffer = io.StringIO()
    Console(file=buffer, width=140, highlight=False, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
