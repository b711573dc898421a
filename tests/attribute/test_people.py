"""Whose a person is, by what warehouses say of their users: the rules of teams tell it, what disagrees tells nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from costlens.attribute.people import with_people
from costlens.engine import Engine
from costlens.estate import Estate, Membership, PrincipalRule
from tests.attribute.world import TODAY, answers, facts_of, short

RULES = (
    PrincipalRule("growth", "role", "GROWTH_*"),
    PrincipalRule("growth", "granted_role", "TEAM_GROWTH"),
    PrincipalRule("payments", "granted_role", "TEAM_PAYMENTS"),
    PrincipalRule("payments", "default_role", "PAY"),
    PrincipalRule("finance", "email", "*@finance.acme.example"),
)
DAY = date(1970, 1, 1) + timedelta(days=TODAY)


def people(said: Sequence[tuple[int, str, str, str]], rules: Sequence[PrincipalRule] = RULES) -> list[Membership]:
    """Return who works where by (day beside today, user, field, value)."""
    rows = [{"day": TODAY + step, "user": user, "field": field, "value": value} for step, user, field, value in said]
    with Engine(threads=2) as engine:
        return [*with_people(Estate(rules=tuple(rules)), facts_of(engine, {"users": rows})["users"], engine).people]


def teams(*said: tuple[str, str]) -> dict[str, str]:
    return {each.person: each.team for each in people([(0, "MIRA", field, value) for field, value in said])}


@pytest.mark.parametrize(
    ("said", "team"),
    [
        ([("default_role", "GROWTH_DEV")], "growth"),  # by the rule on the roles that queries run in
        ([("default_role", "growth_dev")], "growth"),
        ([("default_role", "PAY")], "payments"),
        ([("granted_role", "TEAM_GROWTH")], "growth"),
        (
            [("granted_role", "GROWTH_DEV")],
            None,
        ),  # a role says what one may do: a rule must say that it says whose one is
        ([("granted_role", "TEAM_GROWTH"), ("granted_role", "TEAM_PAYMENTS")], None),
        ([("default_role", "PAY"), ("granted_role", "PAY"), ("granted_role", "TEAM_GROWTH")], None),
        ([("default_role", "GROWTH_DEV"), ("granted_role", "GROWTH_DEV"), ("granted_role", "TEAM_GROWTH")], "growth"),
        ([("default_role", "PAY"), ("granted_role", "TEAM_GROWTH")], "growth"),  # the default role was taken away
        ([("default_role", "ANALYST"), ("granted_role", "ANALYST")], None),
    ],
)
def test_all_that_speak_name_one_team_or_none_is_named(said: list[tuple[str, str]], team: str | None) -> None:
    assert teams(*said) == ({"mira": team} if team else {})


def test_a_person_is_known_by_the_address_too() -> None:
    said = [("email", "Mira@acme.example"), ("granted_role", "TEAM_GROWTH")]
    assert teams(*said) == {"mira": "growth", "mira@acme.example": "growth"}
    assert teams(("email", "m@finance.acme.example")) == {"mira": "finance", "m@finance.acme.example": "finance"}
    assert teams(("email", "m@finance.acme.example"), ("granted_role", "TEAM_GROWTH")) == {}


def test_what_is_read_holds_until_the_next_reading_and_the_first_before_it() -> None:
    said = [
        (-4, "MIRA", "granted_role", "TEAM_GROWTH"),
        (-2, "MIRA", "granted_role", "TEAM_GROWTH"),
        (0, "MIRA", "granted_role", "TEAM_PAYMENTS"),
        (3, "LEO", "granted_role", "TEAM_GROWTH"),
    ]
    assert people(said) == [
        Membership("growth", "leo", "granted role TEAM_GROWTH", DAY + timedelta(days=3), None),
        Membership("growth", "mira", "granted role TEAM_GROWTH", None, DAY),
        Membership("payments", "mira", "granted role TEAM_PAYMENTS", DAY, DAY + timedelta(days=3)),
    ]


def test_another_reading_that_says_the_same_changes_nothing() -> None:
    said = [(0, "MIRA", "default_role", "GROWTH_DEV")]
    assert people(said) == people([*said, (1, "MIRA", "default_role", "GROWTH_DEV")])


def test_a_rule_holds_in_its_time_only() -> None:
    rule = PrincipalRule("growth", "granted_role", "TEAM_GROWTH", valid_from=DAY)
    (told,) = people([(-3, "MIRA", "granted_role", "TEAM_GROWTH")], [rule])
    assert (told.valid_from, told.valid_to) == (DAY, None)


def test_a_person_of_two_accounts_that_disagree_is_nobodys() -> None:
    rows = [
        {"source": source, "user": "MIRA", "field": "granted_role", "value": role}
        for source, role in (("prod", "TEAM_GROWTH"), ("lab", "TEAM_PAYMENTS"))
    ]
    with Engine(threads=2) as engine:
        users = facts_of(engine, {"users": rows})["users"]
        assert with_people(Estate(rules=RULES), users, engine).people == ()


def test_a_persons_team_comes_after_every_rule_and_speaks_in_its_time() -> None:
    estate = Estate(
        rules=(PrincipalRule("catalog", "role", "CATALOG_*"),),
        people=(Membership("growth", "mira", "granted role TEAM_GROWTH", valid_to=DAY),),
    )
    queries = [
        {"query_id": "a", "user": "MIRA", "day": TODAY - 1},
        {"query_id": "b", "user": "MIRA", "day": TODAY},
        {"query_id": "c", "user": "MIRA", "role": "CATALOG_DEV", "day": TODAY - 1},
    ]
    rows = answers(estate, queries=queries, days=(TODAY - 1, TODAY))
    assert [short(row) for row in rows] == [
        (None, "growth", "principal"),
        (None, None, "none"),
        (None, "catalog", "principal"),
    ]
    assert rows[0]["evidence"][0]["text"] == "granted role TEAM_GROWTH"
