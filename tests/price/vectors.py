"""Worlds with known answers: what peers are known to get wrong, what vendors document, what the traps of the field are.

Each is a function that returns a world and what its charges must say: (category, query or object or cause, hour) -> units.
`tests/integrations/test_spark.py` prices the same worlds on another engine.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .world import BIGQUERY, World

Answer = dict[tuple[Any, ...], float]
VECTORS: dict[str, Callable[[], tuple[World, Answer]]] = {}
MINUTE = 60


def vector(make: Callable[[], tuple[World, Answer]]) -> Callable[[], tuple[World, Answer]]:
    VECTORS[make.__name__] = make
    return make


@vector
def one_query_alone() -> tuple[World, Answer]:
    world = World().query("a", 0, 30 * MINUTE).meter(0, 1)
    return world, {("query", "a", 0): 0.5, ("idle", None, 0): 0.5}


@vector
def two_equal_queries_share() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600).query("b", 0, 3600).meter(0, 1)
    return world, {("query", "a", 0): 0.5, ("query", "b", 0): 0.5}


@vector
def ten_minutes_in_each_of_two_hours() -> tuple[World, Answer]:
    world = World().query("a", 50 * MINUTE, 70 * MINUTE).query("b", 60 * MINUTE, 120 * MINUTE).meter(0, 1).meter(1, 1)
    both = 10 / 60 / 2
    return world, {
        ("query", "a", 0): 10 / 60,
        ("idle", None, 0): 50 / 60,
        ("query", "a", 1): both,
        ("query", "b", 1): 1 - both,
    }


@vector
def an_hour_without_queries_is_idle() -> tuple[World, Answer]:
    return World().meter(0, "0.06"), {("idle", "no query", 0): 0.06}


@vector
def a_cached_query_uses_no_pool() -> tuple[World, Answer]:
    world = World().query("cached", 0, 2, pool=None).query("a", 0, 3600).meter(0, 1)
    return world, {("query", "a", 0): 1.0}


@vector
def a_failed_query_counts_as_any() -> tuple[World, Answer]:
    world = World().query("a", 0, 1800, status="failed", error="100038").query("b", 0, 1800).meter(0, "0.5")
    return world, {("query", "a", 0): 0.25, ("query", "b", 0): 0.25}


@vector
def overhead_under_a_tenth_is_free() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600, overhead_units=5.0).meter(0, 100, 100, overhead_units=Decimal(8))
    return world, {("query", "a", 0): 100.0}


@vector
def overhead_over_a_tenth_is_billed_to_its_users() -> tuple[World, Answer]:
    world = World().meter(0, 100, 100, overhead_units=Decimal(15))
    world.query("a", 0, 3600, overhead_units=9.0).query("ddl", 10, 11, pool=None, overhead_units=3.0)
    answer = {("overhead", "a", None): 3.0, ("overhead", "ddl", None): 1.0, ("overhead", None, None): 1.0}
    return world, {("query", "a", 0): 100.0, **answer}


@vector
def overhead_without_compute_is_billed_whole() -> tuple[World, Answer]:
    return World().meter(0, 0, 0, overhead_units=Decimal(3)), {("overhead", None, None): 3.0}


@vector
def the_bill_says_what_overhead_is() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600, overhead_units=2.0).meter(0, 100, 100, overhead_units=Decimal(15))
    world.billed(
        "WAREHOUSE_METERING", 115, None, overhead_units=Decimal(15), adjustment_units=Decimal(-11), currency=None
    )
    return world, {("query", "a", 0): 100.0, ("overhead", "a", None): 4 * 2 / 15, ("overhead", None, None): 4 * 13 / 15}


@vector
def serverless_compute_is_not_in_the_base_of_the_tenth() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600, overhead_units=15.0).meter(0, 100, 100, overhead_units=Decimal(15))
    world.line("SERVERLESS_TASK", 1000, object_id="task")
    return world, {("query", "a", 0): 100.0, ("overhead", "a", None): 5.0, ("serverless", "task", 0): 1000.0}


@vector
def a_call_weighs_less_its_children() -> tuple[World, Answer]:
    world = World().query("call", 0, 3600).query("other", 0, 3600).meter(0, 1)
    world.query("child 1", 0, 1200, parent_id="call").query("child 2", 1200, 2400, root_id="call")
    child, alone = 1200 / 3600 / 2, 1200 / 3600 / 2
    answer = {("query", "child 1", 0): child, ("query", "child 2", 0): child, ("query", "call", 0): alone}
    return world, {**answer, ("query", "other", 0): 0.5}


@vector
def relations_of_the_attribution_view_count_too() -> tuple[World, Answer]:
    world = World().query("call", 0, 3600).query("child", 0, 1800).meter(0, 1).told("child", 0.5, parent_id="call")
    return world, {("query", "child", 0): 0.5, ("query", "call", 0): 0.5}


@vector
def the_vendors_figures_are_kept() -> tuple[World, Answer]:
    world = World().query("heavy", 0, 1800).query("light", 0, 1800).meter(0, "0.6", "0.5")
    world.told("heavy", 0.4).told("light", 0.1)
    return world, {("query", "heavy", 0): 0.4, ("query", "light", 0): 0.1, ("idle", None, 0): 0.1}


@vector
def short_queries_get_the_residual() -> tuple[World, Answer]:
    world = World().query("long", 0, 1800).query("short", 1800, 1836).meter(0, "0.6", "0.505").told("long", 0.5)
    return world, {("query", "long", 0): 0.5, ("query", "short", 0): 0.005, ("idle", None, 0): 0.095}


@vector
def a_residual_that_short_queries_cannot_have_used_goes_to_the_told() -> tuple[World, Answer]:
    world = World().query("long", 0, 1800).query("short", 1800, 1836).meter(0, "0.9", "0.8").told("long", 0.5)
    return world, {("query", "long", 0): 0.79, ("query", "short", 0): 0.01, ("idle", None, 0): 0.1}


@vector
def figures_above_the_sum_are_scaled() -> tuple[World, Answer]:
    world = (
        World()
        .query("a", 0, 1800)
        .query("b", 0, 1800)
        .query("short", 0, 1)
        .meter(0, 1, "0.5")
        .told("a", 0.6)
        .told("b", 0.4)
    )
    return world, {("query", "a", 0): 0.3, ("query", "b", 0): 0.2, ("idle", None, 0): 0.5}


@vector
def late_figures_leave_time_to_decide() -> tuple[World, Answer]:
    world = World().query("a", 0, 1800).query("b", 1800, 2700).meter(0, 1, "0.9")
    return world, {("query", "a", 0): 0.6, ("query", "b", 0): 0.3, ("idle", None, 0): 0.1}


@vector
def credits_of_nobody_listed() -> tuple[World, Answer]:
    return World().meter(0, "0.3", "0.2"), {("query", "unlisted", 0): 0.2, ("idle", "no query", 0): 0.1}


@vector
def a_null_sum_is_not_an_idle_pool() -> tuple[World, Answer]:
    world = (
        World().query("a", 0, 1800, pool_kind="adaptive", pool_size="ADAPTIVE").meter(0, "0.7", pool_kind="adaptive")
    )
    world.told("a", 0.65, hour=0)
    return world, {("query", "a", 0): 0.65, ("query", "unlisted", 0): 0.05}


@vector
def an_adaptive_pool_never_exceeds_its_meter() -> tuple[World, Answer]:
    world = World().meter(0, "0.6", pool_kind="adaptive")
    for name, units in (("a", 0.4), ("b", 0.4)):
        world.query(name, 0, 1800, pool_kind="adaptive", pool_size="ADAPTIVE").told(name, units, hour=0)
    return world, {("query", "a", 0): 0.3, ("query", "b", 0): 0.3}


@vector
def clusters_share_apart() -> tuple[World, Answer]:
    world = (
        World()
        .query("a", 0, 3600, cluster="1")
        .query("b", 0, 3600, cluster="1")
        .query("c", 0, 3600, cluster="2")
        .meter(0, 2)
    )
    return world, {("query", "a", 0): 0.5, ("query", "b", 0): 0.5, ("query", "c", 0): 1.0}


@vector
def a_resize_within_an_hour() -> tuple[World, Answer]:
    world = World().query("a", 0, 1800).query("b", 1800, 3600, pool_size="LARGE").meter(0, "4.5")
    return world, {("query", "a", 0): 0.5, ("query", "b", 0): 4.0}


@vector
def a_resize_under_a_running_query() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600).event(1800, "resize", size="MEDIUM").meter(0, 3)
    return world, {("query", "a", 0): 2.5, ("idle", None, 0): 0.5}


@vector
def an_unknown_size_is_not_separable() -> tuple[World, Answer]:
    world = World().query("a", 0, 900, pool_size="NEW").query("b", 900, 1200, pool_size="NEW").meter(0, 1)
    return world, {("query", "a", 0): 0.75, ("query", "b", 0): 0.25}


@vector
def use_is_never_more_than_metered() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600).query("b", 0, 1800, cluster="2").meter(0, "0.9")
    return world, {("query", "a", 0): 0.6, ("query", "b", 0): 0.3}


@vector
def a_long_query_beside_many_is_spread_by_share_not_by_clock() -> tuple[World, Answer]:
    world = World().query("long", 0, 7200).told("long", 1.25).query("b", 0, 3600).told("b", 0.5)
    world.query("c", 0, 3600).told("c", 0.25).meter(0, 1, 1).meter(1, 1, 1)
    # A third of the first hour and all of the second: 1.25 is spread 1:3, then each hour is scaled to its sum.
    first = 1.25 / 4
    scale = 1 / (first + 0.75)
    answer = {("query", "long", 0): first * scale, ("query", "b", 0): 0.5 * scale, ("query", "c", 0): 0.25 * scale}
    return world, {**answer, ("query", "long", 1): 1.0}


@vector
def idle_has_causes() -> tuple[World, Answer]:
    world = World().event(0, "resume").query("a", 0, 30).query("b", 630, 930).event(1530, "suspend").meter(0, "0.425")
    # 930 s: 30 + 300 busy, 30 of the minimum unused, 570 between, 600 until it suspended.
    idle = 0.425 - 330 / 3600
    shares = {"minimum": 30, "gap": 570, "suspend tail": 600}
    answer = {("idle", cause, 0): idle * seconds / 1200 for cause, seconds in shares.items()}
    return world, {("query", "a", 0): 30 / 3600, ("query", "b", 0): 300 / 3600, **answer}


@vector
def a_tail_runs_into_an_hour_without_queries() -> tuple[World, Answer]:
    world = (
        World().event(3000, "resume").query("a", 3000, 3540).event(4140, "suspend").meter(0, "0.18").meter(1, "0.15")
    )
    return world, {("query", "a", 0): 0.15, ("idle", "suspend tail", 0): 0.03, ("idle", "suspend tail", 1): 0.15}


@vector
def acceleration_is_its_own_line() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600).query("b", 0, 3600).meter(0, 1).told("a", 0.2, unit="acceleration credits")
    world.line("QUERY_ACCELERATION", "0.5", category="acceleration", pool_id="wh")
    answer = {("acceleration", "a", 0): 0.2, ("acceleration", None, 0): 0.3}
    return world, {("query", "a", 0): 0.5, ("query", "b", 0): 0.5, **answer}


@vector
def usage_lines_keep_their_object() -> tuple[World, Answer]:
    world = World().line("AUTO_CLUSTERING", "0.25", hour=3, object_id="DB.S.T")
    world.line("STORAGE", "2", hours=24, category="storage", unit="TiB-months", object_id="DB.S.T")
    return world, {("serverless", "DB.S.T", 3): 0.25, ("storage", "DB.S.T", None): 2.0}


@vector
def a_reservation_is_paid_whether_used_or_not() -> tuple[World, Answer]:
    world = (
        _reservation()
        .meter(0, 100, pool_kind="reservation", service="baseline")
        .told("a", 30, hour=0)
        .told("b", 20, hour=0)
    )
    return world, {("query", "a", 0): 30.0, ("query", "b", 0): 20.0, ("idle", None, 0): 50.0}


@vector
def borrowed_slots_cost_nothing() -> tuple[World, Answer]:
    world = (
        _reservation()
        .meter(0, 100, pool_kind="reservation", service="baseline")
        .told("a", 90, hour=0)
        .told("b", 60, hour=0)
    )
    return world, {("query", "a", 0): 60.0, ("query", "b", 0): 40.0}


@vector
def a_job_that_the_timeline_lacks_has_its_slot_time() -> tuple[World, Answer]:
    world = (
        _reservation(slot_ms=10 * 3_600_000)
        .meter(0, 100, pool_kind="reservation", service="baseline")
        .told("b", 20, hour=0)
    )
    return world, {("query", "a", 0): 10.0, ("query", "b", 0): 20.0, ("idle", None, 0): 70.0}


def _reservation(**more: Any) -> World:
    world = World(BIGQUERY)
    world.query("a", 0, 1800, pool_kind="reservation", pool_size=None, **more)
    return world.query("b", 0, 1800, pool_kind="reservation", pool_size=None)


@vector
def bytes_are_billed_where_no_pool_is_used() -> tuple[World, Answer]:
    world = World(BIGQUERY)
    world.query("scan", 0, 60, pool=None, pool_kind="on-demand", bytes_billed=2**40)
    world.query("cached", 0, 60, pool=None, pool_kind="on-demand", bytes_billed=0)
    world.query("script", 0, 60, pool=None, pool_kind="none", bytes_billed=None)
    world.query("hidden", 0, 60, pool=None, pool_kind="on-demand", bytes_billed=None)
    world.query("slots", 0, 60, pool_kind="reservation", pool_size=None, bytes_billed=2**41, slot_ms=3_600_000)
    world.meter(0, 2, pool_kind="reservation")
    return world, {("query", "scan", 0): 1.0, ("query", "slots", 0): 1.0, ("idle", None, 0): 1.0}


@vector
def a_query_of_forty_hours() -> tuple[World, Answer]:
    world = World().query("a", 20 * 3600 + 1800, 60 * 3600 + 1800).told("a", 20.0)
    answer = {}
    for hour in range(20, 61):
        world.meter(hour, 1, "0.25" if hour in (20, 60) else "0.5")
        own = 0.25 if hour in (20, 60) else 0.5
        answer.update({("query", "a", hour): own, ("idle", None, hour): 1 - own})
    return world, answer


@vector
def a_reader_account_is_a_pool_of_its_own() -> tuple[World, Answer]:
    world = World().query("a", 0, 3600).meter(0, 1)
    world.meter(0, 2, pool_id="reader", pool="READER_WH", service="WAREHOUSE_METERING_READER")
    return world, {("query", "a", 0): 1.0, ("idle", "no query", 0): 2.0}
