"""Splits a change of cost between two sets of `daily` rows into drivers that add up to it, to the last digit.

Work is what one asset (or nobody) does with one shape on one kind of unit. For a query's work

    cost = runs × (seconds or bytes per run) × (units per second or byte) × price

and each factor gets its share of the change by the logarithmic mean (LMDI-I: exact, symmetric in time, no term left over;
B. W. Ang, Energy Policy 32, 2004). What has no runs is units × price, each at the mean of the other (Shapley), which also holds for
credits below zero. Work of one of the two sets only is `new work` or `gone work`: it has no factors to compare. Where an asset has
both, its statements were rewritten: they are compared as one work, so that a full rebuild in place of a merge shows as longer runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from costlens.errors import UsageError
from costlens.model import DECIMAL_PLACES

ZERO = Decimal(0)
_LAST = Decimal(1).scaleb(-DECIMAL_PLACES)
#: Factors nearer than this are the same: money has twelve places only.
_SAME = 1e-9
#: What is farther apart is no change of price: a credit beside a charge, or money beside next to no units.
_PLAUSIBLE = Decimal(10_000)

RUNS, SECONDS, BYTES = "runs", "seconds per run", "bytes per run"
POOL_SIZE, BYTE_RATE, PRICE = "pool size", "units per byte", "price"
IDLE, OVERHEAD, USAGE, ADJUSTMENT = "idle", "overhead", "usage", "adjustment"
NEW, GONE = "new work", "gone work"
#: All drivers, in the order they are told.
DRIVERS = (RUNS, SECONDS, BYTES, POOL_SIZE, BYTE_RATE, PRICE, IDLE, OVERHEAD, USAGE, ADJUSTMENT, NEW, GONE)
#: What a driver says in plain words.
MEANINGS = {
    RUNS: "more or fewer statements",
    SECONDS: "each statement ran longer or shorter",
    BYTES: "each statement read more or less",
    POOL_SIZE: "units per second of running: a larger or smaller pool, or fewer or more statements sharing it",
    BYTE_RATE: "units billed per byte read",
    PRICE: "price of a unit",
    IDLE: "pools that ran without work",
    OVERHEAD: "cloud services and the like",
    USAGE: "storage, serverless and other metered lines",
    ADJUSTMENT: "what the bill says differently",
    NEW: "work that was not there before",
    GONE: "work that is there no more",
}
#: Units that a statement is billed by the bytes it reads in.
BYTE_UNITS = ("TiB", "GiB")
_OF_CATEGORY = {"idle": IDLE, "overhead": OVERHEAD, "adjustment": ADJUSTMENT}
#: Columns of `daily` that a row needs here; others are left alone.
COLUMNS = (
    *("category", "asset", "shape", "pool", "service", "object", "currency", "unit"),
    *("units", "cost", "queries", "seconds", "bytes"),
)
_Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Work:
    """What was done and what it cost; `shape` for queries, `pool`, `service` and `object` for what is no query.

    Rewritten work has the dearest new shape, and as `replaced` the dearest that it stands for.
    """

    category: str
    asset: str | None
    shape: str | None
    pool: str | None
    service: str | None
    object: str | None
    unit: str | None
    replaced: str | None = None


@dataclass(frozen=True)
class Change:
    """The change of one work's cost and its drivers, which add up to it."""

    work: Work
    before: Decimal
    after: Decimal
    drivers: dict[str, Decimal]

    @property
    def change(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True)
class Decomposition:
    """A change of cost, its drivers over all work, and each work's own, largest change first; all exact."""

    currency: str | None
    before: Decimal
    after: Decimal
    drivers: dict[str, Decimal]
    changes: tuple[Change, ...] = field(repr=False)

    @property
    def change(self) -> Decimal:
        return self.after - self.before


@dataclass
class _Sums:
    units: Decimal = ZERO
    cost: Decimal = ZERO
    queries: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0


def decompose(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], scale: Fraction | int = 1
) -> Decomposition:
    """Return what the cost of `after` differs by from that of `before`, both rows of `daily` (COLUMNS) in one currency.

    All of `before` is multiplied by `scale`, say 1/28 to compare a day with the mean of 28. Raises UsageError for two currencies:
    they are never added.
    """
    old, now = list(before), list(after)
    currencies = {row["currency"] for row in (*old, *now) if row["currency"] and row["cost"]}
    if len(currencies) > 1:
        raise UsageError(f"a change of cost has one currency, not {', '.join(sorted(currencies))}: name the source")
    olds, news = _summed(old, Fraction(scale)), _summed(now, Fraction(1))
    changes = [_change(work, *sums) for work, sums in _paired(olds, news).items()]
    changes = [one for one in changes if one.before or one.after]
    changes.sort(key=lambda one: (-abs(one.change), _order(one.work)))
    drivers = {name: sum((one.drivers.get(name, ZERO) for one in changes), ZERO) for name in DRIVERS}
    return Decomposition(
        currency=min(currencies, default=None),
        before=sum((one.before for one in changes), ZERO),
        after=sum((one.after for one in changes), ZERO),
        drivers={name: amount for name, amount in drivers.items() if amount},
        changes=tuple(changes),
    )


def _summed(rows: Sequence[Mapping[str, Any]], scale: Fraction) -> dict[_Key, _Sums]:
    """Add up rows by work, times `scale`; money to the ledger's places."""
    found: dict[_Key, _Sums] = {}
    for row in rows:
        sums = found.setdefault(_key(row), _Sums())
        sums.units += row["units"] or ZERO
        sums.cost += row["cost"] or ZERO
        sums.queries += row["queries"] or 0.0
        sums.seconds += row["seconds"] or 0.0
        sums.bytes += row["bytes"] or 0.0
    if scale != 1:
        ratio = float(scale)
        for sums in found.values():
            sums.units, sums.cost = _scaled(sums.units, scale), _scaled(sums.cost, scale)
            sums.queries, sums.seconds, sums.bytes = sums.queries * ratio, sums.seconds * ratio, sums.bytes * ratio
    return found


def _paired(olds: dict[_Key, _Sums], news: dict[_Key, _Sums]) -> dict[Work, tuple[_Sums, _Sums]]:
    """Return each work with both its sums; shapes that an asset had only before and only after are one rewritten work."""
    gone, new = _alone(olds, news), _alone(news, olds)
    paired: dict[Work, tuple[_Sums, _Sums]] = {}
    for both in gone.keys() & new.keys():
        old, now = gone[both], new[both]
        dearest = max(sorted(now, key=str), key=lambda key: news[key].cost)
        replaced = max(sorted(old, key=str), key=lambda key: olds[key].cost)
        work = replace(_work(dearest), replaced=replaced[2])
        paired[work] = _total(olds.pop(key) for key in old), _total(news.pop(key) for key in now)
    for key in {**olds, **news}:
        paired[_work(key)] = olds.get(key, _Sums()), news.get(key, _Sums())
    return paired


def _work(key: _Key) -> Work:
    category, *rest = key
    return Work(category or "other", *rest)


def _alone(mine: Mapping[_Key, _Sums], others: Mapping[_Key, _Sums]) -> dict[tuple[str | None, str | None], list[_Key]]:
    """Return the queries' works of assets that only this side has, by asset and unit."""
    found: dict[tuple[str | None, str | None], list[_Key]] = {}
    for key, sums in mine.items():
        other = others.get(key)
        if key[0] == "query" and key[1] is not None and sums.cost > 0 and not (other and other.cost):
            found.setdefault((key[1], key[6]), []).append(key)
    return found


def _total(sums: Iterable[_Sums]) -> _Sums:
    total = _Sums()
    for one in sums:
        for name in ("units", "cost", "queries", "seconds", "bytes"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _key(row: Mapping[str, Any]) -> _Key:
    """Name the work of a row. A query's pool is left out: moving to a larger one is a change of its rate, not new work."""
    category = row["category"]
    if category == "query":
        return category, row["asset"], row["shape"], None, None, None, row["unit"]
    return category, row["asset"], None, row["pool"], row["service"], row["object"], row["unit"]


def _scaled(amount: Decimal, scale: Fraction) -> Decimal:
    return (amount * scale.numerator / scale.denominator).quantize(_LAST)


def _change(work: Work, old: _Sums, now: _Sums) -> Change:
    rest = _OF_CATEGORY.get(work.category)
    if rest in (OVERHEAD, ADJUSTMENT):
        drivers = {rest: now.cost - old.cost} if rest else {}
    elif not old.cost:
        drivers = {rest or NEW: now.cost}
    elif not now.cost:
        drivers = {rest or GONE: -old.cost}
    else:
        drivers = _drivers(work, old, now, rest or USAGE)
    return Change(work, old.cost, now.cost, {name: amount for name, amount in drivers.items() if amount})


def _drivers(work: Work, old: _Sums, now: _Sums, volume: str) -> dict[str, Decimal]:
    factors = _factors(work.unit, old, now) if work.category == "query" else {}
    if factors:
        return _exact(_lmdi(old.cost, now.cost, factors), now.cost - old.cost)
    if not (old.units and now.units):
        return {volume: now.cost - old.cost}
    prices = old.cost / old.units, now.cost / now.units
    ratio = prices[1] / prices[0]
    if abs(ratio - 1) <= Decimal(_SAME) or not 1 / _PLAUSIBLE < ratio < _PLAUSIBLE:
        return {volume: now.cost - old.cost}
    halves = {
        volume: (now.units - old.units) * (prices[0] + prices[1]) / 2,
        PRICE: (prices[1] - prices[0]) * (old.units + now.units) / 2,
    }
    return _exact(halves, now.cost - old.cost)


def _factors(unit: str | None, old: _Sums, now: _Sums) -> dict[str, tuple[float, float]]:
    """Return each factor before and after; none where a query's work cannot be told by them (no run, no time, a credit)."""
    amounts = (old.queries, now.queries, old.cost, now.cost, old.units, now.units)
    if min(float(amount) for amount in amounts) <= 0:
        return {}
    if unit not in BYTE_UNITS and old.seconds > 0 and now.seconds > 0:
        old_amount, new_amount, each, rate = old.seconds, now.seconds, SECONDS, POOL_SIZE
    elif old.bytes > 0 and now.bytes > 0:
        old_amount, new_amount, each, rate = old.bytes, now.bytes, BYTES, BYTE_RATE
    else:
        return {}
    factors = {
        RUNS: (old.queries, now.queries),
        each: (old_amount / old.queries, new_amount / now.queries),
        rate: (float(old.units) / old_amount, float(now.units) / new_amount),
        PRICE: (float(old.cost / old.units), float(now.cost / now.units)),
    }
    # The quotient of amounts near the ends of what a double holds is zero or infinite, and tells nothing.
    return factors if all(0 < one < math.inf for pair in factors.values() for one in pair) else {}


def _lmdi(old: Decimal, now: Decimal, factors: Mapping[str, tuple[float, float]]) -> dict[str, Decimal]:
    first, last = float(old), float(now)
    mean = first if math.isclose(first, last, rel_tol=1e-12) else (last - first) / math.log(last / first)
    logs = {name: math.log(then) - math.log(earlier) for name, (earlier, then) in factors.items()}
    return {name: Decimal(mean * log) if abs(log) > _SAME else ZERO for name, log in logs.items()}


def _exact(drivers: Mapping[str, Decimal], change: Decimal) -> dict[str, Decimal]:
    """Round to the ledger's places and give what rounding leaves to the largest: the sum is the change, to the last digit."""
    rounded = {name: amount.quantize(_LAST) for name, amount in drivers.items()}
    largest = max(rounded, key=lambda name: abs(rounded[name]))
    rounded[largest] += change - sum(rounded.values(), ZERO)
    return rounded


def _order(work: Work) -> tuple[str, ...]:
    return tuple(
        part or "" for part in (work.category, work.asset, work.shape, work.pool, work.service, work.object, work.unit)
    )
