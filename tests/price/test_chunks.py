"""Days priced together or apart, from all facts or from those of the days that are needed, give the same charges."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from costlens.engine import Engine
from costlens.price import closure, needed, query_spans, touched_days

from .world import DAY, SNOWFLAKE, START, TODAY, Row, World, charges_of, register

Seen = Callable[[World], Mapping[str, Sequence[Row]]]


def _fortnight(seed: int) -> World:
    """Make nine days of four pools: resizes, clusters, calls, vendor figures, late and missing hours, queries of days."""
    draw = random.Random(seed)
    world = World()
    for n in range(260):
        begin = draw.uniform(0, 8.5 * 86_400)
        length = draw.choice((0.05, 3, 40, 900, 9_000, 40_000 if n % 4 else 150_000))
        pool, size = f"p{draw.randrange(4)}", draw.choice(("SMALL", "MEDIUM") if n % 5 else ("XSMALL",))
        more = {
            "pool": pool,
            "pool_size": size,
            "cluster": draw.choice((None, "1", "2")),
            "overhead_units": draw.random(),
        }
        world.query(f"q{n}", begin, begin + length, **more)
        if length > 10 and n % 6 == 0:
            world.query(f"c{n}", begin + 1, begin + length / 2, parent_id=f"q{n}", **more)
        elif draw.random() < 0.6:
            world.told(f"q{n}", draw.random() * length / 3600)
    for hour in range(24 * 9):
        for number in range(4):
            pool = f"p{number}"
            units = draw.randrange(1, 8_000_000) / 1e6
            own = draw.choice((None, round(units * draw.random(), 6)))
            if draw.random() > 0.05:
                world.meter(hour, units, own, pool_id=pool, pool=pool.upper())
            if draw.random() < 0.3:
                world.event(hour * 3600 + draw.randrange(3600), draw.choice(("resume", "suspend")), pool_id=pool)
            if draw.random() < 0.05:
                world.event(hour * 3600 + draw.randrange(3600), "resize", pool_id=pool, size="LARGE")
    for day in range(9):
        world.billed("WAREHOUSE_METERING", "400", "1201.5", day)
    return world


def _rows(charges: Sequence[Row]) -> list[str]:
    return sorted(repr(sorted(charge.items())) for charge in charges)


def _by_need(world: World, days: set[int]) -> Seen:
    """Show pricing the facts of the days that are needed, as a sync does."""
    with Engine(threads=1) as engine:
        spans = engine.rows(query_spans(register(engine, world.rows)["queries"]))
    read = needed(days, [(span["first_day"], span["last_day"]) for span in spans], calendar=world.billing.calendar)
    return _of(read)


def _of(days: set[int] | frozenset[int]) -> Seen:
    return lambda world: {name: [row for row in rows if row["day"] in days] for name, rows in world.rows.items()}


def test_days_apart_give_what_days_together_give() -> None:
    world = _fortnight(7)
    days = world.days()
    whole = charges_of(world)
    apart: list[Row] = []
    for chunk in (days[:1], days[1:2], days[2:6], days[6:]):
        apart.extend(charges_of(world, chunk, see=_by_need(world, set(chunk))))
    assert _rows(apart) == _rows(whole)


def test_days_of_another_calendar_apart_give_what_they_give_together() -> None:
    world = _fortnight(8)
    world.billing = replace(SNOWFLAKE, calendar="America/Los_Angeles")
    days = world.days()
    apart = charges_of(world, days[:4], see=_by_need(world, set(days[:4])))
    apart += charges_of(world, days[4:], see=_by_need(world, set(days[4:])))
    assert _rows(apart) == _rows(charges_of(world))


def test_the_days_own_rows_would_not_do() -> None:
    """Without the days that queries tie to it a day's charges differ: this is the trailing edge that peers get wrong."""
    world = _fortnight(7)
    day = world.days()[3]
    whole = charges_of(world, [day])
    assert _rows(charges_of(world, [day], see=_by_need(world, {day}))) == _rows(whole)
    assert _rows(charges_of(world, [day], see=_of({day}))) != _rows(whole)


def test_a_late_query_changes_no_day_outside_the_closure() -> None:
    world = _fortnight(9)
    late = world.rows["queries"].pop(40)
    days = set(range(late["started_at"] // DAY, late["ended_at"] // DAY + 1))
    before = charges_of(world)
    spans = [(row["started_at"] // DAY, row["ended_at"] // DAY) for row in [*world.rows["queries"], late]]
    write = closure(days, spans).write
    world.rows["queries"].append(late)
    after = charges_of(world)
    assert write < set(world.days())
    assert _rows([c for c in before if c["day"] not in write]) == _rows([c for c in after if c["day"] not in write])
    assert _rows([c for c in before if c["day"] in write]) != _rows([c for c in after if c["day"] in write])


def test_queries_that_begin_at_one_instant_are_charged_alike_each_time() -> None:
    """Two sorts that order equal times differently would meet the time of one boundary with the number running at another."""
    world = _fortnight(9)
    once = _rows(charges_of(world))
    assert all(_rows(charges_of(world)) == once for _ in range(15))


def test_order_of_arrival_does_not_matter() -> None:
    world = _fortnight(10)
    whole = _rows(charges_of(world))
    for rows in world.rows.values():
        random.Random(1).shuffle(rows)
    assert _rows(charges_of(world)) == whole


def test_closure() -> None:
    spans = [(1, 2), (2, 4), (4, 6), (9, 10)]
    found = closure({2}, spans)
    assert found.write == {1, 2, 3, 4}
    assert found.read == {1, 2, 3, 4, 5, 6}
    assert closure({8}, spans).read == {8}
    pacific = closure({8}, spans, calendar="America/Los_Angeles")
    assert pacific.write == {7, 8, 9}
    assert pacific.read == {4, 5, 6, 7, 8, 9, 10}


def test_days_that_are_priced_need_fewer_than_a_change_reaches() -> None:
    spans = [(1, 2), (2, 4), (4, 6), (9, 10)]
    assert needed({2}, spans) == {1, 2, 3, 4, 6}
    assert needed({8}, spans) == {8}
    assert needed({8}, spans, calendar="America/Los_Angeles") == {7, 8, 9, 10}


def test_touched_days() -> None:
    world = World().query("a", 10, 20).query("b", 86_000, 3 * 86_400).query("c", 5, 5)
    with Engine(threads=1) as engine:
        queries = register(engine, world.rows)["queries"]
        rows = engine.rows(touched_days(queries, engine.materialise))
    assert START == TODAY * DAY
    found = sorted((row["query_id"], row["day"] - TODAY) for row in rows)
    assert found == [("a", 0), ("b", 0), ("b", 1), ("b", 2), ("b", 3), ("c", 0)]
