"""Accuracy has a floor: what the evaluation finds may not fall, and what it claims falsely stays nothing."""

from __future__ import annotations

import pytest
from eval_trace import Answer, Code, Query, ask, dbt, given, in_code


def rate(answers: list[Answer]) -> float:
    return sum(answer.is_right for answer in answers) / len(answers)


@pytest.fixture(scope="module")
def world() -> tuple[Code, list[Query]]:
    return given()


def test_queries_of_another_hand_are_found(world: tuple[Code, list[Query]]) -> None:
    answers = list(ask(*world, present=True))
    assert [answer for answer in answers if answer.is_false] == []
    whole = [answer for answer in answers if answer.query.group not in ("given: fragment", "given: truncated")]
    assert rate(whole) == 1.0
    assert rate(answers) > 0.96


def test_nothing_is_claimed_where_the_source_is_absent(world: tuple[Code, list[Query]]) -> None:
    assert [answer for answer in ask(*world, present=False) if answer.is_false] == []


def test_models_of_dbt_are_found_by_what_dbt_ran() -> None:
    for code, queries in dbt():
        compiled = [query for query in queries if query.group == "dbt: compiled models"]
        answers = list(ask(code, compiled, present=True))
        assert [answer for answer in answers if answer.is_false] == []
        assert rate(answers) > 0.9
        assert [answer for answer in ask(code, compiled, present=False) if answer.is_false] == []


def test_statements_in_programs_are_found_with_line_and_function() -> None:
    code, queries = in_code()
    answers = list(ask(code, queries[::5], present=True))
    assert [answer for answer in answers if answer.is_false] == []
    assert rate(answers) > 0.9
    right = [answer for answer in answers if answer.is_right]
    assert all(answer.function == answer.query.function for answer in right)
    near = sum(abs((answer.line or 0) - (answer.query.line or 0)) <= 5 for answer in right)
    assert near / len(right) > 0.97
