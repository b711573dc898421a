"""Why a pool was paid for while no query ran: the unused part of a minimum, the time until it suspended, the gaps between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.model import MICROSECONDS_PER_HOUR as HOUR
from costlens.price.money import exact, zero
from costlens.price.times import Steps, day_of, instant_of, split

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

#: Digits of the running state: free clusters below, then whether the pool is up, then how many turns it has had.
_UP, _TURN = 2.0**20, 2.0**24


def split_idle(idle: ir.Table, events: ir.Table, lulls: ir.Table, billing: Billing, materialise: Steps) -> ir.Table:
    """Return pool-hours with `idle` units as one row per cause, with `cause` and `units` that add up to the idle exactly.

    The split is by the time of each cause within the hour, as far as resumes and suspends of that UTC day tell; where
    they do not, the cause is `no query` in an hour without any and null in others.
    """
    wanted = materialise(idle.select("pool_id", "day", kind="pool_kind").distinct(), "idle_days")
    causes = _causes(events, lulls, wanted, billing, materialise)
    told = idle.left_join(causes, ["pool_id", "hour"])
    told = told.mutate(**{name: told[name].fill_null(0) for name in ("minimum", "tail", "gap")})
    told = materialise(
        told.mutate(spare=told.minimum + told.tail + told.gap).drop("hour_right", "pool_id_right"), "idle"
    )
    known = told.filter((told.spare > 0) & (told.idle > 0))
    unknown = told.filter((told.spare <= 0) | (told.idle <= 0))
    unknown = unknown.mutate(cause=ibis.ifelse(unknown.present, ibis.null("string"), "no query"), units=unknown.idle)
    minimum = ibis.ifelse((known.tail + known.gap) > 0, _share(known.idle, known.minimum, known.spare), known.idle)
    tail = ibis.ifelse(known.gap > 0, _share(known.idle, known.tail, known.spare), exact(known.idle - minimum))
    amounts = {"minimum": minimum, "suspend tail": tail, "gap": exact(known.idle - minimum - tail)}
    rows = [known.mutate(cause=ibis.literal(cause), units=units) for cause, units in amounts.items()]
    found = ibis.union(*rows)
    return materialise(ibis.union(found.filter(found.units != zero()), unknown.select(*found.columns)), "idle")


def _share(units: ir.Value, part: ir.Value, whole: ir.Value) -> ir.Value:
    """Return units x part / whole, rounded down, so that the last cause is never left with less than nothing."""
    raw = units.cast("float64") * 1e12 * part.cast("float64") / whole.cast("float64")
    return exact(raw.floor() / 1e12)


def _causes(events: ir.Table, lulls: ir.Table, wanted: ir.Table, billing: Billing, materialise: Steps) -> ir.Table:
    """Return the microseconds of `minimum`, `tail` and `gap` per pool_id and hour."""
    turns = materialise(_running(events, wanted), "running_times")
    lulls = materialise(lulls.semi_join(turns, ["pool_id", "day"]), "lulls")
    spare = materialise(_spare(turns, lulls), "spare_times")
    pieces = split(spare, HOUR, materialise)
    minimums = [(pieces.kind == kind, seconds * 1_000_000) for kind, seconds in billing.minimum_seconds.items()]
    until = pieces.resumed_at + (ibis.cases(*minimums, else_=0) if minimums else 0)
    covered = ibis.cases((until.isnull() | (until <= pieces.a), pieces.a), (until < pieces.b, until), else_=pieces.b)
    pieces = pieces.mutate(minimum=covered - pieces.a, rest=pieces.b - covered)
    return materialise(
        pieces.group_by("pool_id", hour="at").agg(
            minimum=pieces.minimum.sum(),
            tail=pieces.rest.sum(where=pieces.is_tail).fill_null(0),
            gap=pieces.rest.sum(where=~pieces.is_tail).fill_null(0),
        ),
        "causes",
    )


def _running(events: ir.Table, wanted: ir.Table) -> ir.Table:
    """Return when pools were up: pool_id, day, kind, turn (its number in the day), a, b, resumed_at, suspended_at.

    A day tells of itself alone: its first event being a suspend, the pool was up since midnight.
    """
    switches = events.filter(events.event.isin(["resume", "suspend"]) & (events.cluster.fill_null("") == ""))
    switches = switches.select("pool_id", "event", "at", day=day_of(switches["at"])).distinct()
    order = ibis.window(group_by=["pool_id", "day"], order_by=["at", "event"])
    switches = switches.mutate(
        before=switches.event.lag().over(order),
        next_event=switches.event.lead().over(order),
        next_at=switches["at"].lead().over(order),
    )
    up = (switches.event == "resume") | switches.before.isnull()
    is_resume = switches.event == "resume"
    ups = switches.filter(up).select(
        "pool_id",
        "day",
        a=ibis.ifelse(is_resume, switches["at"], instant_of(switches.day)),
        b=ibis.ifelse(is_resume, switches.next_at.fill_null(instant_of(switches.day) + DAY), switches["at"]),
        resumed_at=ibis.ifelse(is_resume, switches["at"], ibis.null("int64")),
        suspended_at=ibis.cases(
            (~is_resume, switches["at"]), (switches.next_event == "suspend", switches.next_at), else_=ibis.null("int64")
        ),
    )
    ups = ups.join(wanted, ["pool_id", "day"])
    turn = ibis.row_number().over(ibis.window(group_by=["pool_id", "day"], order_by=["a", "b"]))
    return ups.mutate(turn=turn.cast("int64") + 1)


def _spare(turns: ir.Table, lulls: ir.Table) -> ir.Table:
    """Return when a pool was up and no query ran on any of its clusters, with whether that ended in a suspend.

    One running sum tells it all: free clusters, whether the pool is up, and the turn that this is, each in its own digits.
    """
    used = lulls.group_by("pool_id", "day").agg(lanes=lulls.lane.nunique())
    marks = [
        rows.select("pool_id", "day", at=rows[side], step=ibis.literal(float(step)))
        for rows, side, step in (
            (lulls, "a", 1),
            (lulls, "b", -1),
            (turns, "a", _UP + _TURN),
            (turns, "b", -_UP),
        )
    ]
    rows = ibis.union(*marks)
    so_far = ibis.window(group_by=["pool_id", "day"], order_by="at", preceding=None, following=0)
    along = ibis.window(group_by=["pool_id", "day"], order_by="at")
    rows = rows.mutate(state=rows.step.sum().over(so_far), b=rows["at"].lead().over(along))
    rows = rows.filter(rows.b > rows["at"])
    rows = rows.mutate(turn=(rows.state / _TURN).floor().cast("int64")).left_join(used, ["pool_id", "day"])
    rows = rows.filter(rows.state - rows.turn.cast("float64") * _TURN == rows.lanes.fill_null(0).cast("float64") + _UP)
    spare = rows.select("pool_id", "day", "turn", a="at", b="b").join(
        turns.select("pool_id", "day", "turn", "kind", "resumed_at", "suspended_at"), ["pool_id", "day", "turn"]
    )
    return spare.select(
        *("pool_id", "kind", "a", "b", "resumed_at"), is_tail=(spare.b == spare.suspended_at).fill_null(False)
    )
