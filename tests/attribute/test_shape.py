"""What the same statement was for elsewhere speaks for it, within the month and the 30 days before, and for services only."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from costlens.attribute.shape import reached, window, within
from costlens.engine import Engine
from costlens.estate import Asset, Estate
from costlens.settings.attribution import Settings

from .test_target import facts_with_deeds
from .world import TODAY, answers_of, short

ESTATE = Estate(assets=(Asset("orders"), Asset("other")))
TAG = '{{"_cl":{{"v":1,"a":["{}"]}}}}'.format
TEXT = "select f(x) from raw.loads where a = 1"


def _told(*queries: dict[str, Any], held: tuple[tuple[int, str], ...] = ()) -> dict[str, tuple[Any, ...]]:
    with Engine(threads=2) as engine:
        facts = facts_with_deeds(engine, [{"text": TEXT, "user": "ETL_SVC", **query} for query in queries], held)
        rows = answers_of(engine, facts, ESTATE, Settings(), {query.get("day", TODAY) for query in queries})
    return {row["subject_id"]: short(row) for row in rows}


def test_the_same_statement_that_was_tagged_speaks_for_those_that_were_not() -> None:
    found = _told({"query_id": "a", "tag": TAG("orders")}, {"query_id": "b", "text": TEXT.replace("1", "2")})
    assert found == {"a": ("orders", None, "tag"), "b": ("orders", None, "shape")}


def test_it_is_silent_where_two_assets_have_the_statement() -> None:
    found = _told({"query_id": "a", "tag": TAG("orders")}, {"query_id": "b", "tag": TAG("other")}, {"query_id": "c"})
    assert found["c"] == (None, None, "none")


def test_it_is_silent_for_statements_that_name_no_relation_and_for_persons() -> None:
    one = {"text": "select 1"}
    assert _told({"query_id": "a", "tag": TAG("orders"), **one}, {"query_id": "b", **one})["b"][2] == "none"
    assert _told({"query_id": "a", "tag": TAG("orders")}, {"query_id": "b", "user": "ann@x.org"})["b"][2] == "none"


def test_what_the_ledger_holds_of_other_days_counts_within_its_window_only() -> None:
    first = (date(2026, 10, 1) - date(1970, 1, 1)).days
    for day, speaks in (
        (first, True),
        (TODAY - 30, True),
        (TODAY - 31, False),
        (first + 30, True),
        (first + 31, False),
    ):
        assert (_told({"query_id": "b"}, held=((day, "orders"),))["b"][2] == "shape") is speaks
    assert _told({"query_id": "b"}, held=((TODAY - 1, "orders"), (TODAY - 2, "other")))["b"][2] == "none"


def test_what_the_ledger_holds_of_the_days_told_is_out_of_date() -> None:
    assert _told({"query_id": "b"}, held=((TODAY, "orders"),))["b"][2] == "none"


@given(st.integers(0, 40_000), st.integers(-70, 70))
def test_evidence_reaches_a_day_exactly_if_the_day_looks_back_at_it(day: int, step: int) -> None:
    low, high = window(day)
    assert low <= day - 27
    assert day <= high <= day + 30
    assert (day in reached({day + step})) is within(day, day + step)
