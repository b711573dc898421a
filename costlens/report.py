"""Answers `costlens report`: the month's charges by team, asset or other, with the reconciliation under them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

ZERO = Decimal(0)
UNATTRIBUTED = "(unattributed)"
IDLE = "(idle)"
OVERHEAD = "(overhead)"
ADJUSTMENT = "(adjustment)"
REST = "(rest)"
NO_ASSET = " (no asset)"
#: What a shape's text is cut to.
NOTE_LENGTH = 300


@dataclass(frozen=True)
class Question:
    """What a report is asked for."""

    month: str
    by: str = "team"
    team: str | None = None
    source: str | None = None
    top: int | None = 25
    """Lines before the rest is one; None = all."""


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
    """Masked text of a shape."""


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
    charged_until: date | None
    """Day after the last charge of the month: before the month's end, it is the month so far."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Beside:
    """What the lines of a report are shown with."""

    month_before: str
    balances: dict[str, Reconciliation]
    notes: dict[str, str]
    pins: dict[tuple[str, str], Decimal]
    """(month, currency) -> cents that the lines add up to; none = the sum's own."""


def report(ledger: Ledger, snapshot: Snapshot, question: Question) -> Answer:
    """Answer a question from one snapshot; raises UsageError for a month that cannot be or that has nothing."""
    before = month_before(question.month)
    with Engine() as engine:
        days = range(day_number(first_day(before)) - 1, day_number(month_end(question.month)) + 2)
        rows = ledger.table("daily", snapshot, engine, source=question.source, days=days)
        rows = with_team(
            engine, rows.filter(rows.billing_period.isin([question.month, before])), ledger.estate(snapshot)
        )
        pins = _pins(engine, rows, question.team) if question.team else {}
        everyone = rows.filter(rows.billing_period == question.month)
        is_compared = _is_whole(engine, rows, before)
        if question.team:
            rows = rows.filter(rows.team == question.team)
        found = engine.rows(_grouped(rows, question.by))
        if not any(row["billing_period"] == question.month for row in found):
            raise UsageError(_nothing(ledger, snapshot, engine, question, everyone))
        balances = reconcile(ledger, snapshot, engine, question.month, question.source)
        if not is_compared:
            found = [row for row in found if row["billing_period"] != before]
        final_until = _final_until(engine, rows.filter(rows.billing_period == question.month))
        charged_until = _charged_until(engine, everyone)
        notes = _texts(ledger.table("shapes", snapshot, engine, source=question.source), engine, question)
    currencies = sorted(
        {row["currency"] for row in found if row["billing_period"] == question.month and row["currency"]}
    )
    beside = _Beside(before, balances, notes, pins)
    sections = tuple(_section(found, currency, question, beside) for currency in currencies)
    problems = tuple(p for p in ledger.problems(snapshot) if question.source in (None, p.source))
    return Answer(question, sections, snapshot.id, snapshot.as_of, final_until, charged_until, problems)


def _grouped(rows: ir.Table, by: str) -> ir.Table:
    label = _label(rows, by)
    keyed = rows.mutate(label=label, told=rows.team.notnull() | rows.asset.notnull())
    return keyed.group_by(["billing_period", "currency", "label"]).agg(
        cost=keyed.cost.sum(),
        provisional=keyed.provisional_cost.sum(),
        queries=keyed.queries.sum(),
        told=ibis.ifelse(keyed.told, keyed.cost, ibis.literal(0).cast("decimal(38, 12)")).sum(),
    )


def _label(rows: ir.Table, by: str) -> ir.Value:
    """Name the group of a row; money that belongs to nobody is named by what it is."""
    nobody = ibis.cases(
        (rows.category == "idle", IDLE),
        (rows.category == "overhead", OVERHEAD),
        (rows.category == "adjustment", ADJUSTMENT),
        else_=_nobody(by),
    )
    if by == "method":  # the ledger's word for what nothing spoke for
        return rows.method.nullif("none").fill_null(nobody)
    if by == "asset":  # what a team has without saying for which asset
        nobody = ibis.ifelse(rows.team.notnull(), rows.team + NO_ASSET, nobody)
    return rows[by].fill_null(nobody)


def _nobody(by: str) -> str:
    """Return the name of what has none: unattributed is what has no asset and no team."""
    return UNATTRIBUTED if by in ("team", "asset", "method") else f"(no {by})"


def _section(found: Sequence[dict[str, Any]], currency: str, question: Question, beside: _Beside) -> Section:
    mine = [row for row in found if row["currency"] == currency]
    month, before, notes = question.month, beside.month_before, beside.notes
    past = [row for row in mine if row["billing_period"] == before and row["cost"]]
    then = _to_cents(past, beside.pins.get((before, currency)))
    present = [row for row in mine if row["billing_period"] == month]
    named = _to_cents(present + _gone(mine, month, then), beside.pins.get((month, currency)))
    cents = [row["cents"] for row in named.values()]
    total = sum((row["cost"] for row in named.values()), ZERO)
    told = sum((row["told"] for row in named.values()), ZERO)
    lines = tuple(
        Line(
            name=row["label"],
            cost=row["cents"],
            share=float(row["cost"] / total) if total else 0.0,
            queries=row["queries"],
            before=row["before"],
            provisional=row["open_cents"],
            note=notes.get(row["label"], ""),
        )
        for row in _shown([{**row, "before": _cents_of(then, label)} for label, row in named.items()], question)
    )
    return Section(
        currency=currency,
        lines=lines,
        total=sum(cents, ZERO),
        provisional=sum((line.provisional for line in lines), ZERO),
        attributed=float(told / total) if total else 0.0,
        reconciliation=beside.balances.get(currency, Reconciliation(currency)),
    )


def _pins(engine: Engine, rows: ir.Table, team: str) -> dict[tuple[str, str], Decimal]:
    """Return a team's cents per month and currency as the report of all teams has them, so that its own adds up to the same."""
    found = engine.rows(_grouped(rows, "team"))
    months = {(row["billing_period"], row["currency"]) for row in found}
    pins = {
        key: _cents_of(_to_cents([row for row in found if (row["billing_period"], row["currency"]) == key]), team)
        for key in months
    }
    return {key: cents for key, cents in pins.items() if cents is not None}


def _to_cents(rows: Sequence[dict[str, Any]], total: Decimal | None = None) -> dict[str, dict[str, Any]]:
    """Return the rows by label, dearest first, with cents that add up over all of them: how many are shown changes none."""
    ordered = sorted(rows, key=lambda row: (-row["cost"], row["label"]))
    cents, open_cents = (
        rounded([row["cost"] for row in ordered], total),
        rounded([row["provisional"] for row in ordered]),
    )
    return {
        row["label"]: {**row, "cents": cent, "open_cents": part}
        for row, cent, part in zip(ordered, cents, open_cents, strict=True)
    }


def _cents_of(rows: dict[str, dict[str, Any]], label: str) -> Decimal | None:
    row = rows.get(label)
    cents: Decimal | None = row["cents"] if row else None
    return cents


def _gone(rows: Sequence[dict[str, Any]], month: str, then: Iterable[str]) -> list[dict[str, Any]]:
    """Return lines without money for what the month before had and this one has not, so that both columns add up."""
    here = {row["label"] for row in rows if row["billing_period"] == month}
    nothing = {"cost": ZERO, "provisional": ZERO, "told": ZERO, "queries": 0.0}
    return [{"label": label, **nothing} for label in then if label not in here]


def _shown(rows: Sequence[dict[str, Any]], question: Question) -> list[dict[str, Any]]:
    """Return the rows to show: the dearest, the rest as one, and what is nobody's last."""
    nobody = (IDLE, OVERHEAD, ADJUSTMENT, _nobody(question.by))
    ordinary = [row for row in rows if row["label"] not in nobody]
    shown, rest = ordinary[: question.top], ordinary[question.top :] if question.top else []
    if rest:
        sums = {key: sum((row[key] for row in rest), ZERO) for key in ("cost", "cents", "open_cents")}
        befores = [row["before"] for row in rest if row["before"] is not None]
        queries = sum(row["queries"] for row in rest)
        before = sum(befores, ZERO) if befores else None
        shown = [*shown, {"label": REST, **sums, "queries": queries, "before": before}]
    return [*shown, *(row for row in rows if row["label"] in nobody)]


def _texts(shapes: ir.Table, engine: Engine, question: Question) -> dict[str, str]:
    """Return the masked text of each shape, on one line, where the report is by shape."""
    if question.by != "shape":
        return {}
    texts = shapes.filter(shapes["text"].notnull()).group_by("shape").agg(text=shapes["text"].min())
    return {row["shape"]: " ".join(row["text"].split())[:NOTE_LENGTH] for row in engine.rows(texts)}


def _is_whole(engine: Engine, rows: ir.Table, month: str) -> bool:
    """Tell whether a month has charges from its first day on: part of a month is nothing to compare with."""
    mine = rows.filter(rows.billing_period == month)
    first = engine.rows(mine.aggregate(day=mine.day.min()))[0]["day"]
    return first is not None and first <= day_number(first_day(month))


def _final_until(engine: Engine, rows: ir.Table) -> date | None:
    """Return the day up to which nothing is provisional (exclusive), None where all is; what is estimated is told apart."""
    first_open = ibis.ifelse(rows.status == "provisional", rows.day, ibis.null("int32")).min()
    row = engine.rows(rows.aggregate(first_open=first_open, last=rows.day.max()))[0]
    until = row["first_open"] if row["first_open"] is not None else row["last"] + 1 if row["last"] is not None else None
    return date.fromordinal(date(1970, 1, 1).toordinal() + until) if until is not None else None


def _charged_until(engine: Engine, rows: ir.Table) -> date | None:
    last = engine.rows(rows.aggregate(last=rows.day.max()))[0]["last"]
    return None if last is None else date.fromordinal(date(1970, 1, 1).toordinal() + last + 1)


def _nothing(ledger: Ledger, snapshot: Snapshot, engine: Engine, question: Question, everyone: ir.Table) -> str:
    """Say why there is nothing: no such source, no such team, or no such month."""
    sources = snapshot.info.get("types", {})
    if question.source and question.source not in sources:
        return f"report: no source {question.source!r}: known are {', '.join(sorted(sources))}"
    whose = f" of source {question.source!r}" if question.source else ""
    teams = sorted({row["team"] for row in engine.rows(everyone.select("team").distinct()) if row["team"]})
    if question.team and teams:
        return f"report: no charges{whose} of team {question.team!r} in {question.month}: teams with charges are {', '.join(teams)}"
    rows = ledger.table("daily", snapshot, engine, source=question.source)
    months = [row["billing_period"] for row in engine.rows(rows.select("billing_period").distinct())]
    known = ", ".join(sorted(month for month in months if month)) or "none"
    return f"report: no charges{whose} in {question.month}: months with charges are {known}"


def first_day(month: str) -> date:
    """Return the first day of a month written as 2026-10; UsageError for what is none."""
    if not re.fullmatch(r"(19|20)\d{2}-(0[1-9]|1[0-2])", month):
        raise UsageError(f"report: {month!r} is no month: write it as 2026-10")
    return date(int(month[:4]), int(month[5:]), 1)


def month_before(month: str) -> str:
    """Return the month before, as YYYY-MM."""
    first = first_day(month)
    return date.fromordinal(first.toordinal() - 1).strftime("%Y-%m")


def month_end(month: str) -> date:
    """Return the first day after a month."""
    return date.fromordinal(first_day(month).toordinal() + 31).replace(day=1)


def utc(at: datetime) -> datetime:
    """Return a database's time as aware UTC."""
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
