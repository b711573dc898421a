"""What is charged equals what is billed: the bill has the last word, on its own days, months and in its own currency."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from costlens.connector import Rate
from costlens.engine import Engine
from costlens.price import final_at, price, turned_final, unpriced

from .world import (
    BIGQUERY,
    DAY,
    HOUR,
    LATER,
    PRICES,
    SNOWFLAKE,
    START,
    TODAY,
    World,
    charges_of,
    rates_of,
    register,
    total,
)


def _day(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days - TODAY


def test_a_difference_is_one_adjustment() -> None:
    world = World().query("a", 0, 3600).meter(0, 1).meter(1, 2).billed("WAREHOUSE_METERING", None, "9.05")
    charges = charges_of(world)
    (adjustment,) = [charge for charge in charges if charge["category"] == "adjustment"]
    assert adjustment["cost"] == Decimal("0.05")
    assert (adjustment["units"], adjustment["hour"], adjustment["day"]) == (0, None, TODAY)
    assert total(charges, "cost") == Decimal("9.05")


def test_no_difference_no_adjustment() -> None:
    world = World().meter(0, 1).billed("WAREHOUSE_METERING", 1, "3.00")
    assert {charge["category"] for charge in charges_of(world)} == {"idle"}


def test_names_as_billed_are_compared() -> None:
    world = World().line("AUTO_CLUSTERING", 1).billed("AUTOMATIC_CLUSTERING", 1, "3.00")
    assert {charge["category"] for charge in charges_of(world)} == {"serverless"}


def test_what_was_not_metered_is_not_lost() -> None:
    world = (
        World()
        .meter(0, 1)
        .billed("WAREHOUSE_METERING", 1, "3.00")
        .billed("SUPPORT", 2, "70.00", kind="other", unit="cases")
    )
    world.billed("STORAGE", 1, "23.00", kind="storage", unit="TiB-months").billed(
        "REBATE", None, "-5.00", kind="credit"
    )
    charges = charges_of(world)
    found = {
        charge["service"]: (charge["category"], charge["units"], charge["unit"], charge["cost"]) for charge in charges
    }
    assert found["SUPPORT"] == ("other", 2, "cases", 70)
    assert found["STORAGE"] == ("storage", 1, "TiB-months", 23)
    assert found["REBATE"][0] == "adjustment"
    assert total(charges, "cost") == 91


def test_currencies_are_never_mixed() -> None:
    world = World().meter(0, 1).billed("WAREHOUSE_METERING", "1.000", "2.60", currency="EUR")
    charges = charges_of(world)
    assert {(charge["currency"], charge["cost"]) for charge in charges} == {("EUR", Decimal("2.6"))}


def test_accounts_are_compared_apart() -> None:
    world = World()
    for account, cost in (("one", "3.00"), ("two", "4.00")):
        world.meter(0, 1, pool_id=account, account=account).billed("WAREHOUSE_METERING", None, cost, account=account)
    charges = charges_of(world)
    assert total(charges, "cost", account="one") == 3
    assert total(charges, "cost", account="two") == 4


def test_the_books_of_a_month_equal_the_bill() -> None:
    """Compute, overhead above and below a tenth, serverless: credits as billed each day, money as billed each day."""
    world = World()
    billed: dict[tuple[int, str], Decimal] = {}
    for day in range(30):
        for hour in (3, 4, 15):
            world.meter(day * 24 + hour, f"{1 + day % 7}.125", overhead_units=Decimal(day % 3) / 8)
        world.query(f"q{day}", day * 86_400 + 3 * 3600, day * 86_400 + 5 * 3600, overhead_units=0.01)
        world.line("SERVERLESS_TASK", "0.333333", hour=day * 24 + 7, object_id="t")
        compute, overhead = Decimal(3 * (1 + day % 7)) + Decimal("0.375"), Decimal(3 * (day % 3)) / 8
        owed = overhead - min(overhead, compute / 10)
        billed[day, "WAREHOUSE_METERING"] = compute
        billed[day, "CLOUD_SERVICES"] = owed
        billed[day, "SERVERLESS_TASK"] = Decimal("0.333333")
        for service, units in ((s, u) for (d, s), u in billed.items() if d == day and u):
            usage = units.quantize(Decimal("0.001"))
            world.billed(service, usage, (units * Decimal("2.85")).quantize(Decimal("0.01")), day)
    found: dict[tuple[int, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for charge in charges_of(world, list(range(TODAY, TODAY + 30))):
        sums = found[charge["day"] - TODAY, charge["service"]]
        sums[0], sums[1] = sums[0] + charge["units"], sums[1] + charge["cost"]
    for key, units in billed.items():
        assert found[key][0] == units
        assert found[key][1] == (units * Decimal("2.85")).quantize(Decimal("0.01"))


def test_a_day_of_the_vendors_calendar_is_billed_on_its_date() -> None:
    """07:00 UTC on 5 October is midnight in Los Angeles: an hour before belongs to the 4th."""
    world = World(BIGQUERY)
    for hour in (6, 7, 30, 31):
        world.meter(hour, 100, pool_kind="reservation")
    world.billed("Reservation", None, "13.00", 0).billed("Reservation", None, "7.00", -1).billed(
        "Reservation", None, "5.00", 1
    )
    charges = charges_of(world)
    adjusted = {charge["day"] - TODAY: charge["cost"] for charge in charges if charge["category"] == "adjustment"}
    assert adjusted == {-1: 1, 0: 1, 1: -1}


@pytest.mark.parametrize(("day", "hours", "begins"), [(_day(2026, 3, 8), 23, 8), (_day(2026, 11, 1), 25, 7)])
def test_a_day_of_daylight_saving_has_23_or_25_hours(day: int, hours: int, begins: int) -> None:
    world = World(BIGQUERY)
    for hour in range(begins - 1, begins + hours + 1):
        world.meter(day * 24 + hour, 100, pool_kind="reservation")
    world.billed("Reservation", None, "0", day)
    (adjustment,) = [charge for charge in charges_of(world) if charge["category"] == "adjustment"]
    assert adjustment["cost"] == -6 * hours


def test_months_are_billing_months() -> None:
    """A Pacific October begins at 07:00 UTC on the 1st and ends at 07:00 UTC on 1 November (both in summer time)."""
    found = {}
    for billing, name in ((BIGQUERY, "pacific"), (replace(BIGQUERY, calendar="UTC"), "utc")):
        world = World(billing)
        for hour in (6, 7):
            world.meter(_day(2026, 10, 1) * 24 + hour, 1, pool_kind="reservation")
            world.meter(_day(2026, 11, 1) * 24 + hour, 1, pool_kind="reservation")
        found[name] = [
            charge["billing_period"] for charge in sorted(charges_of(world), key=lambda charge: charge["hour"])
        ]
    assert found == {"pacific": ["2026-09", "2026-10", "2026-10", "2026-11"], "utc": ["2026-10"] * 2 + ["2026-11"] * 2}


def test_a_later_invoice_takes_what_it_bills() -> None:
    world = World().meter(0, 1).billed("WAREHOUSE_METERING", None, "3.00", billing_period="2026-10")
    world.billed("WAREHOUSE_METERING", None, "0.50", billing_period="2026-11")
    charges = charges_of(world)
    assert total(charges, "cost", billing_period="2026-10") == 3
    assert total(charges, "cost", billing_period="2026-11", category="adjustment") == Decimal("0.5")


def test_an_hour_has_the_price_of_its_own_day() -> None:
    world = World().query("a", 23 * 3600, 25 * 3600).meter(23, 1).meter(24, 1)
    world.billed("WAREHOUSE_METERING", "1.000", "2.00", 0).billed("WAREHOUSE_METERING", "1.000", "5.00", 1)
    assert {charge["day"] - TODAY: charge["cost"] for charge in charges_of(world)} == {0: 2, 1: 5}


def test_a_pool_hour_of_two_services_has_their_mean_price() -> None:
    world = World(BIGQUERY).query("a", 0, 3600, pool_kind="reservation", pool_size=None).told("a", 60, hour=0)
    world.meter(0, 50, pool_kind="reservation", service="baseline").meter(
        0, 50, pool_kind="reservation", service="autoscale"
    )
    charges = charges_of(world)
    assert {charge["category"]: (charge["units"], charge["cost"]) for charge in charges} == {
        "query": (60, 3),
        "idle": (40, 2),
    }


def test_list_cost_stands_beside_cost() -> None:
    prices = (*PRICES, Rate("*", "credits", Decimal(4), "USD", "list"))
    (charge,) = charges_of(World(SNOWFLAKE, prices).meter(0, "0.5"))
    assert (charge["cost"], charge["list_cost"]) == (Decimal("1.5"), 2)


def test_an_hour_not_metered_yet_is_estimated_and_then_metered() -> None:
    world = World().query("a", 0, 5400).query("unknown", 0, 60, pool="other", pool_size="NEW").meter(0, 1)
    estimated = {charge["hour"]: charge for charge in charges_of(world) if charge["query_id"] == "a"}
    assert estimated[START]["status"] == "final"
    assert estimated[START + HOUR]["status"] == "estimated"
    assert float(estimated[START + HOUR]["units"]) == pytest.approx(0.5, abs=1e-9)
    assert float(estimated[START + HOUR]["cost"]) == pytest.approx(1.5, abs=1e-9)
    assert {charge["query_id"] for charge in charges_of(world)} == {"a"}
    world.meter(1, "0.6", "0.6")
    metered = {charge["hour"]: charge for charge in charges_of(world) if charge["query_id"] == "a"}
    assert (metered[START + HOUR]["units"], metered[START + HOUR]["status"]) == (Decimal("0.6"), "final")


def test_status_turns_once_weights_and_money_are_settled() -> None:
    world = World().meter(0, 1).billed("WAREHOUSE_METERING", "1.000", "3.00")
    settled = final_at(TODAY, SNOWFLAKE)
    found = {charges_of(world, as_of=as_of)[0]["status"] for as_of in (START + 2 * HOUR, settled - 1)}
    assert found == {"provisional"}
    assert charges_of(world, as_of=settled)[0]["status"] == "final"
    configured = World().meter(0, 1)
    assert charges_of(configured, as_of=START + 4 * DAY - 1)[0]["status"] == "provisional"
    assert charges_of(configured, as_of=START + 4 * DAY)[0]["status"] == "final"


def test_days_that_turn_final_are_known_beforehand() -> None:
    week = range(TODAY, TODAY + 7)
    assert turned_final(week, START, START + DAY, SNOWFLAKE) == set()
    assert turned_final(week, START + 4 * DAY - 1, START + 5 * DAY, SNOWFLAKE) == {TODAY, TODAY + 1}
    settled = final_at(TODAY, SNOWFLAKE)
    assert settled == (_day(2026, 11, 11) + TODAY) * DAY
    assert turned_final(week, settled - 1, settled, SNOWFLAKE) == set(week)


def test_unpriced_services_are_named() -> None:
    world = World(SNOWFLAKE, ()).meter(0, 1).line("PIPE", 2)
    with Engine(threads=1) as engine:
        facts = register(engine, world.rows)
        rates = register(engine, {"rates": rates_of(world, engine, facts, [TODAY], LATER)})["rates"]
        charges = price(facts, rates, world.billing, [TODAY], LATER, engine.materialise)
        found = engine.rows(unpriced(charges))
    assert {(row["service"], row["unit"], row["units"], row["first_day"]) for row in found} == {
        ("WAREHOUSE_METERING", "credits", 1, TODAY),
        ("PIPE", "credits", 2, TODAY),
    }


def test_asking_for_no_day_is_refused() -> None:
    with Engine(threads=1) as engine, pytest.raises(ValueError, match="no days"):
        price(
            register(engine, World().rows),
            register(engine, {"rates": []})["rates"],
            SNOWFLAKE,
            [],
            LATER,
            engine.materialise,
        )


def test_a_day_on_the_next_invoice_is_charged_there_and_once() -> None:
    """Google puts late usage on the next invoice: the day's charges leave its month for the invoice's."""
    world = World().line("PIPE", 2).billed("PIPE", 2, 6, billing_period="2099-01")
    charges = charges_of(world)
    months = {row["billing_period"] for row in charges}
    assert total(charges, "cost") == 6
    assert total(charges, "cost", billing_period="2099-01") == 6
    assert [total(charges, "cost", billing_period=month) for month in months - {"2099-01"}] == [0]
