"""Takes costs that a vendor tells twice, as a whole and by object, so that they count once: the whole is the money.

A warehouse names in `Billing.details` the feeds that tell of one service, from the whole to the objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_HOUR

if TYPE_CHECKING:
    import ibis.expr.types as ir

REMAINDER = "remainder"
_EXACT = "decimal(38, 12)"
_GROUP = ("account", "region", "service", "unit", "hour")


def once(usage: ir.Table, details: Mapping[str, tuple[str, ...]]) -> ir.Table:
    """Return usage lines in which each service and hour counts once; same columns.

    Of the feeds of a service that have lines in an hour, the first of `details` is the money and the last gives the lines.
    What the lines lack becomes one line without object, of kind `remainder`; lines that tell more than the whole are
    scaled down to it. Lines of services and feeds that are not in `details` stay as they are.
    """
    if not details:
        return usage
    ranked = usage.mutate(place=_place(usage, details), hour=usage.started_at // MICROSECONDS_PER_HOUR)
    named = ranked.filter(ranked.place.notnull())
    group = ibis.window(group_by=[named[name] for name in _GROUP])
    named = named.mutate(first=named.place.min().over(group), last=named.place.max().over(group))
    group = ibis.window(group_by=[named[name] for name in _GROUP])
    named = named.mutate(whole=_sum_at(named, named["first"], group), parts=_sum_at(named, named["last"], group))
    columns = usage.columns
    kept = ranked.filter(ranked.place.isnull()).select(*columns)
    return kept.union(_fitted(named).select(*columns)).union(_remainders(named).select(*columns))


def _place(usage: ir.Table, details: Mapping[str, tuple[str, ...]]) -> ir.IntegerValue:
    branches = [
        ((usage.service == service) & (usage.feed == feed), place)
        for service, feeds in details.items()
        for place, feed in enumerate(feeds)
    ]
    return ibis.cases(*branches, else_=ibis.null("int64"))


def _sum_at(rows: ir.Table, place: ir.IntegerColumn, group: object) -> ir.DecimalValue:
    units = ibis.ifelse(rows.place == place, rows.units, ibis.literal(0).cast(_EXACT))
    return units.sum().over(group).cast(_EXACT)


def _fitted(named: ir.Table) -> ir.Table:
    """Return the lines, scaled where they tell more than the whole; the last digit goes to the largest of them."""
    lines = named.filter(named.place == named["last"])
    too_much = (lines["first"] != lines["last"]) & (lines.parts > lines.whole)
    share = lines.whole.cast("float64") / lines.parts.cast("float64")
    scaled = (lines.units.cast("float64") * share).cast(_EXACT)
    lines = lines.mutate(too_much=too_much, fitted=ibis.ifelse(too_much, scaled, lines.units))
    keys = [lines[name] for name in _GROUP]
    order = [lines.units.desc(), lines.object_id, lines.kind, lines.started_at]
    lines = lines.mutate(
        nth=ibis.row_number().over(ibis.window(group_by=keys, order_by=order)),
        given=lines.fitted.sum().over(ibis.window(group_by=keys)).cast(_EXACT),
    )
    rest = ibis.ifelse(lines.too_much & (lines.nth == 0), lines.whole - lines.given, ibis.literal(0).cast(_EXACT))
    return lines.mutate(units=(lines.fitted + rest).cast(_EXACT))


def _remainders(named: ir.Table) -> ir.Table:
    """Return a line without object for what the whole has beyond its parts."""
    beyond = named.filter((named["first"] != named["last"]) & (named.whole > named.parts))
    coarse = beyond.filter(beyond.place == beyond["first"])
    groups = coarse.group_by(_GROUP).agg(
        source=coarse.source.min(),
        day=coarse.day.min(),
        feed=coarse.feed.min(),
        category=coarse.category.min(),
        started_at=coarse.started_at.min(),
        ended_at=coarse.ended_at.max(),
        units=(coarse.whole.min() - coarse.parts.min()).cast(_EXACT),
    )
    nothing = ibis.null("string")
    return groups.mutate(kind=ibis.literal(REMAINDER), object_id=nothing, object=nothing, pool_id=nothing)
