"""Answers `costlens anomalies` and `costlens explain`: what is stored and what the newest snapshot shows, as one list."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costlens.anomaly import explain
from costlens.anomaly.store import Anomaly, anomalies, preview
from costlens.anomaly.watching import detect
from costlens.errors import UsageError
from costlens.report import month_end

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot
    from costlens.settings.anomalies import Settings

EPOCH = date(1970, 1, 1)


def listed(ledger: Ledger, snapshot: Snapshot, settings: Settings, at: datetime) -> tuple[Anomaly, ...]:
    """Return the anomalies of a snapshot with ids and statuses of what is stored, and stored ones from before its days."""
    detected = detect(ledger, snapshot, settings, snapshot.as_of, recent_days=settings.days)
    seen = preview(ledger.database, detected.found, snapshot=snapshot.id, at=at)
    ids = {one.id for one in seen}
    judged = detected.judged
    older = [
        one
        for one in anomalies(ledger.database)
        if one.id not in ids and (judged is None or not judged.covers(one) or one.status == "acknowledged")
    ]
    return (*seen, *older)


def one_of(ledger: Ledger, snapshot: Snapshot, settings: Settings, at: datetime, id: str) -> Anomaly:  # noqa: A002
    """Return the anomaly of an id, or of the beginning of one; UsageError where there is none or more than one."""
    stored = [one for one in anomalies(ledger.database) if one.id.startswith(id)]
    found = stored or [one for one in listed(ledger, snapshot, settings, at) if one.id.startswith(id)]
    if len(found) != 1:
        raise UsageError(
            f"explain: {'no' if not found else 'more than one'} anomaly {id!r}: `costlens anomalies` lists them"
        )
    return found[0]


def chosen(since: date | None, until: date | None, team: str | None, asset: str | None) -> Callable[[Anomaly], bool]:
    """Return what an anomaly must be to be listed; an asset or team counts as well where it is only seen at it."""

    def matches(one: Anomaly) -> bool:
        also = {(other["kind"], other["key"]) for other in (one.explanation or {}).get("also", [])}
        return (
            (since is None or one.last_day >= since)
            and (until is None or one.first_day < until)
            and (team is None or one.team == team or ("team", team) in also)
            and (asset is None or (one.kind, one.key) == ("asset", asset) or ("asset", asset) in also)
        )

    return matches


def two_periods(before: str, after: str) -> explain.Periods:
    """Read two periods; the earlier one is scaled to the length of the later one."""
    old, new = _days(before), _days(after)
    if old & new:
        raise UsageError(f"explain: --from {before} and --to {after} share days: name two periods that do not")
    return explain.Periods(old, new, Fraction(len(new), len(old)))


def _days(period: str) -> frozenset[int]:
    """Read a day, a month, or two days with `..` between them, both included."""
    if re.fullmatch(r"\d{4}-\d{2}", period):
        first = explain.number(date.fromisoformat(f"{period}-01")) if "01" <= period[5:] <= "12" else None
        if first is not None:
            return frozenset(range(first, explain.number(month_end(period))))
    try:
        ends = [date.fromisoformat(part) for part in period.split("..")]
        if 1 <= len(ends) <= 2 and ends[0] <= ends[-1]:
            return frozenset(range(explain.number(ends[0]), explain.number(ends[-1]) + 1))
    except ValueError:
        pass
    raise UsageError(f"explain: {period!r} is no period: write 2026-10, 2026-10-19 or 2026-10-12..2026-10-18")


def month(ledger: Ledger, snapshot: Snapshot, period: str) -> tuple[explain.Periods, str]:
    """Return a billing month and the one before, and a note where that is not known as a whole: it is scaled then.

    Raises UsageError for what is no month.
    """
    end = month_end(period)
    first = date.fromisoformat(f"{period}-01")
    earlier = (first - timedelta(days=1)).replace(day=1)
    name = earlier.strftime("%Y-%m")
    days = frozenset(range(explain.number(earlier) - 1, explain.number(end) + 2))
    known = _charged(ledger, snapshot, days, (name, period))
    whole = (first - earlier).days
    months = {of: known.get(of, 0) for of in (name, period)}
    billing, counts = (name, period), (months[name], months[period])
    if not months[name]:
        return explain.Periods(
            days, days, Fraction(1), billing, counts
        ), f"{name} has no charges: all of {period} is new"
    if months[name] < whole or months[period] < (end - first).days:
        scale = Fraction(months[period] or 1, months[name])
        note = f"{name} is known on {months[name]} days only, {period} on {months[period]}: the earlier one is scaled"
        return explain.Periods(days, days, scale, billing, counts), note
    return explain.Periods(days, days, Fraction(1), billing, counts), ""


def _charged(ledger: Ledger, snapshot: Snapshot, days: frozenset[int], months: tuple[str, str]) -> dict[str, int]:
    """Return on how many days each billing month has charges."""
    from costlens.engine import Engine

    with Engine() as engine:
        rows = ledger.table("daily", snapshot, engine, days=days, columns=["day", "billing_period", "cost"])
        rows = rows.filter(rows.billing_period.isin(list(months)) & (rows.cost != 0))
        counted = engine.rows(rows.group_by("billing_period").agg(days=rows.day.nunique()))
    return {row["billing_period"]: row["days"] for row in counted}


def of_anomaly(one: Anomaly) -> dict[str, Any]:
    """Return an anomaly's explanation; UsageError where there was nothing to compare it with."""
    if not one.explanation or "drivers" not in one.explanation:
        raise UsageError(f"anomaly {one.id}: there was nothing to compare it with when it was found")
    return one.explanation
