"""Plants secrets in every kind of place where a statement, tag or label can hold one, and searches what is kept."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.masking import mark_of, mask_labels, mask_tag, mask_text

SECRET = "hunter2"
PLACES = {
    "snowflake": [
        "'{}'", "'it''s {}'", "'\\' {}'", "$${}$$", "$$ ' {} $$", "x'{}'", "-- {}\n", "-- it's {}\n", "// {}\n",
        "/* {} */", "/* ' {} */", "/* {{\"app\":\"dbt\",\"password\":\"{}\"}} */",
        "/* {{\"app\":\"dbt\",\"meta\":{{\"k\":\"{}\"}}}} */",
        "-- Looker Query Context '{{\"email\":\"{}\"}}'\n", "-- Hex query metadata: {{\"user_email\":\"{}\"}}\n",
        "-- Sigma Σ {{\"sourceUrl\":\"https://x/y?t={}\"}}\n", "/* costlens password={} */", "'''{}'''",
    ],
    "bigquery": [
        "'{}'", '"{}"', "'\\' {}'", '"\\" {}"', "'''it's {}'''", '"""say "{}" """', "r'{}\\''", "b\"{}\"", "rb'''{}'''",
        "-- {}\n", "# {}\n", "# it's {}\n", "/* {} */", "/* \" {} */",
    ],
}  # fmt: skip
CODE = ["select a", "from t", 'where "C 1" =', "b1", "`x`", "(", ")", ",", "1", ".5", "-", "\n", "$1", "values", "in ("]


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, str]:
    dialect = draw(st.sampled_from(sorted(PLACES)))
    code = [piece for piece in CODE if dialect == "snowflake" or '"' not in piece]
    planted = st.sampled_from(PLACES[dialect]).map(lambda place: place.format(SECRET))
    pieces = draw(st.lists(st.one_of(st.sampled_from(code), planted), max_size=12))
    return dialect, " ".join(pieces)


@settings(max_examples=600, deadline=None)
@given(statements(), st.integers(0, 400))
def test_no_secret_of_a_statement_is_kept_even_when_it_is_cut(statement: tuple[str, str], cut: int) -> None:
    dialect, text = statement
    for whole in (text, text[: len(text) - cut] if cut < len(text) else text):
        assert SECRET not in mask_text(whole, dialect) + (mark_of(whole, dialect) or "")


@settings(max_examples=300, deadline=None)
@given(
    st.integers(100_000, 10**12),
    st.sampled_from(["{}", "{}.5", "-{}", "1.{}", "1e{}", "(1,{})", "a+{}", "0x{}", "a[{}]"]),
)
def test_no_number_is_kept(number: int, place: str) -> None:
    for dialect in PLACES:
        text = f"select {place.format(number)} from t"
        assert str(number) not in mask_text(text, dialect)


JSON = st.recursive(
    st.sampled_from([SECRET, f"a {SECRET} b", 1, None, True]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["k", "team", "node_id"]), inner)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["k", "customer", "tag", "comment", "my key", f"a {SECRET}", "é"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_no_secret_of_a_tag_or_label_is_kept(body: dict[str, object]) -> None:
    text = json.dumps(body)
    assert SECRET not in (mask_tag(text, keep={"team"}) or "")
    assert SECRET not in (mask_labels(text, keep={"team"}) or "")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["k", "customer", "x.y"]), st.sampled_from("=:"))), st.sampled_from(";,| "))
def test_no_secret_of_a_pair_tag_is_kept(pairs: list[tuple[str, str]], end: str) -> None:
    assert SECRET not in (mask_tag(end.join(f"{key}{sign}{SECRET}" for key, sign in pairs)) or "")
