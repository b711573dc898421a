"""Words that every form of a statement shares."""

from __future__ import annotations

from decimal import Decimal

from costlens.render import amount
from costlens.report import month_before, utc
from costlens.statement.model import Budget, Section, Statement, UnitCosts


def status(statement: Statement) -> str:
    """Say whether the month is closed, so far, or open."""
    if statement.closed:
        at = utc(statement.closed.at)
        return f"closed {at:%Y-%m-%d %H:%M} UTC by {statement.closed.who} · {statement.closed.hash[:12]}"
    return "open" if statement.is_whole else f"open, charges until {statement.charged_until}"


def footing(statement: Statement) -> list[str]:
    """Return the lines below a statement: how final it is, from which state of the ledger, by which policy."""
    until = f"final until {statement.final_until}" if statement.final_until else "nothing is final yet"
    lines = [
        f"{status(statement)} · as of {utc(statement.as_of):%Y-%m-%d %H:%M} UTC · {until} · snapshot {statement.snapshot}",
        "policy: " + " · ".join(statement.policy),
    ]
    if statement.closed and statement.closed.accepted:
        lines.append(f"residual accepted: {statement.closed.accepted}")
    for section in statement.sections:
        parts = []
        if section.provisional:
            parts.append(f"{amount(section.provisional)} {section.currency} may still change")
        if section.estimated:
            parts.append(f"{amount(section.estimated)} {section.currency} of it is estimated")
        if parts:
            lines.append(" · ".join(parts))
    lines += [f"converted: {rate}" for rate in statement.converted]
    if statement.problems:
        lines.append(f"{statement.problems:,} problems with rows: `costlens check` lists them")
    return lines


def change(section: Section, statement: Statement) -> str:
    """Say in one sentence how the total compares with the month before."""
    then = month_before(statement.month)
    if section.before is None:
        return f"{then} is not known from its first day on: nothing to compare with"
    if not statement.is_whole:
        return f"so far (charges until {statement.charged_until}); all of {then} was {amount(section.before)}"
    moved = section.total - section.before
    part = f" ({float(moved / section.before):+.1%})" if section.before > 0 else ""
    if not moved:
        return f"as much as in {then}"
    return f"{amount(abs(moved))} {section.currency} {'more' if moved > 0 else 'less'} than in {then}{part}"


def budget_words(budget: Budget, currency: str) -> str:
    """Say how much of a budget is spent: of a team's with what is allocated to it, unlike `costlens budgets`."""
    whole = ", allocated money included" if budget.kind == "team" else ""
    over = budget.spent - budget.amount
    left = f"{amount(over)} over" if over > 0 else f"{amount(-over)} left"
    return (
        f"budget of {budget.kind} {budget.name}: {amount(budget.spent)} of {amount(budget.amount)} {currency} "
        f"({budget.share:.0%}), {left}{whole}"
    )


def unit_rows(units: UnitCosts, currency: str) -> list[tuple[str, str, str, str]]:
    """Return unit costs as rows: what, cost of one now, in the month before, how many there were."""
    then = units.before
    found = []
    for name, now, before, count in (
        (
            "1,000 queries",
            units.per_thousand_queries,
            then.per_thousand_queries if then else None,
            f"{units.queries:,.0f} queries",
        ),
        ("run", units.per_run, then.per_run if then else None, f"{units.runs:,} runs"),
        ("TB scanned", units.per_terabyte, then.per_terabyte if then else None, f"{units.terabytes:,.2f} TB"),
    ):
        if now is not None:
            found.append((f"per {name}", f"{_unit(now)} {currency}", "–" if before is None else _unit(before), count))
    return found


def _unit(value: Decimal) -> str:
    return f"{value:,.4f}"
