"""An independent reference for pools of servers: second by second, without running sums; slow, and short enough to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .world import DAY, HOUR, SECOND, SIZES, Row, World

Key = tuple[str, str | None, int]


def reference(world: World) -> dict[Key, float]:
    """Return units by pool, query (None = idle) and hour, for worlds whose queries begin and end on whole seconds."""
    shares, known = _shares(world)
    figures = {row["query_id"]: row["units"] for row in world.rows["query_usage"]}
    totals: dict[str, float] = defaultdict(float)
    for (_, query, _), share in shares.items():
        totals[query] += share
    found: dict[Key, float] = {}
    for meter in world.rows["metering"]:
        pool, hour = meter["pool_id"], meter["hour"]
        time = {query: share for (p, query, h), share in shares.items() if (p, h) == (pool, hour)}
        told = {query: figures[query] * time[query] / totals[query] for query in time if query in figures}
        rest = {query: share for query, share in time.items() if query not in told}
        own = _own(float(meter["units"]), meter["own_units"], told, rest, known[pool, hour])
        found.update({(pool, query, hour): units for query, units in own.items()})
        found[pool, None, hour] = float(meter["units"]) - sum(own.values())
    return found


def _own(metered: float, said: Any, told: dict[str, float], rest: dict[str, float], is_known: bool) -> dict[str, float]:
    """Return what each query used of a pool-hour."""
    v, g = sum(told.values()), sum(rest.values())
    if metered <= 0 or v + g <= 0:
        return {}
    if said is None:
        factor = metered / (v + g) if v + g > metered or not (is_known or not rest) else 1.0
        return {query: weight * factor for query, weight in (told | rest).items()}
    owed = min(max(float(said), 0.0), metered)
    if owed <= v:
        return {query: weight * owed / v for query, weight in told.items()}
    if v == 0 or owed - v <= g:
        return told | {query: weight * (owed - v) / g for query, weight in rest.items()}
    return {query: weight * (owed - g) / v for query, weight in told.items()} | rest


def _shares(world: World) -> tuple[dict[tuple[str, str, int], float], dict[tuple[str, int], bool]]:
    shares: dict[tuple[str, str, int], float] = defaultdict(float)
    known: dict[tuple[str, int], bool] = defaultdict(lambda: True)
    for at, running in _seconds(world):
        by_cluster: dict[tuple[str, Any], list[Row]] = defaultdict(list)
        for query in running:
            if not any(query["query_id"] in (other.get("parent_id"), other.get("root_id")) for other in running):
                by_cluster[query["pool_id"], query.get("cluster")].append(query)
        for (pool, _), queries in by_cluster.items():
            rate, hour = _rate(world, pool, at), at - at % HOUR
            known[pool, hour] = known[pool, hour] and rate is not None
            for query in queries:
                shares[pool, query["query_id"], hour] += (1.0 if rate is None else rate) / len(queries) / 3600
    return shares, known


def _seconds(world: World) -> Iterator[tuple[int, list[Row]]]:
    queries = [row for row in world.rows["queries"] if row["pool_id"] and row["started_at"] < row["ended_at"]]
    seconds = {at for row in queries for at in range(row["started_at"], row["ended_at"], SECOND)}
    for at in sorted(seconds):
        yield at, [row for row in queries if row["started_at"] <= at < row["ended_at"]]


def _rate(world: World, pool: str, at: int) -> float | None:
    """Return the rate last seen on the UTC day: of a query that started, or was running at midnight."""
    midnight = at - at % DAY
    seen = [
        (max(row["started_at"], midnight), row["started_at"], SIZES.get(row["pool_size"], 0))
        for row in world.rows["queries"]
        if row["pool_id"] == pool and row["started_at"] <= at and midnight < row["ended_at"]
    ]
    return max(seen)[2] or None
