"""Answers `costlens report`: the month's charges by team, asset or other, with the reconciliation under them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.engine import Engine
from costlens.errors import Problem, UsageError
from costlens.reading import day_number, with_team
from costlens.reconcile import Reconciliation, reconcile
from costlens.rounding import rounded

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Ledger, Snapshot

UNATTRIBUTED = "(unattributed)"
IDLE = "(idle)"
SHARED = "(shared)"
REST = "(rest)"
NO_ASSET = " (no asset)"
NOBODY = (IDLE, UNATTRIBUTED, SHARED)


@dataclass(frozen=True)
class Question:
    """What a report is asked for."""

    month: str
    by: str = "team"
    team: str | None = None
    source: str | None = None
    top: int = 25


@dataclass(frozen=True)
class Line:
    """One line of the report; `cost` is rounded to cents so that all lines add up."""

    name: str
    cost: Decimal
    share: float
    queries: float
    before: Decimal | None
    """Cost in the month before; None = nothing then."""
    provisional: Decimal
    note: str = ""


@dataclass(frozen=True)
class Section:
    """The lines of one currency, their total and the reconciliation; currencies are never added."""

    currency: str
    lines: tuple[Line, ...]
    total: Decimal
    provisional: Decimal
    attributed: float
    reconciliation: Reconciliation


@dataclass(frozen=True)
class Answer:
    """A report, ready to be shown."""

    question: Question
    sections: tuple[Section, ...]
    snapshot_id: int
    as_of: datetime
    final_until: date | None
    problems: tuple[Problem, ...]


def report(ledger: Ledger, snapshot: Snapshot, question: Question) -> Answer:
    """Answer a question from one snapshot; raises UsageError for a month that cannot be or that has nothing."""
    before = _month_before(question.month)
    with Engine() as engine:
        days = range(day_number(_first(before)) - 1, day_number(_first(_month_after(question.month))) + 2)
        rows = ledger.table("daily", snapshot, engine, source=question.source, days=days)
        rows = with_team(engine, rows.filter(rows.billing_period.isin([question.month, before])), ledger.estate())
        if question.team:
            rows = rows.filter(rows.team == question.team)
        found = engine.rows(_grouped(rows, question.by))
        if not any(row["billing_period"] == question.month for row in found):
            raise UsageError(_nothing(ledger, snapshot, engine, question))
        balances = reconcile(ledger, snapshot, engine, question.month, question.source)
        if not _is_whole(engine, rows, before):
            found = [row for row in found if row["billing_period"] != before]
        final_until = _final_until(engine, rows.filter(rows.billing_period == question.month))
    currencies = sorted(
        {row["currency"] for row in found if row["billing_period"] == question.month and row["currency"]}
    )
    sections = tuple(_section(found, currency, question, before, balances) for currency in currencies)
    return Answer(question, sections, snapshot.id, snapshot.as_of, final_until, tuple(ledger.problems()))


def _grouped(rows: ir.Table, by: str) -> ir.Table:
    label = _label(rows, by)
    keyed = rows.mutate(label=label, told=rows.team.notnull() | rows.asset.notnull())
    return keyed.group_by(["billing_period", "currency", "label"]).agg(
        cost=keyed.cost.sum(),
        provisional=keyed.provisional_cost.sum(),
        queries=keyed.queries.sum(),
        told=ibis.ifelse(keyed.told, keyed.cost, ibis.literal(0).cast("decimal(38, 12)")).sum(),
        text=keyed["shape"].max(),
    )


def _label(rows: ir.Table, by: str) -> ir.Value:
    """Name the group of a row; money that belongs to nobody is named by what it is."""
    nobody = ibis.cases(
        (rows.category == "idle", IDLE),
        (rows.category.isin(["overhead", "adjustment"]), SHARED),
        else_=UNATTRIBUTED,
    )
    if by == "asset":  # what a team has without saying for which asset
        nobody = ibis.ifelse(rows.team.notnull(), rows.team + NO_ASSET, nobody)
    return rows[by].fill_null(nobody)


def _section(
    found: Sequence[dict[str, Any]], currency: str, question: Question, before: str, balances: dict[str, Reconciliation]
) -> Section:
    mine = [row for row in found if row["currency"] == currency]
    now = {row["label"]: row for row in mine if row["billing_period"] == question.month}
    then = {row["label"]: row["cost"] for row in mine if row["billing_period"] == before and row["cost"]}
    named = sorted(now.values(), key=lambda row: (-row["cost"], row["label"]))
    ordinary = [row for row in named if row["label"] not in NOBODY]
    shown, rest = ordinary[: question.top], ordinary[question.top :]
    if rest:
        shown = [*shown, _rest(rest)]
        if then:
            then[REST] = sum((then.get(row["label"], Decimal(0)) for row in rest), Decimal(0))
    shown = [*shown, *(row for row in named if row["label"] in NOBODY)]
    total = sum((row["cost"] for row in named), Decimal(0))
    cents = rounded([row["cost"] for row in shown])
    lines = tuple(
        Line(
            name=row["label"],
            cost=cent,
            share=float(row["cost"] / total) if total else 0.0,
            queries=row["queries"],
            before=then[row["label"]].quantize(Decimal("0.01")) if row["label"] in then else None,
            provisional=row["provisional"],
        )
        for row, cent in zip(shown, cents, strict=True)
    )
    told = sum((row["told"] for row in named), Decimal(0))
    return Section(
        currency=currency,
        lines=lines,
        total=sum(cents, Decimal(0)),
        provisional=sum((row["provisional"] for row in named), Decimal(0)),
        attributed=float(told / total) if total else 0.0,
        reconciliation=balances.get(currency, Reconciliation(currency)),
    )


def _rest(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    summed = {
        key: sum((row[key] for row in rows), type(rows[0][key])(0))
        for key in ("cost", "provisional", "queries", "told")
    }
    return {**summed, "label": REST}


def _is_whole(engine: Engine, rows: ir.Table, month: str) -> bool:
    """Tell whether a month has charges from its first day on: part of a month is nothing to compare with."""
    mine = rows.filter(rows.billing_period == month)
    first = engine.rows(mine.aggregate(day=mine.day.min()))[0]["day"]
    return first is not None and first <= day_number(_first(month))


def _final_until(engine: Engine, rows: ir.Table) -> date | None:
    """Return the day up to which nothing is provisional (exclusive), None where all is; what is estimated is told apart."""
    first_open = ibis.ifelse(rows.status == "provisional", rows.day, ibis.null("int32")).min()
    row = engine.rows(rows.aggregate(first_open=first_open, last=rows.day.max()))[0]
    until = row["first_open"] if row["first_open"] is not None else row["last"] + 1 if row["last"] is not None else None
    return date.fromordinal(date(1970, 1, 1).toordinal() + until) if until is not None else None


def _nothing(ledger: Ledger, snapshot: Snapshot, engine: Engine, question: Question) -> str:
    rows = ledger.table("daily", snapshot, engine)
    months = [row["billing_period"] for row in engine.rows(rows.select("billing_period").distinct())]
    known = ", ".join(sorted(month for month in months if month)) or "none"
    whose = f" of team {question.team!r}" if question.team else ""
    whose += f" of source {question.source!r}" if question.source else ""
    return f"report: no charges{whose} in {question.month}: months with charges are {known}"


def _first(month: str) -> date:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise UsageError(f"report: {month!r} is no month: write it as 2026-10")
    return date(int(month[:4]), int(month[5:]), 1)


def _month_before(month: str) -> str:
    first = _first(month)
    return date.fromordinal(first.toordinal() - 1).strftime("%Y-%m")


def _month_after(month: str) -> str:
    first = _first(month)
    return date.fromordinal(first.toordinal() + 31).strftime("%Y-%m")


def utc(at: datetime) -> datetime:
    """Return a database's time as aware UTC."""
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
