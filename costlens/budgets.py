"""Budgets: what was spent of each in its period, and what it comes to at the period's end.

The forecast uses complete days only: what was spent on them, and for each day that is left the level of the last two weeks
times the share of its weekday.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.reading import day_number, with_team
from costlens.rounding import CENT
from costlens.settings.budgets import Limit, Settings

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot

ZERO = Decimal(0)
#: Days whose weekdays make the pattern, days that make the level, and the least that show a pattern.
PATTERN_DAYS, LEVEL_DAYS, LEAST_DAYS = 56, 14, 14
#: A source without charges for so long is at rest: it holds no forecast back.
REST_DAYS = 7
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class BudgetState:
    """Where a budget stands: `spent` so far, `forecast` for the whole period [since, until); None = too little is known."""

    kind: str
    key: str
    source: str | None
    amount: Decimal
    currency: str
    period: str
    since: date
    until: date
    complete_until: date
    spent: Decimal
    forecast: Decimal | None
    reached: tuple[int, ...]
    """Thresholds in per cent that the money spent has reached."""

    @property
    def id(self) -> str:
        """Name the budget and its period, the same in every snapshot."""
        where = f"{self.source}/" if self.source and self.kind != "source" else ""
        return f"{self.kind}:{where}{self.key}:{self.amount} {self.currency}:{self.period}:{self.since}"

    @property
    def share(self) -> float:
        """Return the part of the amount that was spent; 1 = all."""
        return float(self.spent / self.amount)

    @property
    def is_over_in_the_end(self) -> bool:
        """Tell whether the forecast is above the amount."""
        return self.forecast is not None and self.forecast > self.amount


def budget_states(ledger: Ledger, snapshot: Snapshot, settings: Settings, month: str) -> tuple[BudgetState, ...]:
    """Return the state of each budget that holds in the period around `month` (YYYY-MM), in the settings' order."""
    if not settings.limits:
        return ()
    spans = [period_of(limit.period, month) for limit in settings.limits]
    since = min(span[0] for span in spans) - PATTERN_DAYS * _DAY
    until = max(span[1] for span in spans)
    with Engine() as engine:
        days = range(day_number(since) - 1, day_number(until) + 2)
        rows = ledger.table("daily", snapshot, engine, days=days)
        last_days = {
            row["source"]: _date(row["day"]) for row in engine.rows(rows.group_by("source").agg(day=rows.day.max()))
        }
        rows = with_team(engine, rows, ledger.estate(snapshot))
        kinds = {limit.kind for limit in settings.limits}
        found = {kind: _by_day(engine, rows, kind, settings.limits) for kind in kinds}
    states = []
    for limit, span in zip(settings.limits, spans, strict=True):
        if _holds(limit, span):
            mine = [row for row in found[limit.kind] if _is_of(row, limit)]
            states.append(_state(limit, span, mine, last_days, snapshot.as_of, settings.thresholds))
    return tuple(states)


def period_of(period: str, month: str) -> tuple[date, date]:
    """Return the first day of the month, quarter or year around a month, and the first day after it."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise UsageError(f"budgets: {month!r} is no month: write it as 2026-10") from None
    length = _MONTHS[period]
    begin = first.replace(month=(first.month - 1) // length * length + 1)
    end = begin.month - 1 + length
    return begin, date(begin.year + end // 12, end % 12 + 1, 1)


def forecast(spent: Mapping[date, Decimal], complete_until: date, until: date) -> Decimal | None:
    """Return what the days [complete_until, until) will cost, from the complete days before them; None with less than three.

    `spent` is money by day; a day without money between the first and `complete_until` is a day that cost nothing.
    """
    first = max(min(spent, default=complete_until), complete_until - PATTERN_DAYS * _DAY)
    days = [first + number * _DAY for number in range((complete_until - first).days)]
    if complete_until >= until:
        return ZERO
    if len(days) < 3:
        return None
    shares = _weekday_shares(spent, days)
    recent = days[-LEVEL_DAYS:]
    weight = sum((shares[day.weekday()] for day in recent), ZERO)
    if not weight:
        return ZERO
    level = sum((spent.get(day, ZERO) for day in recent), ZERO) / weight
    left = [complete_until + number * _DAY for number in range((until - complete_until).days)]
    return sum((level * shares[day.weekday()] for day in left), ZERO).quantize(CENT)


def _weekday_shares(spent: Mapping[date, Decimal], days: Sequence[date]) -> dict[int, Decimal]:
    """Return each weekday's mean over the mean of all days; all one where there are too few days to tell, or no money."""
    total = sum((spent.get(day, ZERO) for day in days), ZERO)
    if len(days) < LEAST_DAYS or total <= 0:
        return dict.fromkeys(range(7), Decimal(1))
    mean = total / len(days)
    shares = {}
    for weekday in range(7):
        mine = [spent.get(day, ZERO) for day in days if day.weekday() == weekday]
        shares[weekday] = max(sum(mine, ZERO) / len(mine) / mean, ZERO)
    return shares


def _by_day(engine: Engine, rows: Any, kind: str, limits: Sequence[Limit]) -> list[dict[str, Any]]:
    """Return money by key, source, currency, day and billing period of what the budgets of a kind are for."""
    keys = sorted({limit.key for limit in limits if limit.kind == kind})
    mine = rows.filter(rows[kind].isin(keys)).mutate(key=rows[kind])
    estimated = (mine.status == "estimated").cast("int32").max()
    grouped = mine.group_by(["key", "source", "currency", "day", "billing_period"])
    return engine.rows(grouped.agg(cost=mine.cost.sum(), is_estimated=ibis.coalesce(estimated, 0)))


def _is_of(row: Mapping[str, Any], limit: Limit) -> bool:
    return row["key"] == limit.key and row["currency"] == limit.currency and limit.source in (None, row["source"])


def _state(
    limit: Limit,
    span: tuple[date, date],
    rows: Sequence[Mapping[str, Any]],
    last_days: Mapping[str, date],
    as_of: datetime,
    thresholds: Sequence[int],
) -> BudgetState:
    since, until = span
    by_day: dict[date, Decimal] = defaultdict(lambda: ZERO)
    spent = complete = ZERO
    complete_until = min(_complete_until(rows, last_days, as_of.date()), until)
    for row in rows:
        day = _date(row["day"])
        by_day[day] += row["cost"]
        if since <= date.fromisoformat(f"{row['billing_period']}-01") < until:
            spent += row["cost"]
            complete += row["cost"] if day < complete_until else ZERO
    rest = forecast(by_day, max(complete_until, since), until)
    whole = None if rest is None else max(complete + rest, spent).quantize(CENT)
    reached = tuple(part for part in sorted(set(thresholds)) if spent * 100 >= limit.amount * part)
    where = limit.source if limit.kind in ("pool", "source") else None
    return BudgetState(
        limit.kind, limit.key, where, limit.amount, limit.currency, limit.period, since, until, complete_until,
        spent.quantize(CENT), whole, reached,
    )  # fmt: skip


def _complete_until(rows: Sequence[Mapping[str, Any]], last_days: Mapping[str, date], as_of: date) -> date:
    """Return the day up to which (exclusive) all of a budget's money is known."""
    until = as_of
    for source in {row["source"] for row in rows}:
        last = last_days[source] + _DAY
        if last > as_of - REST_DAYS * _DAY:
            until = min(until, last)
    estimated = [_date(row["day"]) for row in rows if row["is_estimated"]]
    recent = [day for day in estimated if day >= as_of - REST_DAYS * _DAY]
    return min([until, *recent])


def _holds(limit: Limit, span: tuple[date, date]) -> bool:
    return (limit.valid_from is None or limit.valid_from < span[1]) and (
        limit.valid_to is None or span[0] < limit.valid_to
    )


def _date(number: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + number)
