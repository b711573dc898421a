"""Properties that hold for any pool-hour, each shown to fail on books that are wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from .reference import reference
from .vectors import VECTORS
from .world import HOUR, SIZES, Row, World, charges_of, charges_of_all, number

AFTER_ALL = 40_000 * 86_400_000_000
#: Two hours before midnight: what is drawn crosses days as well as hours.
EVENING = 22 * 3600


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw pools, queries on clusters and sizes, calls with children, vendor figures, and metering with and without sums."""
    world = World().meter(22, 1, pool_id="always")
    pools = [f"p{n}" for n in range(draw(st.integers(1, 2)))]
    for n in range(draw(st.integers(0, 9))):
        begin, length = EVENING + draw(st.integers(0, 9000)), draw(st.sampled_from((1, 30, 400, 2000, 6000)))
        size = draw(st.sampled_from((*SIZES, "UNHEARD")))
        more = {
            "pool": draw(st.sampled_from(pools)),
            "cluster": draw(st.sampled_from((None, "1", "2"))),
            "pool_size": size,
        }
        world.query(f"q{n}", begin, begin + length, **more)
        if length > 100 and draw(st.integers(0, 3)) == 0:
            first = begin + draw(st.integers(0, length // 2))
            world.query(f"c{n}", first, first + length // 3, parent_id=f"q{n}", **more)
    for row in world.rows["queries"]:
        if draw(st.booleans()) and not any(
            other.get("parent_id") == row["query_id"] for other in world.rows["queries"]
        ):
            world.told(row["query_id"], draw(st.integers(1, 3_000_000)) / 1e6)
    for pool in pools:
        for hour in range(22, 29):
            if draw(st.integers(0, 9)):
                units = Decimal(draw(st.integers(0, 8_000_000))) / 1_000_000
                own = draw(st.sampled_from((None, Decimal(0), Decimal("0.3"), Decimal("0.97"), Decimal(1))))
                world.meter(
                    hour, units, own and number((units * own).quantize(Decimal("0.000001"))), pool_id=pool, pool=pool
                )
    return world


#: Six worlds an example; no shrinking, which takes minutes: the failing world is printed by the assertion.
many = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
some_worlds = st.lists(worlds(), min_size=6, max_size=6).map(
    lambda drawn: {f"w{n}": world for n, world in enumerate(drawn)}
)


def balances(world: World, charges: Sequence[Row]) -> None:
    """Every metered pool-hour is charged exactly once, and nothing of it is negative."""
    charged: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for charge in charges:
        assert charge["units"] >= 0
        if charge["category"] in ("query", "idle") and charge["status"] != "estimated":
            charged[charge["pool_id"], charge["hour"]] += charge["units"]
    metered = {(row["pool_id"], row["hour"]): row["units"] for row in world.rows["metering"] if row["units"]}
    assert dict(charged) == metered


def keeps_what_the_vendor_says(world: World, charges: Sequence[Row]) -> None:
    """The queries of a pool-hour add up to what the vendor attributes to queries, where it says so."""
    own: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for charge in charges:
        if charge["category"] == "query":
            own[charge["pool_id"], charge["hour"]] += charge["units"]
    for row in world.rows["metering"]:
        if row["own_units"] is not None:
            assert own[row["pool_id"], row["hour"]] == row["own_units"]


def respects_physics(world: World, charges: Sequence[Row]) -> None:
    """By time alone no query uses more than its pool's largest size for as long as it ran in the hour."""
    told = {row["query_id"] for row in world.rows["query_usage"]}
    queries = {row["query_id"]: row for row in world.rows["queries"]}
    silent = {(row["pool_id"], row["hour"]) for row in world.rows["metering"] if row["own_units"] is None}
    sizes: dict[str, set[str]] = defaultdict(set)
    for row in world.rows["queries"]:
        sizes[row["pool_id"]].add(row["pool_size"])
    for charge in charges:
        if charge["method"] == "time share" and charge["cause"] is None and charge["query_id"] not in told:
            query = queries[charge["query_id"]]
            ran = min(query["ended_at"], charge["hour"] + HOUR) - max(query["started_at"], charge["hour"])
            largest = max(SIZES.get(size, 0) for size in sizes[charge["pool_id"]])
            if (charge["pool_id"], charge["hour"]) in silent:
                assert float(charge["units"]) <= largest * ran / HOUR + 1e-9


def agrees_with_the_reference(world: World, charges: Sequence[Row]) -> None:
    """The second-by-second reference says the same, pool by pool, hour by hour, query by query."""
    found: dict[tuple[str, str | None, int], float] = defaultdict(float)
    for charge in charges:
        if charge["status"] != "estimated" and charge["cause"] != "unlisted":
            found[charge["pool_id"], charge["query_id"], charge["hour"]] += float(charge["units"])
        elif charge["cause"] == "unlisted":
            found[charge["pool_id"], None, charge["hour"]] += float(charge["units"])
    expected = defaultdict(float, reference(world))
    differing = {
        key: (found[key], expected[key]) for key in {*found, *expected} if abs(found[key] - expected[key]) > 2e-9
    }
    assert not differing


PROPERTIES = (balances, keeps_what_the_vendor_says, respects_physics, agrees_with_the_reference)


@many
@given(some_worlds)
def test_any_world(worlds: dict[str, World]) -> None:
    for name, charges in charges_of_all(worlds, as_of=AFTER_ALL).items():
        note(f"{name}: {str(worlds[name].rows)[:4000]}")
        for check in PROPERTIES:
            check(worlds[name], charges)


def _less(charges: list[Row]) -> list[Row]:
    return [charge for charge in charges if charge["category"] != "idle"]


def _twice(charges: list[Row]) -> list[Row]:
    return [*charges, *(charge for charge in charges if charge["query_id"] == "short")]


def _to_queries(charges: list[Row]) -> list[Row]:
    return [{**charge, "category": "query"} for charge in charges]


def _moved(charges: list[Row]) -> list[Row]:
    shift = {"a": Decimal("0.5"), "b": Decimal("-0.25"), None: Decimal("-0.25")}
    return [{**charge, "units": charge["units"] + shift.get(charge["query_id"], Decimal(0))} for charge in charges]


@pytest.mark.parametrize(
    ("check", "vector", "spoil"),
    [
        (balances, "short_queries_get_the_residual", _less),
        (balances, "short_queries_get_the_residual", _twice),
        (balances, "an_hour_without_queries_is_idle", _less),
        (keeps_what_the_vendor_says, "short_queries_get_the_residual", _twice),
        (keeps_what_the_vendor_says, "the_vendors_figures_are_kept", _to_queries),
        (respects_physics, "use_is_never_more_than_metered", _moved),
        (agrees_with_the_reference, "use_is_never_more_than_metered", _moved),
        (agrees_with_the_reference, "ten_minutes_in_each_of_two_hours", _to_queries),
    ],
)
def test_a_spoilt_book_is_caught(
    check: Callable[[World, Sequence[Row]], None], vector: str, spoil: Callable[[list[Row]], list[Row]]
) -> None:
    world = VECTORS[vector]()[0]
    charges = charges_of(world)
    check(world, charges)
    spoilt = spoil(charges)
    if spoil is _to_queries:
        spoilt = [{**charge, "query_id": charge["query_id"] or "a"} for charge in spoilt]
    with pytest.raises(AssertionError):
        check(world, spoilt)


def test_wall_clock_would_be_caught() -> None:
    """Sharing by wall clock, as peers do, differs from the reference where queries overlap by part."""
    world = World().query("a", 0, 3600).query("b", 0, 900).meter(0, 1)
    charges = charges_of(world)
    agrees_with_the_reference(world, charges)
    clock = {"a": Decimal("0.8"), "b": Decimal("0.2")}
    with pytest.raises(AssertionError):
        agrees_with_the_reference(world, [{**charge, "units": clock[charge["query_id"]]} for charge in charges])


def test_nothing_is_lost_of_usage_lines() -> None:
    world = World()
    for n in range(40):
        world.line(
            f"SERVICE_{n % 7}", f"0.{n + 1:03}", hour=n, object_id=f"o{n}", unit="ai credits" if n % 2 else "credits"
        )
    charges = charges_of(world)
    lines = sorted((row["object_id"], row["unit"], row["units"]) for row in world.rows["usage"])
    assert sorted((charge["object_id"], charge["unit"], charge["units"]) for charge in charges) == lines
    assert {(charge["unit"], charge["cost"] / charge["units"]) for charge in charges} == {
        ("credits", 3),
        ("ai credits", 2),
    }


def test_milliseconds_matter() -> None:
    """Instants are not rounded to seconds on the way, and time shares are fine enough for the shortest statements."""
    world = World().query("a", 0, 0.004).query("b", 0.001, 0.002).meter(0, 1, "0.000008")
    own = {charge["query_id"]: float(charge["units"]) for charge in charges_of(world) if charge["query_id"]}
    assert own == pytest.approx({"a": 7e-6, "b": 1e-6}, rel=1e-5)
