"""Back-fills that partition runs announce: an asset that makes many partitions at once costs as many times more, and that is no news."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from costlens.anomaly.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot

#: So many times the usual number of partitions, and at least so many, is a back-fill.
TIMES = 3
LEAST = 3
#: How much dearer than its number of partitions says a back-fill may be.
SLACK = 1.5


def unannounced(ledger: Ledger, snapshot: Snapshot, engine: Engine, told: Sequence[Cause]) -> list[Cause]:
    """Return the causes that no back-fill of their asset explains."""
    assets = sorted({one.key for cause in told for one in (cause.main, *cause.also) if one.kind == "asset"})
    if not assets:
        return list(told)
    days = [one.first for one in (cause.main for cause in told)], [cause.main.last for cause in told]
    rows = ledger.table("materializations", snapshot, engine, since=min(days[0]) - 28, until=max(days[1]) + 1)
    rows = rows.filter(rows.asset.isin(assets) & rows.partition.notnull())
    counted = rows.group_by(["asset", "day"]).agg(partitions=rows.partition.nunique())
    made: dict[str, dict[int, int]] = {}
    for row in engine.rows(counted):
        made.setdefault(row["asset"], {})[row["day"]] = row["partitions"]
    return [cause for cause in told if not _is_announced(cause, made.get(cause.main.key, {}))]


def _is_announced(cause: Cause, made: dict[int, int]) -> bool:
    main = cause.main
    if main.kind != "asset" or main.event.money < 0:
        return False
    usual = [count for day, count in made.items() if main.first - 28 <= day < main.first]
    during = sum(made.get(day, 0) for day in range(main.first, main.last + 1))
    each_day = max(median(usual), 1) if usual else 1
    times = during / (each_day * (main.last - main.first + 1))
    return during >= LEAST and times >= TIMES and main.event.actual <= SLACK * times * max(main.event.expected, 1e-9)
