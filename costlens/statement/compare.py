"""Sets the same month under several policies side by side; nothing is priced again."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from costlens.render import amount, plain, safe_cell
from costlens.statement.asked import ask
from costlens.statement.gather import gather
from costlens.statement.lines import NOBODY, ZERO, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlens.config import Config
    from costlens.ledger import Ledger


def side_by_side(config: Config, ledger: Ledger, month: str, policies: Sequence[str], form: str) -> str:
    """Return a table of owners with what each pays under each policy, per currency."""
    snapshot = ledger.snapshot()
    columns = [gather(ledger, ask(config, month, policy=policy), snapshot).lines for policy in policies]
    rows = _rows(columns)
    if form == "json":
        body = [
            {"currency": currency, "team": name, "costs": dict(zip(policies, map(str, cents), strict=True))}
            for currency, name, cents in rows
        ]
        return json.dumps({"month": month, "policies": list(policies), "rows": body}, indent=2) + "\n"
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["month", "team", "currency", *(safe_cell(policy) for policy in policies)])
        writer.writerows([month, safe_cell(name), currency, *cents] for currency, name, cents in rows)
        return buffer.getvalue()
    return _table(month, policies, rows)


def _rows(columns: Sequence[Sequence[Line]]) -> list[tuple[str, str, list[Decimal]]]:
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for place, lines in enumerate(columns):
        for line in lines:
            sums.setdefault((line.currency, line.owner), [ZERO] * len(columns))[place] += line.cents
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] in NOBODY, -item[1][0], item[0][1]))
    return [(currency, name, cents) for (currency, name), cents in ordered]


def _table(month: str, policies: Sequence[str], rows: Sequence[tuple[str, str, list[Decimal]]]) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=110, highlight=False, color_system=None)
    console.print(plain(f"CostLens · {month} · policies side by side"))
    for currency in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == currency]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=True)
        table.add_column(f"team, {currency}", footer="total")
        for place, policy in enumerate(policies):
            table.add_column(policy, footer=amount(sum((row[2][place] for row in mine), ZERO)), justify="right")
        if len(policies) == 2:
            table.add_column("difference", footer="", justify="right")
        for _, name, cents in mine:
            apart = [f"{cents[1] - cents[0]:+,.2f}"] if len(policies) == 2 else []
            table.add_row(plain(name), *(amount(cent) for cent in cents), *apart)
        console.print()
        console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
