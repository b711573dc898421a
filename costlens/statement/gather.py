"""Gathers all that a month's statements are made of: from the close where it is closed, else from one snapshot of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from costlens.allocate import Policy
from costlens.budgets import budget_states
from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.ledger import closes
from costlens.reading import day_number
from costlens.reconcile import Reconciliation, reconcile
from costlens.report import first_day, month_before
from costlens.settings.budgets import Settings as BudgetSettings
from costlens.statement.books import lines_of_months
from costlens.statement.build import Facts
from costlens.statement.convert import converted, rate_of
from costlens.statement.corrections import corrections
from costlens.statement.lines import ZERO, Line, in_cents, of_row
from costlens.statement.model import Budget, Closed
from costlens.statement.stored import balances_of, budgets_of

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot
    from costlens.ledger.closes import Close

#: DuckDB's part of the memory that a statement may take.
MEMORY = "700MB"
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Ask:
    """What statements are asked for."""

    month: str
    policy: Policy
    budgets: BudgetSettings = field(default_factory=BudgetSettings)
    as_of: datetime | None = None
    """As it was known then; None = now."""
    live: bool = False
    """From the ledger, also where the month is closed: to see what another policy makes of it."""


def gather(ledger: Ledger, ask: Ask, snapshot: Snapshot | None = None) -> Facts:
    """Return the facts of a month; raises UsageError where there are no charges in it."""
    first_day(ask.month)
    shut = closes.closed(closes.records(ledger.database), ask.as_of)
    if ask.month in shut and not ask.live:
        return frozen(ledger, shut[ask.month])
    found = snapshot or ledger.snapshot(as_of=ask.as_of)

    def reconciled(own: Engine) -> dict[str, Reconciliation]:
        return reconcile(ledger, found, own, ask.month, None)

    with Engine(memory=MEMORY) as engine, engine.aside(reconciled) as balances:
        past = month_before(ask.month)
        is_compared = past not in shut or ask.live
        spans = _spans(ledger, found, engine, [past, ask.month])
        is_compared = is_compared and _is_known(spans[past], past)
        months = lines_of_months(ledger, found, engine, [past, ask.month] if is_compared else [ask.month], ask.policy)
        own = months.get(ask.month, ())
        more = () if ask.live else corrections(ledger, found, engine, ask.month, shut)
        if not own and not more:
            raise UsageError(_nothing(ledger, found, engine, ask))
        lines = in_cents((*own, *more)) if more else own
        before = months.get(past, ()) if is_compared else _closed_lines(ledger, None if ask.live else shut.get(past))
    return Facts(
        month=ask.month,
        lines=lines,
        before=before,
        policy=tuple(ask.policy.words()),
        balances=balances.result(),
        snapshot=found.id,
        as_of=found.as_of,
        final_until=spans[ask.month].final_until,
        charged_until=spans[ask.month].charged_until,
        budgets=_budgets(ledger, found, ask, lines),
        problems=sum(problem.count for problem in ledger.problems(found)),
    )


def corrections_of(ledger: Ledger, snapshot: Snapshot, ask: Ask) -> tuple[Line, ...]:
    """Return the correction lines alone of a month."""
    if ask.live:
        return ()
    shut = closes.closed(closes.records(ledger.database), ask.as_of)
    with Engine(memory=MEMORY) as engine:
        return corrections(ledger, snapshot, engine, ask.month, shut)


def frozen(ledger: Ledger, close: Close) -> Facts:
    """Return the facts of a closed month as they were closed; LedgerError where a line was changed since."""
    body = close.content()
    found = Facts(
        month=close.month,
        lines=tuple(of_row(row) for row in closes.lines_of(ledger.database, close)),
        before=None if body["before"] is None else tuple(of_row(row) for row in body["before"]),
        policy=tuple(body["policy_words"]),
        balances=balances_of(body["balances"]),
        snapshot=close.snapshot or 0,
        as_of=datetime.fromisoformat(body["as_of"]),
        final_until=_date(body["final_until"]),
        charged_until=_date(body["charged_until"]),
        budgets=budgets_of(body["budgets"]),
        closed=Closed(close.id, close.at, close.who, close.hash, close.reason),
        problems=body["problems"],
    )
    if body["currency"] is None:
        return found
    return converted(found, body["currency"], [rate_of(row, "closed rates", n) for n, row in enumerate(body["rates"])])


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _closed_lines(ledger: Ledger, close: Close | None) -> tuple[Line, ...] | None:
    """Return the lines of a closed month, as its own statement has them."""
    return None if close is None else tuple(of_row(row) for row in closes.lines_of(ledger.database, close))


@dataclass(frozen=True)
class _Span:
    """The days of a month with charges: from which on, from which on provisional, and the day after the last."""

    charged_from: date | None = None
    final_until: date | None = None
    charged_until: date | None = None


def _is_known(span: _Span, month: str) -> bool:
    """Return whether a month has charges from its first day on: part of a month is nothing to compare with."""
    return span.charged_from is not None and span.charged_from <= first_day(month)


def _spans(ledger: Ledger, snapshot: Snapshot, engine: Engine, months: Sequence[str]) -> dict[str, _Span]:
    """Return the span of each month; months follow each other."""
    import ibis

    days = range(day_number(first_day(months[0])) - 1, day_number(first_day(months[-1])) + 33)
    rows = ledger.table("daily", snapshot, engine, days=days, columns=("day", "billing_period", "status"))
    is_open = ibis.ifelse(rows.status == "provisional", rows.day, ibis.null("int32"))
    sums = rows.group_by("billing_period").agg(first=rows.day.min(), open=is_open.min(), last=rows.day.max())
    found = {month: _Span() for month in months}
    for row in engine.rows(sums.filter(sums.billing_period.isin(list(months)))):
        until = row["open"] if row["open"] is not None else row["last"] + 1
        found[row["billing_period"]] = _Span(*(_day(number) for number in (row["first"], until, row["last"] + 1)))
    return found


def _day(number: int) -> date:
    return date.fromordinal(_EPOCH + number)


def _budgets(ledger: Ledger, snapshot: Snapshot, ask: Ask, lines: tuple[Line, ...]) -> dict[str, tuple[Budget, ...]]:
    """Return the budgets by currency; what a team spent is what its statement says, allocated money included."""
    found: dict[str, list[Budget]] = {}
    for state in budget_states(ledger, snapshot, ask.budgets, ask.month):
        if state.period != "month":
            spent = state.spent
        else:
            mine = [
                line
                for line in lines
                if line.currency == state.currency
                and getattr(line, state.kind, None) == state.key
                and state.source in (None, line.source)
            ]
            spent = sum((line.cents for line in mine), ZERO)
        name = state.key if state.period == "month" else f"{state.key} ({state.period})"
        budget = Budget(name, state.kind, state.amount, spent.quantize(Decimal("0.01")), state.forecast)
        found.setdefault(state.currency, []).append(budget)
    return {currency: tuple(budgets) for currency, budgets in sorted(found.items())}


def _nothing(ledger: Ledger, snapshot: Snapshot, engine: Engine, ask: Ask) -> str:
    rows = ledger.table("daily", snapshot, engine, columns=("billing_period",))
    months = [row["billing_period"] for row in engine.rows(rows.select("billing_period").distinct())]
    known = ", ".join(sorted(month for month in months if month)) or "none"
    return f"report: no charges in {ask.month}: months with charges are {known}"


def check_team(facts: Facts, team: str | None, source: str | None, sources: list[str]) -> None:
    """Raise UsageError for a team or a source that has nothing in the month."""
    if source is not None and source not in sources:
        raise UsageError(f"report: no source {source!r}: known are {', '.join(sources)}")
    if team is not None and team not in facts.teams:
        known = ", ".join(facts.teams) or "none"
        raise UsageError(f"report: no charges of team {team!r} in {facts.month}: teams with charges are {known}")
