"""No text makes the reader fail, recurse or loop: broken, deep, long and random ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.lineage import read
from tests.lineage.test_reading import CASES, GOLD

WORDS = sorted({word for row in (*CASES, *GOLD) for word in row["sql"].split()})
DIALECTS = ("snowflake", "bigquery", "databricks", "postgres", "mysql", "unheard-of")


@given(st.text(max_size=300), st.sampled_from(DIALECTS))
def test_any_text(text: str, dialect: str) -> None:
    read(text, dialect)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*WORDS, "(", ")", ";", ",", ".", "'", '"', "`", "$$", "[", "]"]), max_size=60))
def test_any_order_of_words(words: list[str]) -> None:
    for dialect in DIALECTS:
        read(" ".join(words), dialect)


@given(st.data())
def test_any_text_cut_off_anywhere(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([row["sql"] for row in (*CASES, *GOLD)]))
    read(text[: data.draw(st.integers(0, len(text)))], "snowflake")


DEEP = 30_000
LONG = {
    "parentheses": "select " + "(" * DEEP + "1" + ")" * DEEP + " from t",
    "open parentheses": "select * from " + "(" * DEEP,
    "queries in queries": "select * from (" * 5_000 + "select 1 from t" + ")" * 5_000,
    "brackets": "select " + "[" * DEEP + "]" * DEEP + " from t",
    "sums": "select " + "1+" * DEEP + "1 from t",
    "nots": "select " + "not " * DEEP + "true from t",
    "cases": "select " + "case when " * 5_000 + "1" + " end" * 5_000 + " from t",
    "unions": " union all ".join(["select a from t"] * 5_000),
    "joins": "select * from t" + " join t" * 10_000,
    "expressions with names": "with "
    + ", ".join(f"c{n} as (select * from t)" for n in range(3_000))
    + " select * from t",
    "expressions in expressions": "with a as (" * 3_000 + "select 1 from t",
    "strings that never end": "select '" + "''" * 40_000 + "\\ from t",
    "backslashes": "select * from t where a = '" + "\\" * 60_001,
    "comments that never end": "select * from t /*" + "*" * 60_000,
    "statements": "select * from t;" * 6_000,
    "statements in statements": "execute immediate 'select * from t';" * 2_000,
    "deletes of many": "delete a from t a;" * 4_000,
    "one long delete": "delete a, b from " + ", ".join(f"t x{n}" for n in range(9_000)),
    "functions": "create function f() as $$ x $$;" * 3_000 + " select * from t",
    "blocks": "create procedure p() begin " * 1_000 + "end;" * 1_000 + " select * from t",
    "signs": "?" * 100_000,
    "letters": "x" * 100_000,
}


@pytest.mark.parametrize("name", LONG)
def test_long_and_deep_texts_are_read(name: str) -> None:
    for dialect in ("snowflake", "bigquery"):
        assert set(read(LONG[name], dialect).sources) <= {"t"}


def test_a_long_text_is_read_to_its_end() -> None:
    columns = ", ".join(f"column_{number} as other_{number}" for number in range(4_000))
    assert read(f"insert into a.b select {columns} from c.d").sources == ("c.d",)
