"""Spreads committed slots over the baselines that they cover, so that each slot-hour has the price that is paid for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from costlens_bigquery.lines import COMMITMENT
from costlens_bigquery.services import RESERVATIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

_UNITS = "decimal(38, 12)"
_HOURS = 24
_OF_HOUR = ("hour", "day", "account", "region", "edition")
_OF_DAY = ("day", "account", "region", "edition")


def settle(facts: Mapping[str, ir.Table]) -> Mapping[str, ir.Table]:
    """Return the facts with baselines split into a committed part and a part paid as used.

    Google's rule: in each hour, administering project, region and edition, committed slots pay for baseline slots first, and
    are owed whether there are any. So of a baseline B and commitments C, min(B, C) slot-hours of the reservations become
    `commitment <edition> <plan>`, plans in proportion, and C - B becomes a usage line `unused commitment` of the day.
    Slot-hours of metering stay what they were per pool and hour; those of commitments are all in one or the other.
    """
    metering, usage = facts["metering"], facts["usage"]
    is_commitment = (usage.category == COMMITMENT[0]) & (usage.kind == COMMITMENT[1])
    plans = _plans(usage.filter(is_commitment))
    covered = _covered(metering, plans)
    used = covered.group_by("day", "account", "region", committed=covered.committed).aggregate(units=covered.part.sum())
    return {
        **facts,
        "metering": _split(metering, covered),
        "usage": ibis.union(usage.filter(~is_commitment), _unused(usage.filter(is_commitment), used)),
    }


def _plans(commitments: ir.Table) -> ir.Table:
    """Return per day, project, region, edition and plan the slots committed, those of the plans before, and of all."""
    found = commitments.mutate(edition=commitments.service.re_extract(r"commitment (\S+) ", 1))
    slots = found.group_by(*_OF_DAY, committed=found.service).aggregate(
        slots=found.units.sum().cast("float64") / _HOURS
    )
    whole = ibis.window(group_by=_OF_DAY)
    so_far = ibis.cumulative_window(group_by=_OF_DAY, order_by=slots.committed)
    return slots.mutate(upto=slots.slots.sum().over(so_far), total=slots.slots.sum().over(whole))


def _covered(metering: ir.Table, plans: ir.Table) -> ir.Table:
    """Return per baseline row and plan the slot-hours that the plan pays for (`part`)."""
    rows = _baselines(metering)
    whole = ibis.window(group_by=_OF_HOUR)
    rows = rows.mutate(baseline=rows.units.cast("float64").sum().over(whole))
    rows = rows.filter(rows.baseline > 0)
    both = rows.join(plans, list(_OF_DAY), lname="", rname="plan_{name}")
    share = ibis.least(both.total / both.baseline, 1.0) / both.total * both.units.cast("float64")
    both = both.mutate(
        upto_part=ibis.least((share * both.upto).cast(_UNITS), both.units),
        before_part=ibis.least((share * (both.upto - both.slots)).cast(_UNITS), both.units),
    )
    return both.mutate(part=both.upto_part - both.before_part)


def _baselines(metering: ir.Table) -> ir.Table:
    found = metering.filter(metering.service.startswith(f"{RESERVATIONS}/baseline "))
    return found.mutate(edition=found.service.re_extract(r"baseline (\S+)$", 1))


def _split(metering: ir.Table, covered: ir.Table) -> ir.Table:
    """Return metering with the committed parts as rows of their own and taken off the baselines."""
    names = metering.columns
    taken = covered.group_by("pool_id", "hour", "service", "unit").aggregate(taken=covered.part.sum())
    joined = metering.left_join(taken, ["pool_id", "hour", "service", "unit"], lname="", rname="taken_{name}")
    left = joined.mutate(units=joined.units - ibis.coalesce(joined.taken, ibis.literal(0).cast(_UNITS))).select(*names)
    parts = covered.filter(covered.part > 0).drop("service", "units").rename(service="committed", units="part")
    return ibis.union(_typed(left, metering), _typed(parts.select(*names), metering))


def _unused(commitments: ir.Table, used: ir.Table) -> ir.Table:
    """Return one line per day and plan for the committed slot-hours that no reservation had."""
    key = ("day", "account", "region", "service")
    rest = [name for name in commitments.columns if name not in {*key, "units", "kind", "object_id", "object"}]
    held = commitments.group_by(*key).aggregate(
        held=commitments.units.sum(), **{name: commitments[name].min() for name in rest}
    )
    joined = held.left_join(used.rename(service="committed"), list(key), lname="", rname="used_{name}")
    lines = joined.mutate(
        units=joined.held - ibis.coalesce(joined.units, ibis.literal(0).cast(_UNITS)),
        kind=ibis.literal("unused commitment"),
        object_id=ibis.null("string"),
        object=ibis.literal("unused commitment"),
    )
    return _typed(lines.filter(lines.units > 0).select(*commitments.columns), commitments)


def _typed(rows: ir.Table, like: ir.Table) -> ir.Table:
    """Give sums of decimals, which are wider, the type that the table has."""
    return rows.cast(dict(like.schema()))
