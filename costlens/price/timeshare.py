"""Time share: at each instant a pool's rate is divided among the queries that run on it; each gets the integral of its part.

With rate r(t) and n(t) queries running, G(t) = integral of r/n over busy time, and a query that ran from a to b gets
G(b) - G(a). G is a running sum over sorted boundaries, so n queries cost O(n log n). It is kept in whole numbers (see UNIT).
Nothing in it reaches over a UTC day, so that a day's
figures depend on the rows that touch that day alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.times import Steps, day_of, instant_of, split

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

#: One unit (credit, slot-hour) in the whole numbers that time shares are counted in: doubles hold them exactly up to 2**53,
#: which is a day of the largest size, and sums of whole numbers do not depend on the order of adding.
UNIT = 2.0**39
#: How many parts are told apart at one instant: as many as leave room for a day's microseconds in 63 bits.
_PARTS = 2**24


@dataclass(frozen=True)
class Shares:
    """What time share found.

    `parts`: one row per query and hour it ran in: part, query_id, pool_id, hour, day, a, b, crosses (the query crosses hours), g (in
    1/UNIT units), known (its pool's size rate is known). `pools`: one row per pool and day: pool_id, day, pool, pool_kind, account,
    region. `lulls`: when nothing ran on a cluster on a day that it was used: pool_id, lane, day, a, b.
    """

    parts: ir.Table
    pools: ir.Table
    lulls: ir.Table


def share_time(facts: Mapping[str, ir.Table], billing: Billing, days: Collection[int], materialise: Steps) -> Shares:
    """Return what each query that touches `days` would be given of each hour it ran in if time alone decided.

    `facts`: queries, query_usage and pool_events. Queries without a pool or without execution time take no part.
    A query that waits for queries it issued on the same pool does not count while they run.
    """
    lanes, parts = _parts(facts["queries"], billing, materialise)
    wanted = _wanted(parts, days, materialise)
    busy = _without_waits(wanted, parts, facts, materialise)
    steps = _steps(_rated(busy, parts, lanes, facts["pool_events"], billing, materialise), materialise)
    shares = materialise(_integrals(steps), "integrals")
    found = wanted.left_join(shares, "part").select(
        *("part", "query_id", "pool_id", "hour", "day", "a", "b", "crosses"),
        g=shares.g.fill_null(0.0),
        known=shares.known.fill_null(wanted.rate.notnull()),
    )
    pools = wanted.group_by("pool_id", "day").agg(
        pool=wanted.pool.max(), pool_kind=wanted.kind.max(), account=wanted.account.max(), region=wanted.region.max()
    )
    lulls = materialise(_lulls(steps, lanes), "lulls")
    return Shares(materialise(found, "shares"), materialise(pools, "pools"), lulls)


def _parts(queries: ir.Table, billing: Billing, materialise: Steps) -> tuple[ir.Table, ir.Table]:
    """Return the lanes that queries ran on, and the queries cut at whole hours."""
    ran = queries.filter(
        queries.pool_id.notnull() & queries.started_at.notnull() & (queries.started_at < queries.ended_at)
    ).select(
        query_id=queries.query_id,
        pool_id=queries.pool_id,
        pool=queries.pool,
        cluster=queries.cluster.fill_null(""),
        kind=queries.pool_kind.fill_null("standard"),
        size=queries.pool_size.fill_null(""),
        account=queries.account,
        region=queries.region,
        started_at=queries.started_at,
        a=queries.started_at,
        b=queries.ended_at,
    )
    lanes = _lanes(ran, billing, materialise)
    ran_in = ran.join(lanes, ["pool_id", "cluster", "kind", "size"]).select(
        *("query_id", "pool_id", "pool", "kind", "account", "region", "started_at", "a", "b", "lane", "basin", "rate")
    )
    pieces = split(ran_in, HOUR, materialise).rename(hour="at")
    parts = materialise(pieces.mutate(part=ibis.row_number().cast("int64"), day=day_of(pieces.hour)), "parts")
    return lanes, parts


def _wanted(parts: ir.Table, days: Collection[int], materialise: Steps) -> ir.Table:
    """Return the parts on `days`, and of other days the lanes and hours in which a query ran that touches `days` too.

    A part's share of an hour depends on the parts beside it in that hour alone.
    """
    on_days = parts.day.isin(sorted(days))
    within, beside = parts.filter(on_days), parts.filter(~on_days)
    reaching = within.filter(within.crosses).select("query_id").distinct()
    hours = beside.filter(beside.crosses).semi_join(reaching, "query_id").select("lane", "hour").distinct()
    return ibis.union(within, materialise(beside.semi_join(hours, ["lane", "hour"]), "beside"))


def rate_of(kind: ir.Value, size: ir.Value, billing: Billing) -> ir.Value:
    """Return the units per hour of a running pool; null where the size is not in the vendor's table."""
    if not billing.size_rates:
        return ibis.null("float64")
    branches = [((kind == rate.pool_kind) & (size == rate.size), rate.units_per_hour) for rate in billing.size_rates]
    return ibis.cases(*branches, else_=ibis.null("float64")).cast("float64")


def _lanes(ran: ir.Table, billing: Billing, materialise: Steps) -> ir.Table:
    """Number the clusters (`lane`) and pools (`basin`) that queries ran on, and give each size its rate."""
    seen = materialise(ran.select("pool_id", "cluster", "kind", "size").distinct(), "lanes")
    numbered = seen.mutate(
        lane=ibis.dense_rank().over(order_by=[seen.pool_id, seen.cluster]).cast("int64"),
        basin=ibis.dense_rank().over(order_by=[seen.pool_id]).cast("int64"),
        rate=rate_of(seen.kind, seen["size"], billing),
    )
    return materialise(numbered, "lanes")


def _without_waits(wanted: ir.Table, parts: ir.Table, facts: Mapping[str, ir.Table], materialise: Steps) -> ir.Table:
    """Return the pieces [a, b) of parts in which the query ran itself: a CALL's time less its children's."""
    queries, usage = facts["queries"], facts["query_usage"]
    related = [
        rows.filter(rows[column].notnull() & (rows[column] != rows.query_id)).select(
            child=rows.query_id, parent=rows[column]
        )
        for rows in (queries, usage)
        for column in ("parent_id", "root_id")
    ]
    pairs = materialise(ibis.union(*related, distinct=True), "children")
    child = parts.select(child="query_id", pool_id="pool_id", hour="hour", from_="a", until="b")
    child = child.join(pairs, "child")
    wide = wanted.select("part", "query_id", "pool_id", "hour", "a", "b", "lane", "basin", "day", "rate")
    waits = wide.join(
        child, [wide.query_id == child.parent, wide.pool_id == child.pool_id, wide.hour == child.hour]
    ).select("part", "a", "b", "lane", "basin", "day", "rate", "from_", "until")
    waits = materialise(waits.filter((waits.from_ < waits.b) & (waits.until > waits.a)), "waits")
    before = ibis.window(group_by="part", order_by=["from_", "until"], preceding=(None, 1))
    reached = waits.mutate(reached=waits.until.max().over(before))
    reached = reached.mutate(a=reached.reached.fill_null(reached.a))
    gaps = reached.filter(reached.a < reached.from_)
    columns = ("part", "lane", "basin", "day", "rate", "a", "b")
    gaps = gaps.mutate(b=gaps.from_).select(*columns)
    last = waits.group_by("part", "lane", "basin", "day", "rate", "b").agg(a=waits.until.max())
    tails = last.filter(last.a < last.b).select(*columns)
    waiting = waits.select("part").distinct()
    return ibis.union(wanted.anti_join(waiting, "part").select(*columns), gaps, tails)


def _rated(
    busy: ir.Table, parts: ir.Table, lanes: ir.Table, events: ir.Table, billing: Billing, materialise: Steps
) -> ir.Table:
    """Return the boundaries of busy pieces: lane, day, at, turn (+1 starts, -1 ends, 0 the rate changes), part, rate.

    `rate` is that of the pool-day where it had one rate; else it is null but where it changes, and filled later (`varied`).
    """
    points = materialise(_rate_points(parts, lanes, events, billing), "rate_points")
    daily = points.group_by("basin", "day").agg(
        low=points.rate.min(), high=points.rate.max(), unknown=points.rate.isnull().any()
    )
    is_varied = ((daily.low != daily.high) | (daily.unknown & daily.low.notnull())).fill_null(False)
    daily = materialise(daily.mutate(varied=is_varied), "rates_of_days")
    varied = daily.filter(daily.varied)
    rated = busy.drop("rate").left_join(daily, ["basin", "day"]).drop("basin_right", "day_right")
    is_varied = rated.varied.fill_null(False)
    ends = [
        rated.select(
            lane="lane",
            day="day",
            at=rated[side],
            turn=ibis.literal(float(turn)),
            part="part",
            rate=ibis.ifelse(is_varied, ibis.null("float64"), rated.low),
            varied=is_varied,
        )
        for side, turn in (("a", 1), ("b", -1))
    ]
    last = points.group_by("basin", "day", "at").agg(since=points.since.max())
    newest = points.semi_join(varied, ["basin", "day"]).join(last, ["basin", "day", "at", "since"])
    changes = newest.group_by("basin", "day", "at").agg(rate=newest.rate.max())
    clusters = lanes.select("basin", "lane").distinct()
    marks = changes.join(clusters, "basin").select(
        lane="lane",
        day="day",
        at="at",
        turn=ibis.literal(0.0),
        part=ibis.null("int64"),
        rate="rate",
        varied=ibis.literal(True),
    )
    return ibis.union(*ends, marks)


def _rate_points(parts: ir.Table, lanes: ir.Table, events: ir.Table, billing: Billing) -> ir.Table:
    """Return when a pool's rate was seen: a query started (or was running at midnight), or an event tells the size.

    The rate of a query is null where its size is not in the vendor's table: then the pool's rate is unknown from there on.
    """
    seen = parts.filter((parts.a == parts.started_at) | (parts.hour == instant_of(parts.day))).select(
        "basin", "day", at="a", since="started_at", rate="rate"
    )
    pools = lanes.group_by("pool_id", "basin").agg(kind=lanes.kind.max())
    told = events.filter(events["size"].notnull()).join(pools, "pool_id")
    told = told.mutate(rate=rate_of(told.kind, told["size"], billing))
    told = told.filter(told.rate.notnull()).select("basin", day=day_of(told["at"]), at="at", since="at", rate="rate")
    return ibis.union(seen, told)


def _steps(boundaries: ir.Table, materialise: Steps) -> ir.Table:
    """Return the boundaries in order with how many run from each to the next (`next_at`), and every rate filled in."""
    fixed = boundaries.filter(~boundaries.varied).drop("varied")
    varying = boundaries.filter(boundaries.varied).drop("varied")
    varying = varying.mutate(order=_order(varying))
    varying = varying.mutate(seen=(varying.turn == 0).sum().over(_so_far()))
    filled = varying.rate.max().over(ibis.window(group_by=["lane", "day", "seen"]))
    rows = ibis.union(fixed, varying.mutate(rate=filled).drop("seen", "order"))
    along = ibis.window(group_by=["lane", "day"], order_by="order")
    rows = rows.mutate(order=_order(rows))
    steps = rows.mutate(running=rows.turn.sum().over(_so_far()), next_at=rows["at"].lead().over(along))
    return materialise(steps, "steps")


def _order(rows: ir.Table) -> ir.Value:
    """Return what the boundaries of a day are sorted by: time, at one time turn (-1, 0, 1), at one turn the part.

    One number, since an engine sorts by that faster than by three columns. Two sorts must not put equal times in different orders:
    the running sum of one would then meet the number running of the other.
    """
    within = rows["at"] - instant_of(rows.day)
    return (within * 4 + rows.turn.cast("int64") + 1) * _PARTS + rows.part.fill_null(0) % _PARTS


def _so_far() -> ibis.expr.builders.WindowBuilder:
    return ibis.window(group_by=["lane", "day"], order_by="order", preceding=None, following=0)


def _integrals(steps: ir.Table) -> ir.Table:
    """Return each part's share of the integral of rate / number running; an unknown rate counts as 1."""
    hours = (steps.next_at.fill_null(steps["at"]) - steps["at"]).cast("float64") / HOUR
    each = hours * steps.rate.fill_null(1.0) * UNIT / steps.running
    steps = steps.mutate(gained=ibis.ifelse(steps.running > 0, each, 0.0).round(0).cast("float64"))
    steps = steps.mutate(total=steps.gained.sum().over(_so_far()) - steps.gained)
    steps = steps.filter(steps.part.notnull())
    gained = steps.mutate(value=-steps.turn * steps.total, known=(steps.turn < 0) | steps.rate.notnull())
    return gained.group_by("part").agg(g=gained.value.sum(), known=gained.known.all())


def _lulls(steps: ir.Table, lanes: ir.Table) -> ir.Table:
    """Return when nothing ran on a cluster on a day that it was used: pool_id, lane, day, a, b."""
    between = steps.filter((steps.running == 0) & (steps.next_at > steps["at"]))
    edges = steps.group_by("lane", "day").agg(first=steps["at"].min(), last=steps["at"].max())
    columns = ("lane", "day", "a", "b")
    lulls = ibis.union(
        between.select("lane", "day", a="at", b="next_at"),
        edges.mutate(a=instant_of(edges.day), b="first").select(*columns),
        edges.mutate(a="last", b=instant_of(edges.day) + DAY).select(*columns),
    )
    return lulls.join(lanes.select("pool_id", "lane").distinct(), "lane").select("pool_id", *columns)
