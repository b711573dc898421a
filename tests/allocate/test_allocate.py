"""Allocation gives every part of a charge to somebody, or to nobody by name, and loses none of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.allocate import DIMENSIONS, OPTIONAL, Policy, Rule, Spread, changed, policy_of
from costlens.errors import UsageError
from costlens.estate import Estate, Ownership

from .strategies import policies, worlds
from .world import World, by

D = Decimal
WITHOUT_DAYS = tuple(name for name in DIMENSIONS if name not in OPTIONAL)
FAIR, CAUSAL, SEPARATE = Policy("fair"), Policy("causal"), Policy("separate")
PLATFORM = Rule("platform", Spread("proportional"), (("team", ("platform",)),))


def test_fair_idle_goes_to_the_hours_queries_by_own_part() -> None:
    world = World()
    world.query(0, "3", "a/growth")
    world.query(0, "1", "a/sales")
    world.idle(0, "2")
    rows = world.allocated(FAIR)
    assert by(rows, "team", "kind") == {
        ("growth", "direct"): D(3),
        ("sales", "direct"): D(1),
        ("growth", "idle"): D("1.5"),
        ("sales", "idle"): D("0.5"),
    }
    assert {row["asset"] for row in rows if row["kind"] == "idle"} == {"a/growth", "a/sales"}


def test_an_hour_without_queries_goes_to_the_pools_day_then_to_its_owner_then_to_nobody() -> None:
    world = World()
    world.query(0, "1", "a/growth")
    world.idle(5, "2", owner="team:pool-owner", cause="no query")
    world.idle(30, "4", owner="team:pool-owner", cause="no query")
    world.idle(30, "8", pool="OTHER", cause="no query")
    assert by(world.allocated(FAIR), "team") == {"growth": D(3), "pool-owner": D(4), None: D(8)}


def test_idle_of_queries_that_nobody_is_known_for_is_nobodys_and_says_it_was_idle() -> None:
    world = World()
    world.query(0, "1", None)
    world.query(0, "1", "a/growth")
    world.idle(0, "3")
    assert by(world.allocated(FAIR), "team", "kind", "rule")[None, "idle", "idle: fair"] == D("1.5")


def test_causal_idle_goes_to_the_query_that_kept_the_pool_up() -> None:
    """A long query of sales ends at 00:20; a short one of growth at 00:40 keeps the pool up until 00:50."""
    world = World()
    world.query(0, "10", "a/sales", start=0, end=20)
    world.query(0, "0.1", "a/growth", start=20, end=40)
    world.suspend(0, 50)
    world.idle(0, "3")
    assert by(world.allocated(CAUSAL), "team", "kind")["growth", "idle"] == D(3)
    shares = by(world.allocated(FAIR), "team", "kind")
    assert shares["sales", "idle"] > D("2.9")


def test_a_lull_is_the_last_enders_also_in_the_next_hour_and_ends_when_the_pool_is_suspended() -> None:
    world = World()
    world.query(0, "1", "a/growth", start=10, end=50)
    world.query(0, "1", "a/sales", start=5, end=40)
    world.suspend(1, 30)
    world.idle(0, "1")
    world.idle(1, "2", cause="no query")
    world.query(2, "1", "a/sales", start=0, end=60)
    assert by(world.allocated(CAUSAL), "team", "kind") == {
        ("growth", "direct"): D(1),
        ("sales", "direct"): D(2),
        ("growth", "idle"): D(3),
    }


def test_separate_idle_is_a_line_of_its_own_or_the_pools_owners() -> None:
    world = World()
    world.query(0, "1", "a/growth")
    world.idle(0, "2")
    world.idle(0, "4", pool="OWNED", owner="team:growth")
    assert by(world.allocated(SEPARATE), "team", "kind") == {
        ("growth", "direct"): D(1),
        (None, "idle"): D(2),
        ("growth", "idle"): D(4),
    }


def test_a_platform_teams_cost_with_its_idle_goes_to_the_others_and_says_where_it_came_from() -> None:
    world = World()
    world.query(0, "3", "a/growth")
    world.query(1, "1", "a/sales")
    world.query(2, "8", "a/core", pool="PLATFORM_WH")
    world.idle(2, "4", pool="PLATFORM_WH")
    rows = world.allocated(Policy(rules=(PLATFORM,)))
    assert by(rows, "team", "kind") == {
        ("growth", "direct"): D(3),
        ("sales", "direct"): D(1),
        ("growth", "shared"): D(9),
        ("sales", "shared"): D(3),
    }
    shared = [row for row in rows if row["kind"] == "shared"]
    assert {(row["origin_team"], row["pool"], row["rule"]) for row in shared} == {
        ("platform", "PLATFORM_WH", "platform: proportional")
    }
    assert {row["category"] for row in shared} == {"query", "idle"}
    assert sum(row["queries"] for row in rows) == 3  # activity stays where it was
    assert sum(row["queries"] for row in rows if row["team"] == "platform") == 1


@pytest.mark.parametrize(
    ("spread", "growth", "sales"),
    [
        (Spread("even"), "50", "50"),
        (Spread("queries"), "66.6666666667", "33.3333333333"),
        (Spread("seconds"), "25", "75"),
        (Spread("storage"), "100", "0"),
        (Spread("fixed", (("growth", D(1)), ("sales", D(3)))), "25", "75"),
        (Spread("proportional", among=("sales",)), "0", "100"),
    ],
)
def test_shared_money_is_spread_by_its_driver(spread: Spread, growth: str, sales: str) -> None:
    world = World()
    world.query(0, "5", "a/growth", end=5)
    world.query(0, "4", "a/growth", end=5)
    world.query(1, "1", "a/sales", end=30)
    world.line(3, "1", "storage", "a/growth", service="STORAGE")
    world.line(3, "100", "serverless", service="SHARED_TASKS")
    rule = Rule("tasks", spread, (("service", ("shared_*",)),))
    got = by([row for row in world.allocated(Policy(rules=(rule,))) if row["kind"] == "shared"], "team")
    assert abs(got.get("growth", D(0)) - D(growth)) < D("1e-9")
    assert abs(got.get("sales", D(0)) - D(sales)) < D("1e-9")
    assert sum(got.values()) == D(100)


def test_rules_hold_on_their_days_and_the_first_that_matches_decides() -> None:
    world = World()
    for day in (0, 1, 2):
        world.query(24 * day, "1", "a/growth")
        world.line(24 * day, "10", "serverless", service="TASKS")
    early = Rule("early", Spread("fixed", (("sales", D(1)),)), (("service", ("TASKS",)),), valid_to=date(2026, 10, 2))
    late = Rule(
        "late", Spread("fixed", (("growth", D(1)),)), (("category", ("server*",)),), valid_from=date(2026, 10, 3)
    )
    told = {"sales": D(10), "growth": D(13), None: D(10)}
    assert by(world.allocated(Policy(rules=(early, late))), "team") == told
    assert by(world.allocated(Policy(rules=(early, late)), dimensions=WITHOUT_DAYS), "team") == told


def test_an_asset_is_on_each_day_who_owned_it_then_also_in_lines_without_days() -> None:
    world = World()
    for day in (0, 1, 2):
        world.query(24 * day, "1", "a/x", pool="A")
        world.idle(24 * day, "4", pool="A")
    estate = Estate(
        ownership=(
            Ownership("a/x", "growth", valid_to=date(2026, 10, 2)),
            Ownership("a/x", "sales", valid_from=date(2026, 10, 2), valid_to=date(2026, 10, 3)),
            Ownership("a/x", "long gone", valid_to=date(2020, 1, 1)),
        )
    )
    for dimensions in (DIMENSIONS, WITHOUT_DAYS):
        rows = world.allocated(Policy(), estate, dimensions)
        assert by(rows, "team") == {"growth": D(5), "sales": D(5), None: D(5)}
    assert len(rows) == 6


def test_adjustments_credits_and_taxes_follow_the_policy_of_the_bill_and_rules_tell_them_apart() -> None:
    world = World()
    world.query(0, "3", "a/growth")
    world.query(0, "1", "a/sales")
    world.line(3, "-0.8", "adjustment")
    world.line(3, "2", "other", service="Tax")
    world.line(3, "-4", "adjustment", service="Rebate")
    world.billed_as = [
        {"source": "shop", "service": "Tax", "billed_as": "tax"},
        {"source": "shop", "service": "Rebate", "billed_as": "credit"},
    ]
    tax = Rule("taxes", Spread("fixed", (("finance", D(1)),)), (("billed_as", ("tax",)),))
    rows = world.allocated(Policy(rules=(tax,)))
    assert by(rows, "team") == {"growth": D("-0.6"), "sales": D("-0.2"), "finance": D(2)}
    assert by(world.allocated(Policy(bill=Spread("separate"))), "team")[None] == D("-2.8")


def test_idle_by_a_rule_of_its_own() -> None:
    world = World()
    for pool in ("A", "B"):
        world.query(0, "3", "a/growth", pool=pool)
        world.query(0, "1", "a/sales", pool=pool)
        world.idle(0, "4", pool=pool)
    rule = Rule("idle of A", Spread("even"), (("category", ("idle",)), ("pool", ("A",))))
    got = by(world.allocated(Policy(rules=(rule,))), "team", "kind")
    assert (got["growth", "shared"], got["sales", "shared"]) == (D(2), D(2))
    assert (got["growth", "idle"], got["sales", "idle"]) == (D(3), D(1))
    kept = Rule("idle of A", Spread("separate"), rule.match)
    assert by(world.allocated(Policy(rules=(kept,))), "team")[None] == D(4)


def test_money_without_anybody_to_spread_it_over_stays() -> None:
    world = World()
    world.query(0, "3", "a/core")
    world.query(0, "1", None)
    policy = Policy(unattributed=Spread("proportional"), rules=(PLATFORM,))
    assert by(world.allocated(policy), "team") == {"platform": D(3), None: D(1)}


def test_currencies_are_never_mixed() -> None:
    world = World()
    world.query(0, "3", "a/growth")
    world.query(0, "2", "a/sales", currency="EUR", source="lake", pool="E")
    world.line(0, "10", "serverless")
    world.line(0, "20", "serverless", currency="EUR", source="lake")
    rows = world.allocated(Policy(unattributed=Spread("proportional")))
    assert by(rows, "team", "currency") == {("growth", "USD"): D(13), ("sales", "EUR"): D(22)}


@given(worlds(), policies)
@settings(max_examples=20, deadline=None)
def test_any_world_under_any_policy_adds_up_to_the_last_digit(world: World, policy: Policy) -> None:
    """Per currency and source, per category and pool: a policy moves money between owners, never between what it was for."""
    rows = world.allocated(policy)
    fewer = world.allocated(policy, dimensions=WITHOUT_DAYS)
    for names in (("currency", "source"), ("currency", "category", "pool", "day")):
        assert by(rows, *names) == by(world.charges, *names)
        assert by(fewer, *names[:3]) == by(world.charges, *names[:3])
    assert abs(sum(row["queries"] for row in rows) - len(world.queries)) < 1e-6
    assert all(row["origin_team"] is None or row["kind"] in ("shared", "unattributed", "bill") for row in rows)
    assert policy_of(policy.as_dict()) == policy


@given(worlds(), policies, st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None)
def test_the_order_of_rows_changes_nothing(world: World, policy: Policy, random: object) -> None:
    first = sorted(map(str, world.allocated(policy)))
    for rows in (world.charges, world.attributions, world.daily, world.queries):
        random.shuffle(rows)  # type: ignore[attr-defined]
    assert sorted(map(str, world.allocated(policy))) == first


def test_a_policy_is_changed_by_words() -> None:
    policy = changed(Policy(rules=(PLATFORM,)), "idle=separate, unattributed=team:platform,bill=even")
    assert (policy.idle, policy.bill, policy.rules) == ("separate", Spread("even"), (PLATFORM,))
    assert policy.unattributed.words() == "to platform"
    for wrong in ("idle=unfair", "unattributed=", "colour=red"):
        with pytest.raises(UsageError, match="policy"):
            changed(Policy(), wrong)
