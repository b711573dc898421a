"""Says in words why a month cost more or less than the one before: how much of the change is work, size, price, idle, allocation."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from costlens.anomaly.decompose import MEANINGS, decompose
from costlens.rounding import rounded
from costlens.statement.lines import ZERO, Line, total
from costlens.statement.model import KIND_WORDS, Driver

#: Assets that are named beside the drivers.
_NAMED = 3
_LEAST = Decimal("1.00")


def drivers(lines: Sequence[Line], before: Sequence[Line]) -> tuple[Driver, ...]:
    """Return the drivers of the change from `before`, largest first; their cents add up to the change of the totals."""
    amounts: dict[str, Decimal] = {}
    direct_now = [line for line in lines if line.kind == "direct"]
    direct_then = [line for line in before if line.kind == "direct"]
    found = decompose([_row(line) for line in direct_then], [_row(line) for line in direct_now])
    for name, amount in found.drivers.items():
        amounts[f"{name}: {MEANINGS[name]}"] = amount
    for kind in KIND_WORDS:
        if kind != "direct":
            change = _exact(lines, kind) - _exact(before, kind)
            if change:
                words = "more or less time that pools stayed up without work" if kind == "idle" else "allocated"
                amounts[f"{KIND_WORDS[kind]}: {words}"] = change
    if not amounts:
        return ()
    names = sorted(amounts, key=lambda name: (-abs(amounts[name]), name))
    cents = rounded([amounts[name] for name in names], total(lines) - total(before))
    told = [Driver(name, cent) for name, cent in zip(names, cents, strict=True) if cent]
    return tuple(told)


def largest_changes(lines: Sequence[Line], before: Sequence[Line]) -> list[str]:
    """Say which assets changed most, each in one sentence."""
    now, then = _by_asset(lines), _by_asset(before)
    names = sorted(
        {*now, *then}, key=lambda name: (-abs(now.get(name, _NOTHING)[0] - then.get(name, _NOTHING)[0]), name)
    )
    return [
        _sentence(name, now.get(name, _NOTHING), then.get(name, _NOTHING))
        for name in names[:_NAMED]
        if abs(now.get(name, _NOTHING)[0] - then.get(name, _NOTHING)[0]) >= _LEAST
    ]


_NOTHING = (ZERO, 0.0)


def _by_asset(lines: Sequence[Line]) -> dict[str, tuple[Decimal, float]]:
    sums: dict[str, tuple[Decimal, float]] = {}
    for line in lines:
        if line.asset:
            cents, queries = sums.get(line.asset, _NOTHING)
            sums[line.asset] = (cents + line.cents, queries + line.queries)
    return sums


def _sentence(name: str, now: tuple[Decimal, float], then: tuple[Decimal, float]) -> str:
    change = f"{name} {now[0] - then[0]:+,.2f} ({then[0]:,.2f} to {now[0]:,.2f})"
    if not then[0]:
        return f"{change}: new this month"
    if not now[0]:
        return f"{change}: gone"
    if then[1] <= 0 or now[1] <= 0:
        return change
    each = float(now[0] / then[0]) / (now[1] / then[1]) - 1
    more = now[1] / then[1] - 1
    return f"{change}: {more:+,.0%} queries, {each:+,.0%} cost of each"


def _exact(lines: Sequence[Line], kind: str) -> Decimal:
    return sum((line.cost for line in lines if line.kind == kind), ZERO)


def _row(line: Line) -> dict[str, Any]:
    return {
        "category": line.category,
        "asset": line.asset,
        "shape": None,
        "pool": line.pool,
        "service": line.service,
        "object": None,
        "currency": line.currency,
        "unit": line.unit,
        "units": line.units,
        "cost": line.cost,
        "queries": line.queries,
        "seconds": line.seconds,
        "bytes": line.bytes,
    }
