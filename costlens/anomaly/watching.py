"""Finds the anomalies of a ledger and keeps them: judges its series, gathers causes, explains each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from costlens.anomaly import backfill, causes, explain, hours, ledger_series, newcomers
from costlens.anomaly.baseline import Tuning
from costlens.anomaly.causes import Candidate, Cause
from costlens.anomaly.detector import judge
from costlens.anomaly.events import events
from costlens.anomaly.ledger_series import Span
from costlens.anomaly.so_far import KEY, SoFar
from costlens.anomaly.store import Changes, Found, Judged, record
from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.reading import day_number

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.anomaly.hours import Running
    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot
    from costlens.settings.anomalies import Settings

DAYS_PER_MONTH = Decimal("30.4375")
#: How long ago an event may have ended to be told (and, if late data take it away, withdrawn).
RECENT_DAYS = 35
#: So long after its end a day is known: warehouses tell of hours hours later.
SETTLED = timedelta(hours=6)
_PLACES = Decimal("0.000001")


@dataclass(frozen=True)
class Detected:
    """What a detection came to: anomalies, and the days that were judged; no `judged` where there are no days."""

    found: tuple[Found, ...]
    judged: Judged | None


def detect(
    ledger: Ledger, snapshot: Snapshot, settings: Settings, as_of: datetime, *, recent_days: int = RECENT_DAYS
) -> Detected:
    """Judge a snapshot's series up to `as_of` and return the events of the last `recent_days`, one per cause, explained."""
    today = day_number(as_of.date())
    with Engine() as engine:
        spent = ledger_series.read(ledger, snapshot, engine, today - settings.days, today + 1)
        span = ledger_series.span(engine, spent, as_of)
        if span is None:
            return Detected((), None)
        since = max(span.first, span.until - recent_days)
        moved = _reorganised(ledger.estate(snapshot))
        whole = _candidates(engine, spent, span, settings, since)
        running = hours.read(ledger, snapshot, engine, as_of) if span.until == today + 1 else None
        candidates = [
            one
            for one in (*whole, *(_of_today(engine, spent, span, settings, running, whole) if running else ()))
            if one.kind != "team" or (one.key, one.first) not in moved
        ]
        told = [
            one
            for one in causes.grouped(engine, spent, candidates)
            if not settings.is_muted(one.main.kind, one.main.key)
        ]
        told = backfill.unannounced(ledger, snapshot, engine, told)
        odd = {day for one in candidates for day in range(one.first, one.last + 1)}
        look = _Look(ledger, snapshot, engine, spent, span, odd, running)
        found = tuple(_found(look, cause) for cause in told)
    days = ledger_series.day(since), ledger_series.day(span.until)
    judged = Judged(*days, tuple(settings.kinds), stands_from=(as_of - SETTLED).date())
    return Detected(found, judged)


def watch(ledger: Ledger, snapshot: Snapshot, settings: Settings, as_of: datetime, at: datetime) -> Changes:
    """Detect and record: what a service calls after each sync. Run again on the same snapshot it changes nothing."""
    detected = detect(ledger, snapshot, settings, as_of)
    if detected.judged is None:
        return Changes()
    return record(ledger.database, detected.found, judged=detected.judged, snapshot=snapshot.id, at=at)


def _candidates(engine: Engine, spent: ir.Table, span: Span, settings: Settings, since: int) -> list[Candidate]:
    learnt = ledger_series.floors(engine, spent, span, settings.floor_scale)
    tuning = Tuning().sensitive(settings.sensitivity)
    found = []
    for kind in settings.kinds:
        made = ledger_series.series(engine, spent, kind, span)
        for currency in sorted({name[2] for name in made.names}):
            floor = (
                np.full(span.until - span.first, float(settings.floor))
                if settings.floor is not None
                else learnt[currency]
            )
            rows = [
                number
                for number, name in enumerate(made.names)
                if name[2] == currency and np.nanmax(made.values[number], initial=0.0) > floor.min()
            ]
            values = made.values[rows]
            verdicts = judge(values, span.first, tuning, floor)
            partial = np.arange(span.first, span.until) >= span.partial
            verdicts.alarm[(verdicts.alarm < 0) & partial[None, :]] = 0
            new = newcomers.newcomers(values, floor) if kind in newcomers.KINDS else ()
            for event in (*events(values, verdicts), *new):
                first, last = span.first + event.began, span.first + event.last
                if last >= since:
                    key, source, _ = made.names[rows[event.row]]
                    found.append(Candidate(kind, key, source, currency, event, first, last))
    return found


def _of_today(
    engine: Engine, spent: ir.Table, span: Span, settings: Settings, running: Running, whole: Sequence[Candidate]
) -> Iterator[Candidate]:
    """Yield what cost too much by this hour, but for series of which today, or the days up to it, are told already."""
    told = {(one.kind, one.key, one.source, one.currency) for one in whole if one.last >= running.day - 1}
    learnt = ledger_series.floors(engine, spent, span, settings.floor_scale)
    floors = {
        currency: float(days[-1] if settings.floor is None else settings.floor) for currency, days in learnt.items()
    }
    tuning = Tuning().sensitive(settings.sensitivity)
    return hours.candidates(engine, spent, running, settings.kinds, tuning, floors, told)


@dataclass(frozen=True)
class _Look:
    """What an anomaly is told from: the snapshot, its costs, the days that were judged, those that are odd, the day that is not over."""

    ledger: Ledger
    snapshot: Snapshot
    engine: Engine
    spent: ir.Table
    span: Span
    odd: Collection[int]
    running: Running | None


def _found(look: _Look, cause: Cause) -> Found:
    main, event = cause.main, cause.main.event
    length = main.last - main.first + 1
    money = _money(event.actual) - _money(event.expected)
    return Found(
        kind=main.kind,
        key=main.key,
        source=main.source,
        currency=main.currency,
        form=event.form,
        first_day=ledger_series.day(main.first),
        last_day=ledger_series.day(main.last),
        actual=_money(event.actual),
        expected=_money(event.expected),
        low=_money(event.low),
        high=_money(event.high),
        money=money,
        per_month=(money / length * DAYS_PER_MONTH).quantize(_PLACES),
        team=_team(look.ledger, look.snapshot, cause),
        explanation=_explanation(look, cause),
        is_over=event.is_over,
    )


def _explanation(look: _Look, cause: Cause) -> dict[str, object]:
    main = cause.main
    known = list(range(look.span.first + 1, main.first))
    before = explain.usual_days(main.first, main.last, known, look.odd) or explain.usual_days(
        main.first, main.last, known
    )
    after = frozenset(range(main.first, main.last + 1))
    told: dict[str, object] = {
        "also": [
            {"kind": one.kind, "key": one.key, "source": one.source, "money": str(_money(one.event.money))}
            for one in cause.also
        ]
    }
    if known_until := _so_far(look, main):
        told[KEY] = known_until.as_json()
    if not before:
        return told
    selection = explain.Selection(main.kind, main.key, main.source or None, main.currency)
    periods = explain.Periods(before, after, Fraction(len(after), len(before)) * _share(look, main, before))
    try:
        made = explain.explained(look.ledger, look.snapshot, look.engine, selection, periods)[0]
    except UsageError:
        return told
    compared = {"compared_with": explain.dates(before), "days_compared_with": len(before)}
    return {**explain.as_json(made), **compared, **told}


def _so_far(look: _Look, main: Candidate) -> SoFar | None:
    """Return how far the day of an anomaly is known, None where it is over."""
    if main.so_far is not None or look.running is None or main.last != look.running.day:
        return main.so_far
    return SoFar(look.running.so_far(main.source if main.source in look.running.until else "", np.zeros(0)).until)


def _share(look: _Look, main: Candidate, before: Collection[int]) -> Fraction:
    """Return which part of a whole day's cost other days had by the hour that a running day is compared with; 1 for whole days."""
    if main.so_far is None or look.running is None:
        return Fraction(1)
    sums = []
    for spent in (look.running.spent, look.spent):
        rows = spent.filter(causes.is_of(spent, main) & spent.day.isin(sorted(before)))
        sums.append(look.engine.rows(rows.aggregate(cost=rows.cost.sum()))[0]["cost"] or 0.0)
    return Fraction(sums[0] / sums[1]).limit_denominator(1000) if sums[1] > 0 else Fraction(1)


def _team(ledger: Ledger, snapshot: Snapshot, cause: Cause) -> str | None:
    """Return who owns a cause: the asset's team on its first day, the team itself, else the team whose series it moved."""
    main = cause.main
    if main.kind == "team":
        return main.key
    if main.kind == "asset":
        first = ledger_series.day(main.first)
        for owned in sorted(ledger.estate(snapshot).ownership, key=lambda one: one.precedence):
            if owned.asset == main.key and _is_valid(owned.valid_from, owned.valid_to, first):
                return owned.team
    return next((one.key for one in cause.also if one.kind == "team"), None)


def _reorganised(estate: Estate) -> set[tuple[str, int]]:
    """Return teams with the days on which an asset came to them or left them: what that does to a team's cost is no news."""
    days = [(one.team, day) for one in estate.ownership for day in (one.valid_from, one.valid_to) if day]
    return {(team, day_number(day)) for team, day in days}


def _is_valid(valid_from: date | None, valid_to: date | None, day: date) -> bool:
    return (valid_from is None or valid_from <= day) and (valid_to is None or day < valid_to)


def _money(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_PLACES)
