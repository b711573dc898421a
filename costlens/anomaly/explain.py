"""Explains a change of cost between two periods: by driver, asset, shape, query, user and pool, down to the run and code it came with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ibis

from costlens.anomaly import origin
from costlens.anomaly.decompose import COLUMNS, MEANINGS, ZERO, Decomposition, decompose
from costlens.errors import UsageError
from costlens.reading import day_number, with_team

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot

EPOCH = date(1970, 1, 1)
#: Money that nobody could be named for by evidence.
_SHARED = ("idle", "overhead", "adjustment")
NOBODY = "(no asset)"
TOP = 5
_SUMS = ("units", "cost", "queries", "seconds", "bytes")


@dataclass(frozen=True)
class Selection:
    """Whose cost: of one asset, team, pool, user, shape, source, or what is unattributed; in one source and currency, or any."""

    kind: str | None = None
    key: str | None = None
    source: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Periods:
    """Two sets of days (since 1970); `scale` is what the earlier one's sums are multiplied by to be comparable."""

    before: frozenset[int]
    after: frozenset[int]
    scale: Fraction = Fraction(1)
    billing: tuple[str, str] | None = None
    """Billing months to keep to, where the periods are months."""
    counts: tuple[int, int] | None = None
    """How many days each has, where that is not how many are read."""


@dataclass(frozen=True)
class Part:
    """The part of a change that one asset, user, pool or shape has, with its drivers; exact."""

    name: str
    before: Decimal
    after: Decimal
    drivers: dict[str, Decimal] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    text: str | None = None
    replaced: str | None = None
    queries: tuple[dict[str, Any], ...] = ()

    @property
    def change(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True)
class Explanation:
    """A change of cost, exact: `drivers` add up to after - before, and so do `assets`, `users` and `pools` each, with their rest."""

    currency: str
    before: Decimal
    after: Decimal
    drivers: dict[str, Decimal]
    assets: tuple[Part, ...]
    users: tuple[Part, ...]
    pools: tuple[Part, ...]
    before_days: int
    after_days: int
    scale: Fraction
    origin: dict[str, Any] | None = None

    @property
    def change(self) -> Decimal:
        return self.after - self.before


def explain(ledger: Ledger, snapshot: Snapshot, selection: Selection, periods: Periods) -> tuple[Explanation, ...]:
    """Explain a change, per currency, dearest first; raises UsageError where neither period has charges."""
    from costlens.engine import Engine

    with Engine() as engine:
        return explained(ledger, snapshot, engine, selection, periods)


def explained(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, selection: Selection, periods: Periods
) -> tuple[Explanation, ...]:
    """As `explain`, on an open engine."""
    rows = _rows(ledger, snapshot, engine, selection, periods)
    currencies = {row["currency"] for row in rows if row["currency"] and row["cost"]}
    if not currencies:
        whose = f" of {selection.kind} {selection.key}" if selection.key else ""
        raise UsageError(
            f"explain: no charges{whose} in either period: `costlens report --by asset` names who has some"
        )
    found = []
    for currency in currencies:
        mine = [row for row in rows if row["currency"] == currency or not row["currency"]]
        made = _of(mine, currency, periods)
        found.append(_with_origin(ledger, snapshot, engine, selection, periods, made))
    return tuple(sorted(found, key=lambda one: -max(one.before, one.after)))


def _rows(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, selection: Selection, periods: Periods
) -> list[dict[str, Any]]:
    days = periods.before | periods.after
    rows = ledger.table("daily", snapshot, engine, source=selection.source, days=days)
    rows = with_team(engine, rows, ledger.estate(snapshot))
    rows = rows.filter(selected(rows, selection))
    if selection.currency:
        rows = rows.filter((rows.currency == selection.currency) | rows.currency.isnull())
    if periods.billing:
        rows = rows.filter(rows.billing_period.isin(list(periods.billing)))
        rows = rows.mutate(is_after=rows.billing_period == periods.billing[1])
    else:
        rows = rows.mutate(is_after=rows.day.isin(sorted(periods.after)))
    keys = ["is_after", "user", *(name for name in COLUMNS if name not in _SUMS)]
    return engine.rows(rows.group_by(keys).agg(**{name: rows[name].sum() for name in _SUMS}))


def selected(rows: ir.Table, selection: Selection) -> ir.BooleanValue:
    """Return which rows of `daily` (with team) a selection means."""
    if selection.kind is None:
        return ibis.literal(True)
    if selection.kind == "unattributed":
        return rows.asset.isnull() & rows.team.isnull() & rows.category.notin(list(_SHARED))
    return rows[selection.kind] == selection.key


def _of(rows: Sequence[Mapping[str, Any]], currency: str, periods: Periods) -> Explanation:
    old, now = [row for row in rows if not row["is_after"]], [row for row in rows if row["is_after"]]
    whole = decompose(old, now, periods.scale)
    counts = periods.counts or (len(periods.before), len(periods.after))
    return Explanation(
        currency=currency,
        before=whole.before,
        after=whole.after,
        drivers=whole.drivers,
        assets=_assets(whole),
        users=_by(old, now, "user", periods.scale),
        pools=_by(old, now, "pool", periods.scale),
        before_days=counts[0],
        after_days=counts[1],
        scale=periods.scale,
    )


def _assets(whole: Decomposition) -> tuple[Part, ...]:
    """Gather the works by asset and, within it, by shape or category; money of no asset is named by its category."""
    found: dict[str, dict[str, list[Any]]] = {}
    for one in whole.changes:
        work = one.work
        name = work.asset or (NOBODY if work.category == "query" else f"({work.category})")
        inner = work.shape or work.object or work.pool or work.category
        found.setdefault(name, {}).setdefault(inner, []).append(one)
    parts = []
    for name, inners in found.items():
        inner_parts = sorted((_sum(inner, ones) for inner, ones in inners.items()), key=lambda part: -abs(part.change))
        every = [one for ones in inners.values() for one in ones]
        whole_part = _sum(name, every)
        parts.append(Part(name, whole_part.before, whole_part.after, whole_part.drivers, tuple(inner_parts[:TOP])))
    return tuple(sorted(parts, key=lambda part: (-abs(part.change), part.name)))


def _sum(name: str, ones: Collection[Any]) -> Part:
    drivers: dict[str, Decimal] = {}
    for one in ones:
        for driver, amount in one.drivers.items():
            drivers[driver] = drivers.get(driver, ZERO) + amount
    before, after = sum((one.before for one in ones), ZERO), sum((one.after for one in ones), ZERO)
    replaced = next((one.work.replaced for one in ones if one.work.replaced), None)
    kept = {driver: amount for driver, amount in drivers.items() if amount}
    return Part(name, before, after, kept, replaced=replaced)


def _by(
    old: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], column: str, scale: Fraction
) -> tuple[Part, ...]:
    """Return each user's or pool's part of the change."""
    names = sorted({row[column] for row in (*old, *now) if row[column]})
    parts = []
    for name in names:
        whole = decompose([r for r in old if r[column] == name], [r for r in now if r[column] == name], scale)
        if whole.before or whole.after:
            parts.append(Part(name, whole.before, whole.after, whole.drivers))
    return tuple(sorted(parts, key=lambda part: (-abs(part.change), part.name)))


def _with_origin(
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    selection: Selection,
    periods: Periods,
    made: Explanation,
) -> Explanation:
    """Add the texts and queries of the shapes that changed most, and the run and code version that the change came with."""
    grown = [part for asset in made.assets[:TOP] for part in asset.parts]
    shapes = [part.name for part in sorted(grown, key=lambda part: -part.change)[:TOP] if part.change > 0]
    texts = origin.texts(ledger, snapshot, engine, [part.name for part in grown], periods.before | periods.after)
    queries = origin.queries(ledger, snapshot, engine, shapes, periods.after, selection.source)
    assets = []
    for asset in made.assets:
        parts = tuple(replace(p, text=texts.get(p.name), queries=queries.get(p.name, ())) for p in asset.parts)
        assets.append(replace(asset, parts=parts))
    named = [asset.name for asset in made.assets[:TOP] if not asset.name.startswith("(") and asset.change > 0]
    began = origin.began(ledger, snapshot, engine, named[:1], periods.before, periods.after)
    return replace(made, assets=tuple(assets), origin=began)


def usual_days(first: int, last: int, known: Collection[int], odd: Collection[int] = ()) -> frozenset[int]:
    """Return the days to compare an event with: the same weekdays of the four weeks before, all days where there are too few."""
    past = [day for day in known if first - 28 <= day < first and day not in odd]
    weekdays = {day % 7 for day in range(first, last + 1)}
    same = [day for day in past if day % 7 in weekdays]
    return frozenset(same if len(same) >= 2 else past)


def as_json(made: Explanation, *, top: int = TOP) -> dict[str, Any]:
    """Return an explanation as JSON-able values; amounts are texts of all digits, and `rest` makes each list add up."""
    return {
        "currency": made.currency,
        "before": str(made.before),
        "after": str(made.after),
        "change": str(made.change),
        "days": {"before": made.before_days, "after": made.after_days, "scale": str(made.scale)},
        "drivers": _drivers(made.drivers),
        "assets": _parts(made.assets, made.change, top),
        "users": _parts(made.users, made.change, top),
        "pools": _parts(made.pools, made.change, top),
        "origin": made.origin,
    }


def _drivers(drivers: Mapping[str, Decimal]) -> list[dict[str, str]]:
    ordered = sorted(drivers.items(), key=lambda item: -abs(item[1]))
    return [{"driver": name, "amount": str(amount), "meaning": MEANINGS[name]} for name, amount in ordered]


def _parts(parts: Sequence[Part], change: Decimal, top: int) -> dict[str, Any]:
    shown = parts[:top]
    rest = change - sum((part.change for part in shown), ZERO)
    return {"parts": [_part(part) for part in shown], "rest": str(rest)}


def _part(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": part.name,
        "before": str(part.before),
        "after": str(part.after),
        "change": str(part.change),
        "drivers": {name: str(amount) for name, amount in part.drivers.items()},
    }
    if part.text:
        told["text"] = part.text
    if part.replaced:
        told["replaces_shape"] = part.replaced
    if part.queries:
        told["queries"] = list(part.queries)
    if part.parts:
        told["parts"] = [_part(inner) for inner in part.parts]
    return told


def number(day: date) -> int:
    """Return a day counted from 1970."""
    return day_number(day)


def dates(days: Collection[int]) -> str:
    """Return days as a person reads them."""
    first, last = EPOCH + timedelta(days=min(days)), EPOCH + timedelta(days=max(days))
    return f"{first}" if first == last else f"{first} to {last}"
