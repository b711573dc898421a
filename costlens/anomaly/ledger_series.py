"""Makes series of daily cost from a ledger: per asset, team, pool, user, shape and source, and what nobody is known for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import numpy as np

from costlens.reading import day_number, with_team

if TYPE_CHECKING:
    from datetime import datetime

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from costlens.engine import Engine
    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot

EPOCH = date(1970, 1, 1)
UNATTRIBUTED = "(unattributed)"
#: Money that no work causes: it says how the bill was reckoned.
LEFT_OUT = ("adjustment",)
#: Money that nobody could be named for by evidence.
SHARED = ("idle", "overhead", "adjustment")


@dataclass(frozen=True)
class SeriesOf:
    """Series of one kind: `names` are (key, source, currency), rows of `values`; columns are days from `first_day` on.

    A day without a charge is nothing spent, NaN where the source has no charges at all that day, or had none yet.
    """

    kind: str
    names: tuple[tuple[str, str, str], ...]
    first_day: int
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """Days that are judged: [first, until), of which those from `partial` on are not over or not all read."""

    first: int
    until: int
    partial: int


def day(number: int) -> date:
    """Return a day that is counted from 1970."""
    return EPOCH + timedelta(days=number)


def read(ledger: Ledger, snapshot: Snapshot, engine: Engine, since: int, until: int) -> ir.Table:
    """Return cost per day and whom it belongs to (source, asset, team, pool, user, shape), as a table of the engine."""
    rows = ledger.table("daily", snapshot, engine, since=since, until=until)
    rows = rows.filter(rows.category.notin(list(LEFT_OUT)) & rows.currency.notnull())
    return summed(engine, rows, ledger.estate(snapshot))


def summed(engine: Engine, rows: ir.Table, estate: Estate) -> ir.Table:
    """Sum cost per day and whom it belongs to; takes rows with source, asset, rule_team, pool, user, shape, category and status."""
    rows = with_team(engine, rows, estate)
    is_nobody = rows.asset.isnull() & rows.team.isnull() & rows.category.notin(list(SHARED))
    rows = rows.mutate(unattributed=ibis.ifelse(is_nobody, UNATTRIBUTED, ibis.null("string")))
    keys = ["day", "source", "currency", "asset", "team", "pool", "user", "shape", "unattributed"]
    estimated = ibis.ifelse(rows.status == "estimated", rows.cost, ibis.literal(0).cast("decimal(38, 12)"))
    grouped = rows.group_by(keys).agg(cost=rows.cost.sum().cast("float64"), estimated=estimated.sum().cast("float64"))
    return engine.materialise(grouped, "spent")


def span(engine: Engine, spent: ir.Table, as_of: datetime) -> Span | None:
    """Return which days there are, and from which on they are not complete: today, or mostly estimated; None without any."""
    days = spent.group_by("day").agg(cost=spent.cost.sum(), estimated=spent.estimated.sum()).order_by("day")
    rows = [row for row in engine.rows(days) if row["day"] <= day_number(as_of.date())]
    if not rows:
        return None
    until = rows[-1]["day"] + 1
    partial = min(until, day_number(as_of.date()))
    for row in reversed(rows):
        if row["estimated"] <= 0.02 * row["cost"]:
            break
        partial = min(partial, row["day"])
    return Span(rows[0]["day"], until, partial)


def series(engine: Engine, spent: ir.Table, kind: str, days: Span, *, known: ir.Table | None = None) -> SeriesOf:
    """Return the series of one kind. Teams are summed over sources: their source is empty.

    `known` says on which days a source has charges, where `spent` holds only some of them.
    """
    key = spent.source if kind == "source" else spent[kind]
    source = ibis.literal("") if kind == "team" else spent.source
    rows = spent.mutate(key=key, of=source).filter(lambda table: table.key.notnull())
    rows = rows.group_by(["key", "of", "currency", "day"]).agg(cost=rows.cost.sum())
    found = engine.arrow(rows)
    names = sorted(set(zip(*(found[column].to_pylist() for column in ("key", "of", "currency")), strict=True)))
    place = {name: number for number, name in enumerate(names)}
    values = np.zeros((len(names), days.until - days.first))
    told = zip(*(found[column].to_pylist() for column in ("key", "of", "currency", "day", "cost")), strict=True)
    for name, of, currency, number, cost in told:
        if days.first <= number < days.until:
            values[place[name, of, currency], number - days.first] += cost
    values[_unknown(engine, spent if known is None else known, names, days)] = np.nan
    return SeriesOf(kind, tuple(names), days.first, values)


def _unknown(engine: Engine, spent: ir.Table, names: Sequence[tuple[str, str, str]], days: Span) -> NDArray[np.bool_]:
    """Tell the days on which a series' source has no charges: nothing was read, which is not nothing spent.

    The first day of a source is not known either: a pull may begin within it.
    """
    seen: dict[str, set[int]] = {}
    for row in engine.rows(spent.select("source", "day").distinct()):
        seen.setdefault(row["source"], set()).add(row["day"])
    every = set.intersection(*({d for d in told if d != min(told)} for told in seen.values())) if seen else set()
    unknown = np.zeros((len(names), days.until - days.first), bool)
    for number, (_, source, _) in enumerate(names):
        known = {d for d in seen[source] if d != min(seen[source])} if source else every
        unknown[number] = [d not in known for d in range(days.first, days.until)]
    return unknown


def floors(engine: Engine, spent: ir.Table, days: Span, scale: float) -> dict[str, NDArray[np.float64]]:
    """Return, per currency and day, the learnt floor: `scale` times the root of the median day of the four weeks before, at least 1.

    The root, since a company that spends a hundred times as much looks at ten times as much, not at a hundred.
    """
    rows = engine.rows(spent.group_by(["currency", "day"]).agg(cost=spent.cost.sum()))
    found: dict[str, NDArray[np.float64]] = {}
    for currency in {row["currency"] for row in rows}:
        totals = np.zeros(days.until - days.first)
        for row in rows:
            if row["currency"] == currency and row["day"] < days.until:
                totals[row["day"] - days.first] = row["cost"]
        usual = [float(np.median(totals[max(0, t - 28) : t])) if t else 0.0 for t in range(len(totals))]
        found[currency] = np.maximum(1.0, scale * np.sqrt(usual))
    return found
