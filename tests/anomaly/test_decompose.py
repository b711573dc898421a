"""A change of cost is split into drivers that add up to it, to the last digit, whatever the rows."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.anomaly.decompose import BYTES, GONE, IDLE, NEW, POOL_SIZE, PRICE, RUNS, SECONDS, USAGE, decompose
from costlens.errors import UsageError


def row(**given_values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        **dict.fromkeys(("asset", "shape", "pool", "service", "object")),
        "category": "query",
        "currency": "USD",
        "unit": "credits",
        "units": Decimal(0),
        "cost": Decimal(0),
        "queries": 0.0,
        "seconds": 0.0,
        "bytes": 0.0,
    }
    return {**empty, **given_values}


def query(runs: float, seconds_each: float, rate: str, price: str, **more: Any) -> dict[str, Any]:
    units = Decimal(str(runs)) * Decimal(str(seconds_each)) * Decimal(rate)
    cost = units * Decimal(price)
    return row(asset="orders", shape="a", queries=runs, seconds=runs * seconds_each, units=units, cost=cost, **more)


def test_twice_the_runs_is_runs() -> None:
    found = decompose([query(10, 60, "0.01", "3")], [query(20, 60, "0.01", "3")])
    assert found.change == Decimal(18)
    assert {name: round(float(amount), 9) for name, amount in found.drivers.items()} == {RUNS: 18.0}


@pytest.mark.parametrize(
    ("after", "driver"),
    [
        (query(10, 90, "0.01", "3"), SECONDS),
        (query(10, 60, "0.04", "3"), POOL_SIZE),
        (query(10, 60, "0.01", "3.3"), PRICE),
        (query(10, 60, "0.04", "3", pool="LARGE_WH"), POOL_SIZE),
    ],
)
def test_one_factor_is_told_alone(after: dict[str, Any], driver: str) -> None:
    found = decompose([query(10, 60, "0.01", "3")], [after])
    largest = max(found.drivers, key=lambda name: abs(found.drivers[name]))
    assert largest == driver
    assert float(found.drivers[driver]) == pytest.approx(float(found.change))


def test_bytes_billed_are_told_by_bytes() -> None:
    old = row(unit="TiB", queries=4.0, seconds=9.0, bytes=2.0**40, units=Decimal(1), cost=Decimal("6.25"))
    now = row(unit="TiB", queries=4.0, seconds=1.0, bytes=2.0**42, units=Decimal(4), cost=Decimal(25))
    found = decompose([old], [now])
    assert float(found.drivers[BYTES]) == pytest.approx(18.75)


def test_new_and_gone_work_stand_apart() -> None:
    gone, new = query(1, 60, "0.01", "3"), {**query(2, 60, "0.01", "3"), "asset": "others"}
    found = decompose([gone], [new])
    assert found.drivers == {NEW: Decimal("3.6"), GONE: Decimal("-1.8")}


def test_a_statement_that_was_rewritten_is_the_same_work() -> None:
    merge, rebuild = query(4, 60, "0.01", "3"), {**query(4, 240, "0.01", "3"), "shape": "b"}
    found = decompose([merge], [rebuild])
    assert found.drivers == {SECONDS: Decimal("21.6")}
    assert (found.changes[0].work.shape, found.changes[0].work.replaced) == ("b", "a")


def test_idle_and_its_price() -> None:
    old = row(category="idle", pool="WH", units=Decimal(10), cost=Decimal(30))
    now = row(category="idle", pool="WH", units=Decimal(20), cost=Decimal(80))
    assert decompose([old], [now]).drivers == {IDLE: Decimal(35), PRICE: Decimal(15)}


def test_a_day_against_the_mean_of_many() -> None:
    month = [query(10, 60, "0.01", "3") for _ in range(28)]
    found = decompose(month, [query(10, 60, "0.01", "3")], Fraction(1, 28))
    assert found.change == 0
    assert found.drivers == {}


def test_amounts_whose_quotient_no_double_holds_add_up_all_the_same() -> None:
    one = {"category": "query", "unit": "TiB", "units": Decimal("1E-12"), "seconds": 0.0}
    old = row(**one, cost=Decimal("1E-12"), queries=2.0, bytes=5e-324)
    now = row(**one, cost=Decimal("3E-12"), queries=1.0, bytes=1.0)
    found = decompose([old], [now])
    assert sum(found.drivers.values(), Decimal(0)) == found.change == Decimal("2E-12")


def test_two_currencies_are_refused() -> None:
    with pytest.raises(UsageError, match="EUR, USD"):
        decompose([query(1, 1, "1", "1")], [query(1, 1, "1", "1", currency="EUR")])


money = st.decimals("-1e7", "1e7", places=12)
amount = st.floats(0, 1e9)
rows = st.lists(
    st.builds(
        row,
        category=st.sampled_from(["query", "idle", "overhead", "storage", "adjustment", "serverless"]),
        asset=st.sampled_from([None, "a", "b"]),
        shape=st.sampled_from([None, "s"]),
        pool=st.sampled_from([None, "P"]),
        unit=st.sampled_from(["credits", "TiB", None]),
        units=money,
        cost=money,
        queries=amount,
        seconds=amount,
        bytes=amount,
    ),
    max_size=8,
)


@given(rows, rows, st.sampled_from([Fraction(1), Fraction(1, 28), Fraction(31, 30)]))
def test_drivers_add_up_to_the_change(
    before: list[dict[str, Any]], after: list[dict[str, Any]], scale: Fraction
) -> None:
    found = decompose(before, after, scale)
    assert sum(found.drivers.values(), Decimal(0)) == found.change
    assert sum((one.change for one in found.changes), Decimal(0)) == found.change
    for one in found.changes:
        assert sum(one.drivers.values(), Decimal(0)) == one.change
    assert found.after == sum((r["cost"] for r in after), Decimal(0))
    if scale == 1:
        assert found.before == sum((r["cost"] for r in before), Decimal(0))


@given(rows, rows)
def test_the_way_back_is_the_way_there(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    there, back = decompose(before, after), decompose(after, before)
    assert there.change == -back.change
    assert there.drivers.get(NEW, 0) == -back.drivers.get(GONE, 0)
    assert {one.change for one in there.changes} == {-one.change for one in back.changes}


def test_usage_is_volume_and_price() -> None:
    old = row(category="storage", service="STORAGE", unit="TiB-months", units=Decimal(2), cost=Decimal(46))
    now = row(category="storage", service="STORAGE", unit="TiB-months", units=Decimal(3), cost=Decimal(69))
    assert decompose([old], [now]).drivers == {USAGE: Decimal(23)}
