"""Prices are a function of today's facts: the vendor's bill first, within its rounding, then rate sheet, then configuration."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from costlens.connector import Rate
from costlens.engine import Engine
from costlens.price import resolve_rates

from .world import LATER, PRICES, SNOWFLAKE, TODAY, Row, World, charges_of, filled, rates_of, register, total

SERVICE = "WAREHOUSE_METERING"
DAYS = range(TODAY, TODAY + 5)


def _resolve(
    world: World, *, prices: tuple[Rate, ...] = (), service: str = SERVICE, days: range = DAYS, **need: Any
) -> list[Row]:
    wanted = [
        {"day": None, "account": None, "region": None, "service": service, "unit": "credits", "units": None, **need}
    ]
    return resolve_rates(filled(world, "bill"), filled(world, "rates"), prices, wanted, world.billing, days, LATER)


def _prices(world: World, **how: Any) -> list[str]:
    return [str(row["price"].normalize()) for row in _resolve(world, **how)]


def test_the_sheet_is_used_where_it_explains_the_bill() -> None:
    world = World()
    for day in range(5):
        world.billed(SERVICE, "33.123", f"{33.123 * 2.37:.2f}", day).rate(SERVICE, "2.37", day)
    assert _prices(world) == ["2.37"] * 5
    assert {row["origin"] for row in _resolve(world)} == {"rate sheet"}


def test_a_sheet_of_two_decimals_yields_to_the_bill_of_cheap_units() -> None:
    world = World()
    for day, units in enumerate(("80000", "71234.5", "60000", "91000", "12345")):
        cost = (Decimal(units) * Decimal("0.0037")).quantize(Decimal("0.01"))
        world.billed("SNOWPIPE", units, cost, day).rate("SNOWPIPE", "0.00", day)
    assert set(_prices(world, service="SNOWPIPE")) == {"0.0037"}


def test_the_months_quotient_serves_days_of_little_use() -> None:
    world = World().billed(SERVICE, "1000.000", "2850.00").billed(SERVICE, "0.010", "0.03", 1)
    assert _prices(world, days=range(TODAY, TODAY + 2)) == ["2.85", "2.85"]


def test_a_price_that_changes_within_the_month() -> None:
    world = World().billed(SERVICE, "100.000", "285.00").billed(SERVICE, "100.000", "310.00", 1)
    assert _prices(world, days=range(TODAY, TODAY + 2)) == ["2.85", "3.1"]


def test_a_day_without_a_row_keeps_the_last_price() -> None:
    world = World().billed(SERVICE, "100.000", "285.00", 1).billed(SERVICE, "100.000", "310.00", 3)
    assert _prices(world) == ["2.85", "2.85", "2.85", "3.1", "3.1"]


def test_several_balances_of_one_day_are_added() -> None:
    world = (
        World().billed(SERVICE, "60.000", "171.00", kind="compute").billed(SERVICE, "40.000", "114.00", kind="compute")
    )
    assert _prices(world, days=range(TODAY, TODAY + 1)) == ["2.85"]


def test_an_overage_day_has_its_own_price() -> None:
    world = World()
    for day, price in enumerate(("2.50", "2.50", "3.00", "3.00")):
        world.billed(SERVICE, "50.000", f"{50 * float(price):.2f}", day).rate(SERVICE, "2.50", day)
    assert _prices(world, days=range(TODAY, TODAY + 4)) == ["2.5", "2.5", "3", "3"]


def test_credits_and_taxes_are_no_prices() -> None:
    world = World().billed(SERVICE, "100.000", "285.00").billed(SERVICE, "100.000", "20.00", kind="tax")
    world.billed(SERVICE, "100.000", "-50.00", kind="credit")
    assert _prices(world, days=range(TODAY, TODAY + 1)) == ["2.85"]


def test_free_use_costs_nothing() -> None:
    assert _prices(World().billed(SERVICE, "100.000", "0.00"), days=range(TODAY, TODAY + 1)) == ["0"]


def test_names_as_billed() -> None:
    world = World().billed("AUTOMATIC_CLUSTERING", "10.000", "28.50")
    assert set(_prices(world, service="AUTO_CLUSTERING")) == {"2.85"}


def test_ai_credits_never_take_the_price_of_platform_credits() -> None:
    world = World().billed(SERVICE, "10.000", "28.50")
    assert _resolve(world, unit="ai credits") == []
    assert set(
        _prices(world, unit="ai credits", service="AI_SERVICES", prices=PRICES, days=range(TODAY, TODAY + 1))
    ) == {"2"}


@pytest.mark.parametrize(
    ("need", "price"),
    [
        ({"account": "a", "region": "eu"}, "1"),
        ({"account": "a", "region": "us"}, "2"),
        ({"account": "b", "region": "eu"}, "3"),
        ({"account": "b", "region": "us"}, "4"),
        ({"service": "OTHER"}, "5"),
    ],
)
def test_the_most_specific_configured_price_wins(need: dict[str, str], price: str) -> None:
    def rate(amount: int, service: str = SERVICE, account: str | None = None, region: str | None = None) -> Rate:
        return Rate(service, "credits", Decimal(amount), "USD", "configured", account, region)

    prices = (
        rate(5, "*"),
        rate(4),
        rate(3, region="eu"),
        rate(2, account="a"),
        rate(1, account="a", region="eu"),
        Rate(SERVICE, "credits", Decimal(9), "USD", "list"),
    )
    assert _prices(World(), prices=prices, days=range(TODAY, TODAY + 1), **need) == [price]


def test_a_configured_price_has_its_dates_and_a_list_price_beside_it() -> None:
    change = date(2026, 10, 7)
    prices = (
        Rate(SERVICE, "credits", Decimal(2), "USD", "configured", valid_to=change),
        Rate(SERVICE, "credits", Decimal(3), "USD", "configured", valid_from=change),
        Rate(SERVICE, "credits", Decimal(4), "USD", "list"),
    )
    rows = _resolve(World(), prices=prices)
    assert [int(row["price"]) for row in rows] == [2, 2, 3, 3, 3]
    assert {row["list_price"] for row in rows} == {4}


def test_a_configured_price_in_another_currency_is_not_used() -> None:
    world = World().billed("OTHER", "10.000", "20.00", currency="EUR")
    assert _resolve(world, prices=PRICES) == []


def test_money_without_units_is_divided_by_what_was_metered() -> None:
    world = World().billed(SERVICE, None, "12.00")
    need = {"day": TODAY, "units": Decimal(4)}
    assert _prices(world, **need) == ["3"]


def test_prices_turn_final_with_the_months_close() -> None:
    world = World().billed(SERVICE, "10.000", "28.50").meter(0, 1)
    closes = date(2026, 11, 11)
    close = (closes - date(1970, 1, 1)).days * 86_400_000_000
    for as_of, is_final in ((close - 1, False), (close, True)):
        with Engine(threads=1) as engine:
            facts = register(engine, world.rows)
            rows = rates_of(world, engine, facts, [TODAY], as_of)
        assert {row["is_final"] for row in rows} == {is_final}


def test_configured_prices_are_final_where_no_money_comes() -> None:
    with Engine(threads=1) as engine:
        world = World().meter(0, 1)
        rows = rates_of(world, engine, register(engine, world.rows), [TODAY], TODAY * 86_400_000_000)
    assert {row["is_final"] for row in rows} == {True}


def test_no_price_is_never_a_silent_zero() -> None:
    """A service without a price keeps its units, is marked, and the others are not touched by it."""
    prices = (Rate(SERVICE, "credits", Decimal(3), "USD", "configured"),)
    world = World(SNOWFLAKE, prices).query("a", 0, 3600, overhead_units=1.0)
    world.meter(0, 1, overhead_units=Decimal(1)).line("NEW_SERVICE", 5)
    charges = charges_of(world)
    assert {(charge["service"], charge["rate_origin"]) for charge in charges} == {
        (SERVICE, "configured"),
        ("CLOUD_SERVICES", "unpriced"),
        ("NEW_SERVICE", "unpriced"),
    }
    assert total(charges, service="NEW_SERVICE") == 5
    assert total(charges, "cost") == 3
