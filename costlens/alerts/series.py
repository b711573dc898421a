"""The series behind an anomaly, for its plot: cost per day of an asset, team, pool, user, shape, source or of what is nobody's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from costlens.alerts.message import Plot, Point
from costlens.anomaly.so_far import SoFar, so_far
from costlens.engine import Engine
from costlens.reading import day_number, with_team

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.anomaly.store import Anomaly
    from costlens.ledger import Ledger, Snapshot

DAYS = 42
_SHARED = ("idle", "overhead", "adjustment")


def plot(ledger: Ledger, snapshot: Snapshot, anomaly: Anomaly) -> Plot | None:
    """Return six weeks up to the anomaly's last day, with the band expected a day; None where there is nothing to draw.

    Of a day that is not over, days are drawn up to the hour that they were compared by.
    """
    today = so_far(anomaly.explanation)
    if today and today.days:
        return _by_hour(anomaly, today)
    until = anomaly.last_day + timedelta(days=1)
    since = min(until - timedelta(days=DAYS), anomaly.first_day - timedelta(days=14))
    with Engine() as engine:
        days = range(day_number(since), day_number(until))
        rows = with_team(
            engine,
            ledger.table("daily", snapshot, engine, source=anomaly.source or None, days=days),
            ledger.estate(snapshot),
        )
        rows = rows.filter((rows.currency == anomaly.currency) & _selected(rows, anomaly))
        found = {row["day"]: float(row["cost"]) for row in engine.rows(rows.group_by("day").agg(cost=rows.cost.sum()))}
    if not found:
        return None
    since = max(since, date(1970, 1, 1) + timedelta(days=min(found)))  # nothing is known of earlier days
    every = [since + timedelta(days=number) for number in range((until - since).days)]
    points = tuple(
        Point(str(day), round(found.get(day_number(day), 0.0), 2), anomaly.first_day <= day <= anomaly.last_day)
        for day in every
    )
    length = (anomaly.last_day - anomaly.first_day).days + 1
    return Plot(
        _title(anomaly, since), anomaly.currency, points, float(anomaly.low) / length, float(anomaly.high) / length
    )


def _by_hour(anomaly: Anomaly, today: SoFar) -> Plot:
    points = tuple(Point(str(day), round(cost, 2), day == anomaly.last_day) for day, cost in today.days[-DAYS:])
    title = f"{anomaly.key or anomaly.kind}: cost {today.usual_hour} UTC of each day, today by {today.until:%H:%M}"
    return Plot(title, anomaly.currency, points, float(anomaly.low), float(anomaly.high))


def _title(anomaly: Anomaly, since: date) -> str:
    return f"{anomaly.key or anomaly.kind}: cost per day since {since:%-d %b}"


def _selected(rows: ir.Table, anomaly: Anomaly) -> ir.BooleanValue:
    if anomaly.kind == "unattributed":
        return rows.asset.isnull() & rows.team.isnull() & rows.category.notin(list(_SHARED))
    return rows[anomaly.kind] == anomaly.key
