"""A statement for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from costlens.render import amount, plain
from costlens.statement.lines import ZERO
from costlens.statement.model import KIND_WORDS, KINDS, Row, Section, Statement
from costlens.statement.words import budget_words, change, footing, unit_rows

WIDTH = 118
_ASSETS = 15
_ALLOCATED = 10


def as_table(statement: Statement) -> str:
    """Return the statement for a terminal."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=WIDTH, highlight=False, color_system=None)
    console.print(plain(statement.title))
    for section in statement.sections:
        _print_section(console, section, statement)
    console.print()
    for line in footing(statement):
        console.print(plain(line))
    if statement.team or statement.source:
        console.print(Text("All teams:"))
    for section in statement.sections:
        for line in section.reconciliation.lines():
            console.print(plain(line))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _print_section(console: Console, section: Section, statement: Statement) -> None:
    console.print()
    share = f" of {amount(section.everyone)} for all teams" if statement.team else ""
    console.print(plain(f"{amount(section.total)} {section.currency}{share}, {change(section, statement)}"))
    if not statement.team:
        _table(console, "team", section.owners, section, kinds=True, whole=statement.is_whole)
    _table(console, "category", section.categories, section, kinds=bool(statement.team), whole=statement.is_whole)
    if len(section.sources) > 1:
        _table(console, "source and account", section.sources, section, kinds=False, whole=statement.is_whole)
    _table(console, "asset", _top(section.assets, _ASSETS), section, kinds=False, whole=statement.is_whole)
    _words(console, "Why it changed", [f"{amount(one.amount):>12}  {one.words}" for one in section.drivers])
    _words(console, "Changed most", section.changes)
    _words(console, "Budgets", [budget_words(budget, section.currency) for budget in section.budgets])
    units = unit_rows(section.units, section.currency)
    _words(
        console, "Unit costs", [f"{name:<20}{now:>18}  before {then:>12}  {count}" for name, now, then, count in units]
    )
    _words(console, "Allocated", _allocated(section))
    _words(
        console,
        "Corrections of closed months",
        [f"{amount(one.cost):>12}  {one.month}  {one.owner}" for one in section.corrections],
    )


def _top(rows: Sequence[Row], count: int) -> list[Row]:
    """Return the dearest rows and the rest as one."""
    rest = rows[count:]
    if not rest:
        return list(rows)
    befores = [row.before for row in rest if row.before is not None]
    more = Row(
        f"({len(rest):,} more)",
        sum((row.cost for row in rest), ZERO),
        sum(befores, ZERO) if befores else None,
        queries=sum(row.queries for row in rest),
    )
    return [*rows[:count], more]


def _table(console: Console, name: str, rows: Sequence[Row], section: Section, *, kinds: bool, whole: bool) -> None:
    shown = [kind for kind in KINDS if kinds and any(kind in row.kinds for row in rows)]
    befores = [row.before for row in rows if row.before is not None]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=True)
    table.add_column(name, footer="total", overflow="ellipsis", no_wrap=True, max_width=44 if kinds else 60)
    for kind in shown if len(shown) > 1 else ():
        table.add_column(
            KIND_WORDS[kind], footer=amount(sum((r.kinds.get(kind, ZERO) for r in rows), ZERO)), justify="right"
        )
    table.add_column(section.currency, footer=amount(sum((row.cost for row in rows), ZERO)), justify="right")
    if befores:
        table.add_column("month before", footer=amount(sum(befores, ZERO)), justify="right")
    if befores and whole:  # a part of a month is not so many per cent of a whole one
        table.add_column("change", justify="right")
    table.add_column("queries", footer=f"{sum(row.queries for row in rows):,.0f}", justify="right")
    for row in rows:
        cells = [amount(row.kinds.get(kind, ZERO)) for kind in (shown if len(shown) > 1 else ())]
        then = [amount(row.before) if row.before is not None else "–"] if befores else []
        then += [percent(row)] if befores and whole else []
        queries = f"{row.queries:,.0f}" if row.queries else "–"
        table.add_row(plain(row.name), *cells, amount(row.cost), *then, queries)
    console.print()
    console.print(table)


def percent(row: Row) -> str:
    """Return the change in per cent; of what was no cost there is no such figure."""
    if row.before is None:
        return "new"
    if row.before <= 0 or row.cost < 0:
        return "–"
    return "gone" if row.is_gone else f"{float(row.cost / row.before) - 1:+,.0%}"


def _words(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print()
        console.print(Text(title))
        for line in lines:
            console.print(plain(f"  {line}"), soft_wrap=True)


def _allocated(section: Section) -> list[str]:
    """Return what was allocated, by rule and where it came from, dearest first."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for one in section.allocated:
        where = one.pool or one.service or one.category
        key = (one.rule, f"{one.source}/{where}", "" if one.origin.startswith("(") else f", of {one.origin}")
        sums[key] = sums.get(key, ZERO) + one.cost
    ordered = sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0]))
    told = [f"{amount(cost):>12}  {rule} · {where}{whose}" for (rule, where, whose), cost in ordered[:_ALLOCATED]]
    rest = sum((cost for _, cost in ordered[_ALLOCATED:]), ZERO)
    return [*told, f"{amount(rest):>12}  ({len(ordered) - _ALLOCATED:,} more)"] if len(ordered) > _ALLOCATED else told
