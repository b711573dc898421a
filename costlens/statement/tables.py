"""The tables of a statement as typed values, for every form that is laid out: HTML, PDF, XLSX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from costlens.reconcile import HALF_CENT, DayBalance
from costlens.rounding import rounded
from costlens.statement.lines import ZERO
from costlens.statement.model import KIND_WORDS, KINDS, Row, Section, Statement

Kind = Literal["text", "money", "count", "percent", "unit", "date"]
Value = str | Decimal | float | date | None


@dataclass(frozen=True)
class Column:
    """One column; `adds_up` ones have a total."""

    name: str
    kind: Kind = "text"
    adds_up: bool = False


@dataclass(frozen=True)
class Table:
    """A titled table; `total` is its last row where it has one."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""

    @property
    def has_total(self) -> bool:
        return any(column.adds_up for column in self.columns)

    @property
    def total(self) -> tuple[Value, ...]:
        """Return the row of totals: a sum of what is shown, cent by cent."""
        sums: list[Value] = []
        for place, column in enumerate(self.columns):
            if not column.adds_up:
                sums.append("total" if place == 0 else None)
                continue
            values = [row[place] for row in self.rows]
            if column.kind == "money":
                sums.append(sum((value for value in values if isinstance(value, Decimal)), ZERO))
            else:
                sums.append(sum(value for value in values if isinstance(value, int | float)))
        return tuple(sums)


def tables(section: Section, statement: Statement, *, assets: int | None = None) -> list[Table]:
    """Return the tables of a section that have rows; `assets`: show so many, the rest as one row."""
    found = []
    if not statement.team:
        found.append(_spent("teams", "By team", "team", section.owners, statement, kinds=True))
    found.append(
        _spent("categories", "By category", "category", section.categories, statement, kinds=bool(statement.team))
    )
    if len(section.sources) > 1:
        found.append(_spent("sources", "By source and account", "source · account", section.sources, statement))
    found.append(_spent("assets", "By asset", "asset", top(section.assets, assets), statement))
    found += [_budgets(section), _units(section), _allocated(section), _corrections(section), *_reconciled(section)]
    return [table for table in found if table.rows]


def top(rows: Sequence[Row], count: int | None) -> Sequence[Row]:
    """Return the dearest rows and the rest as one."""
    if count is None or len(rows) <= count + 1:
        return rows
    rest = rows[count:]
    befores = [row.before for row in rest if row.before is not None]
    name = f"({len(rest):,} more)"
    cost = sum((row.cost for row in rest), ZERO)
    before = sum(befores, ZERO) if befores else None
    return [*rows[:count], Row(name, cost, before, queries=sum(row.queries for row in rest))]


def _spent(key: str, title: str, name: str, rows: Sequence[Row], statement: Statement, *, kinds: bool = False) -> Table:
    shown = [kind for kind in KINDS if kinds and any(kind in row.kinds for row in rows)]
    shown = shown if len(shown) > 1 else []
    compared = any(row.before is not None for row in rows)
    columns = [Column(name), *(Column(KIND_WORDS[kind], "money", adds_up=True) for kind in shown)]
    columns.append(Column("cost", "money", adds_up=True))
    if compared:
        columns.append(Column("month before", "money", adds_up=True))
    if compared and statement.is_whole:
        columns += [Column("change", "money", adds_up=True), Column("change %", "percent")]
    columns.append(Column("queries", "count", adds_up=True))
    values: list[tuple[Value, ...]] = []
    for row in rows:
        cells: list[Value] = [row.name, *(row.kinds.get(kind, ZERO) for kind in shown), row.cost]
        if compared:
            cells.append(row.before)
        if compared and statement.is_whole:
            share = float(row.cost / row.before) - 1 if row.before and row.before > 0 and row.cost >= 0 else None
            cells += [row.cost - (row.before or ZERO), share]
        values.append((*cells, row.queries))
    return Table(key, title, tuple(columns), tuple(values))


def _budgets(section: Section) -> Table:
    columns = (
        *(Column("budget of"), Column("name"), Column("budget", "money"), Column("spent", "money")),
        *(Column("left", "money"), Column("spent %", "percent")),
    )
    rows = tuple(
        (one.kind, one.name, one.amount, one.spent, one.amount - one.spent, one.share) for one in section.budgets
    )
    return Table("budgets", "Budgets", columns, rows)


def _units(section: Section) -> Table:
    columns = (
        Column("unit"),
        Column("cost of one", "unit"),
        Column("month before", "unit"),
        Column("how many", "count"),
    )
    units, then = section.units, section.units.before
    rows: list[tuple[Value, ...]] = [
        (
            "1,000 queries",
            units.per_thousand_queries,
            then.per_thousand_queries if then else None,
            units.queries / 1000,
        ),
        ("run", units.per_run, then.per_run if then else None, float(units.runs)),
        ("terabyte scanned", units.per_terabyte, then.per_terabyte if then else None, units.terabytes),
    ]
    note = "Cost of queries with the idle, overhead and acceleration that came with them."
    return Table("units", "Unit costs", columns, tuple(row for row in rows if row[1] is not None), note)


def _allocated(section: Section) -> Table:
    sums: dict[tuple[str, str, str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in section.allocated:
        sums[one.rule or KIND_WORDS[one.kind], one.source, one.pool or one.service, one.category, one.origin] += (
            one.cost
        )
    rows = sorted(((*key, cents) for key, cents in sums.items() if cents), key=lambda row: (row[0], -row[5], row))
    columns = (
        *(Column("policy"), Column("source"), Column("pool or service"), Column("category"), Column("was")),
        Column("cost", "money", adds_up=True),
    )
    note = "Money that came here by the policy, and from where."
    return Table("allocated", "Allocated", columns, tuple(rows), note)


def _corrections(section: Section) -> Table:
    columns = (Column("closed month"), Column("owner"), Column("cost", "money", adds_up=True))
    rows = tuple((one.month, one.owner, one.cost) for one in section.corrections)
    note = "What closed months turned out to be otherwise since they were closed."
    return Table("corrections", "Corrections of closed months", columns, rows, note)


_MONEY = ("metered", "estimated", "adjusted", "beside", "charged", "billed", "residual")


def _reconciled(section: Section) -> list[Table]:
    """Return the reconciliation by service, and the days that needed a reason; of all teams."""
    services: dict[tuple[str, str], DayBalance] = {}
    for day in section.reconciliation.days:
        of = services.setdefault(
            (day.source, day.service), DayBalance(day.currency, source=day.source, service=day.service)
        )
        of.add(day)
    ordered = [services[key] for key in sorted(services)]
    always = ("metered", "charged", "billed", "residual")
    names_shown = [name for name in _MONEY if name in always or any(getattr(one, name) for one in ordered)]
    columns = tuple(Column(name, "money", adds_up=True) for name in names_shown)
    cents = list(zip(*(_column(ordered, name) for name in names_shown), strict=True))
    rows = tuple(
        (one.source, one.service or "(no service)", *values) for one, values in zip(ordered, cents, strict=True)
    )
    whole = "All teams. " + " · ".join(section.reconciliation.reasons)
    by_service = Table(
        "services", "Reconciliation by service", (Column("source"), Column("service"), *columns), rows, whole.strip()
    )
    told = [day for day in section.reconciliation.days if day.reason]
    days = tuple(
        (
            *(day.day, day.source, day.service or "(no service)"),
            *(_cents(day.metered), _cents(day.adjusted), _cents(day.charged)),
            *(None if day.billed is None else _cents(day.billed), _residual(day), day.reason),
        )
        for day in sorted(told, key=lambda one: (one.day, one.source, one.service))
    )
    names = (Column("day", "date"), Column("source"), Column("service"))
    money = tuple(Column(name, "money") for name in ("metered", "adjusted", "charged", "billed", "residual"))
    return [by_service, Table("days", "Days that needed a reason", (*names, *money, Column("reason")), days)]


def _column(balances: Sequence[DayBalance], name: str) -> list[Value]:
    """Return a column of the reconciliation in cents that add up; what was not billed is empty."""
    if name == "residual":
        exact = [(one.billed or ZERO) - one.charged for one in balances]
    else:
        exact = [getattr(one, name) or ZERO for one in balances]
    cents = rounded(exact)
    if name != "billed":
        return list(cents)
    return [None if one.billed is None else cent for one, cent in zip(balances, cents, strict=True)]


def _residual(day: DayBalance) -> Decimal:
    residual = (day.billed or ZERO) - day.charged
    return ZERO if abs(residual) < HALF_CENT else _cents(residual)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01")) + 0
