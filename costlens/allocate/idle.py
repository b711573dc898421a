"""Gives idle to who used the pool: over the pool-hour's queries by own part (`fair`), or to the query that kept it up (`causal`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

from costlens.allocate.split import EXACT, shared
from costlens.keys import keyed
from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.times import Steps, split

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

_OWNER = ("asset", "rule_team")
_POOL = ("source", "pool_id")
#: Columns of idle that come from charges; `how` says which way it is allocated.
KEYS = (
    *("source", "day", "billing_period", "account", "region", "service", "category", "cause", "pool_id", "pool"),
    *("currency", "unit", "status"),
)
AMOUNTS = ("units", "cost", "list_cost")


def idle_hours(charges: ir.Table) -> ir.Table:
    """Return the idle charges, one row per pool-hour and what else tells them apart, with `idle_id`."""
    idle = charges.filter(charges.category == "idle")
    rows = idle.group_by(*KEYS, "hour").agg(**{name: idle[name].fill_null(0).sum().cast(EXACT) for name in AMOUNTS})
    order = [rows[name] for name in ("source", "pool_id", "hour", "service", "cause", "currency", "status")]
    return rows.mutate(idle_id=ibis.row_number().over(ibis.window(order_by=order)))


def allocated_idle(
    idle: ir.Table,
    charges: ir.Table,
    attributions: ir.Table,
    queries: ir.Table | None,
    events: ir.Table,
    engine: Engine,
) -> ir.Table:
    """Return `idle` by owner: KEYS, AMOUNTS, asset, rule_team, how.

    `idle` is of `idle_hours`, with `how` (fair or, if there are `queries`, causal) and `booked_on`, the day that its parts get.
    Where the hour has no query, or none that kept the pool up, the pool's UTC day tells; where that has none, the pool's owner
    by the rules of teams, else nobody. Parts are rounded down, hour by hour, and added up: the sums are to be `settled`.
    """
    steps = Steps(engine.materialise)
    attributions, people = _numbered(attributions, engine)
    idle, lines = keyed(idle, (*(name for name in KEYS if name != "day"), "booked_on", "how"), "line", engine)
    owners = _owners_of_queries(attributions)
    own = steps(_own_parts(charges, owners), "own_parts")
    found = [_met(idle.filter(idle.how == "fair"), own, "hour", steps)]
    if queries is not None:
        lulls = steps(_lulls(queries, events, owners, steps), "lulls")
        found.append(_met(idle.filter(idle.how == "causal"), lulls, "hour", steps))
    met, rest = zip(*found, strict=True)
    left = _all(rest)
    days = own.semi_join(left, [*_POOL, "day"]).group_by(*_POOL, "day", "owner")
    by_day, left = _met(left, days.agg(weight=own.weight.sum().cast(EXACT)), "day", steps)
    parts = ibis.union(*met, by_day, _by_pool(left, attributions))
    sums = parts.group_by("line", "owner").agg(**{name: parts[name].sum().cast(EXACT) for name in AMOUNTS})
    told = sums.join(lines, "line").left_join(people, "owner").rename(day="booked_on")
    return told.select(*KEYS, "how", *AMOUNTS, *_OWNER)


def _numbered(attributions: ir.Table, engine: Engine) -> tuple[ir.Table, ir.Table]:
    """Return attributions with `owner`, a number, null where that is nobody, and the owner of each number."""
    told, people = keyed(attributions, _OWNER, "owner", engine)
    is_nobody = told.asset.isnull() & told.rule_team.isnull()
    return told.mutate(owner=ibis.ifelse(is_nobody, ibis.null(told.owner.type()), told.owner)), people


def _all(tables: Sequence[ir.Table]) -> ir.Table:
    return ibis.union(*tables) if len(tables) > 1 else tables[0]


def _met(idle: ir.Table, owners: ir.Table, grain: str, materialise: Steps) -> tuple[ir.Table, ir.Table]:
    """Return the parts of the idle that somebody has a weight for in its hour or day, and the idle that nobody has."""
    owners = owners.select(*_POOL, grain, "owner", "weight")
    sums = owners.group_by(*_POOL, grain).agg(total=owners.weight.sum())
    idle = idle.left_join(sums, [*_POOL, grain])
    idle = materialise(idle.drop(*(name for name in idle.columns if name.endswith("_right"))), "idle_met")
    joined = idle.filter(idle.total.notnull()).join(owners, [*_POOL, grain])
    return _shared(joined, joined.total), idle.filter(idle.total.isnull()).drop("total")


def _shared(joined: ir.Table, total: ir.Value) -> ir.Table:
    return joined.mutate(**shared(joined, AMOUNTS, total)).select("line", "owner", *AMOUNTS)


def _owners_of_queries(attributions: ir.Table) -> ir.Table:
    told = attributions.filter(attributions.subject_kind == "query")
    return told.select("source", "owner", query_id=told.subject_id, share=_share(told.share))


def _share(share: ir.Value) -> ir.Value:
    return share.fill_null(1.0).cast("decimal(18, 12)")


def _part(amount: ir.Value, share: ir.Value) -> ir.Value:
    """Return amount x share in decimals, whole where nobody else has a share: a sum of them has no order."""
    share = share.fill_null(1).cast("decimal(14, 12)")
    return ibis.ifelse(share == 1, amount.cast(EXACT), (amount.cast("decimal(24, 12)") * share).cast(EXACT))


def _own_parts(charges: ir.Table, owners: ir.Table) -> ir.Table:
    """Return what each owner used of each pool-hour: what queries used that nobody is known for is nobody's."""
    own = charges.filter((charges.category == "query") & charges.pool_id.notnull() & (charges.units > 0))
    told = own.left_join(owners, ["source", "query_id"])
    rows = told.mutate(weight=_part(told.units, told.share))
    grouped = rows.group_by(*_POOL, "day", "hour", "owner").agg(weight=rows.weight.sum().cast(EXACT))
    return grouped.filter(grouped.weight > 0)


def _by_pool(idle: ir.Table, attributions: ir.Table) -> ir.Table:
    """Return idle with the owner of its pool, nobody where it has none."""
    pools = attributions.filter(attributions.subject_kind == "pool").select(
        "source", "day", "owner", pool_id=attributions.subject_id, share=_share(attributions.share)
    )
    sums = pools.group_by(*_POOL, "day").agg(total=pools.share.sum())
    joined = idle.left_join(pools, [*_POOL, "day"])
    joined = joined.drop(*(name for name in joined.columns if name.endswith("_right")))
    joined = joined.left_join(sums, [*_POOL, "day"]).mutate(weight=joined.share.fill_null(1))
    return _shared(joined, joined.total.fill_null(1))


def _lulls(queries: ir.Table, events: ir.Table, owners: ir.Table, materialise: Steps) -> ir.Table:
    """Return how long, in each pool-hour, the pool stayed up with nothing to run: it is the owner's whose query ended last before.

    A lull ends when the next query starts or the pool is suspended, after a day at the latest.
    """
    ran = queries.filter(queries.pool_id.notnull() & queries.started_at.notnull() & queries.ended_at.notnull())
    nobody = ibis.null("string")
    stops = events.filter((events.event == "suspend") & (events.cluster.fill_null("") == ""))
    rows = ibis.union(
        ran.select(*_POOL, "query_id", a=ran.started_at, b=ran.ended_at),
        stops.select(*_POOL, query_id=nobody, a=stops["at"], b=stops["at"]),
    )
    order = [rows.a, rows.b, rows.query_id]
    so_far = ibis.window(group_by=_POOL, order_by=order, preceding=None, following=0)
    along = ibis.window(group_by=_POOL, order_by=order)
    rows = rows.mutate(
        busy_until=rows.b.max().over(so_far),
        next_at=rows.a.lead().over(along),
        last=ibis.ifelse(rows.query_id.isnull(), "", rows.query_id).argmax(rows.b).over(so_far),
    )
    end = rows.busy_until + DAY
    rows = rows.mutate(until=ibis.ifelse(rows.next_at.notnull() & (rows.next_at < end), rows.next_at, end))
    rows = rows.filter((rows.until > rows.busy_until) & (rows["last"] != ""))
    spans = materialise(rows.select(*_POOL, query_id="last", a="busy_until", b="until"), "lull_spans")
    pieces = split(spans, HOUR, materialise)
    told = pieces.left_join(owners, ["source", "query_id"])
    told = told.mutate(weight=_part(told.b - told.a, told.share))
    grouped = told.group_by(*_POOL, "owner", hour=told["at"]).agg(weight=told.weight.sum().cast(EXACT))
    return grouped.filter(grouped.weight > 0)
