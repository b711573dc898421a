"""What a tag says is read back exactly, stays within the vendor's limits and never costs the user's own tag."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.tagging import codec

HOSTILE = [
    "analytics/orders",
    "x */ drop table t; --",
    'it\'s "quoted" `x` $$y$$ \\',
    "line\nbreak\r\n\ttab\x00nul",
    "größe/🦊/订单",
    "%s %(x)s %%",
    "a" * 10_000,
    "🦊" * 300,
    "-leading",
    "--",
    "\ud800",
    "UPPER/Case.Dot:colon",
]
KEYS = st.text(min_size=1, max_size=300)
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
FIELDS = st.fixed_dictionaries(
    {"a": st.lists(KEYS, min_size=1, max_size=5)},
    optional={name: st.text(min_size=1, max_size=60) for name in "notrjspfc"},
)
OWN = st.one_of(
    st.none(),
    st.text(max_size=400),
    st.dictionaries(st.text(max_size=20), st.one_of(st.text(max_size=30), st.integers(), st.none())).map(json.dumps),
)


def says(found: dict[str, object] | None, keys: list[str]) -> bool:
    """Whether decoded fields name exactly these assets, by key or by hash."""
    assert found is not None
    return found.get("a") == keys or found.get("k") == [codec.asset_hash(key) for key in keys]


@given(FIELDS)
def test_query_tag_round_trip(fields: dict[str, object]) -> None:
    tag = codec.query_tag(fields)
    assert tag is not None
    assert len(tag) <= 2_000
    found = codec.decode_query_tag(tag)
    assert says(found, fields["a"])  # type: ignore[arg-type]
    assert found is not None
    assert {name: found[name] for name in "notrj" if name in found} == {n: fields[n] for n in "notrj" if n in found}


@given(FIELDS, OWN)
def test_the_users_own_tag_survives(fields: dict[str, object], own: str | None) -> None:
    tag = codec.query_tag(fields, own)
    ours, back = codec.split_query_tag(tag)
    if ours is None or tag == own:  # ours did not fit: theirs is untouched
        assert tag == own
        return
    assert tag is not None
    assert len(tag) <= 2_000
    assert says(ours, fields["a"])  # type: ignore[arg-type]
    if own is None or not own.strip():
        assert back is None
    elif own.startswith("{"):
        assert json.loads(back or "{}") == json.loads(own)
        assert tag.startswith(own[:-1])  # byte for byte
    else:
        assert back == own


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_keys_are_exact_or_hashed_in_every_tag(key: str) -> None:
    fields = {"a": [key], "t": key, "f": key, "o": "py"}
    assert says(codec.decode_query_tag(codec.query_tag(fields)), [key])
    assert says(codec.decode_query_tag(codec.query_tag(fields, 'own "text"')), [key])
    assert says(codec.decode_labels(codec.labels(fields)), [key])
    assert (codec.decode_labels(codec.labels(fields)) or {})["k"] == [codec.asset_hash(key)]
    assert says(codec.decode_labels(codec.databricks_tags(fields)), [key])  # type: ignore[arg-type]


@given(FIELDS)
def test_labels_are_legal_and_exact(fields: dict[str, object]) -> None:
    made = codec.labels(fields, {"team": "growth"})
    assert made.pop("team") == "growth"
    for name, value in made.items():
        assert re.fullmatch("[a-z][a-z0-9_-]{0,62}", name)
        assert re.fullmatch("[a-z0-9_-]{1,63}", value), value
    found = codec.decode_labels(made)
    assert says(found, fields["a"]) or (found or {}).get("m") == len(fields["a"])  # type: ignore[arg-type]
    for name in "notrjspc":
        if f"cl_{name}" in made:
            assert (found or {})[name] == fields[name]
    if "cl_f" in made:  # a path may lose its leading folders, nothing else
        assert str(fields["f"]).endswith((found or {})["f"])


def test_labels_read_as_people_would_write_them() -> None:
    fields = {
        "a": ["Analytics/Orders"],
        "t": "data-platform",
        "f": "dags/my_orders.py:42",
        "n": "model.shop.orders",
        "r": "3f0c9a52-77aa-4d57-9f27-1d6f0e7a0c11",
    }
    assert codec.labels(fields) == {
        "cl_k": codec.asset_hash("Analytics/Orders"),
        "cl_a": "analytics_orders",
        "cl_n": "-model-dshop-dorders",
        "cl_t": "data-platform",
        "cl_r": "3f0c9a52-77aa-4d57-9f27-1d6f0e7a0c11",
        "cl_f": "-dags-smy_orders-dpy-c42",
    }
    assert codec.decode_labels(codec.labels(fields)) == {
        "v": 1,
        "k": [codec.asset_hash("Analytics/Orders")],
        "l": "analytics_orders",
        **{name: fields[name] for name in "tfnr"},
    }


def test_a_long_dbt_node_is_its_hash() -> None:
    node = "test.shop." + "accepted_values_orders_status_" * 4
    assert codec.decode_labels(codec.labels({"n": node})) == {"v": 1, "h": codec.asset_hash(node)}


def test_labels_give_way_to_the_users() -> None:
    own = {f"k{number}": "x" for number in range(63)}
    made = codec.labels({"a": ["a/b"], "t": "growth"}, own)
    assert made == own | {"cl_k": codec.asset_hash("a/b")}


def test_what_is_written_by_hand_outlives_a_line_and_not_an_asset() -> None:
    for own in ("cl_a=by/hand", '{"_cl":{"a":["by/hand"]}}'):
        assert codec.query_tag({"f": "x.py:1"}, own) == own
        assert (codec.decode_query_tag(codec.query_tag({"a": ["a/b"]}, own)) or {})["a"] == ["a/b"]
    own_labels = {"cl_a": "by-hand", "team": "x"}
    assert codec.labels({"f": "x.py:1"}, own_labels) == own_labels | {"cl_f": "-x-dpy-c1"}
    assert codec.labels({"a": ["a/b"]}, own_labels) == {
        "team": "x",
        "cl_k": codec.asset_hash("a/b"),
        "cl_a": "a_b",
    }


def test_many_assets_become_hashes_and_then_a_number() -> None:
    some = [f"warehouse/marts/fct_{'long' * 10}_{number}" for number in range(60)]
    found = codec.decode_query_tag(codec.query_tag({"a": some, "r": "run-1"}))
    assert found == {"v": 1, "k": [codec.asset_hash(key) for key in some], "r": "run-1"}
    many = [f"a/{number}" for number in range(500)]
    assert codec.decode_query_tag(codec.query_tag({"a": many, "r": "run-1"})) == {"v": 1, "m": 500, "r": "run-1"}
    assert codec.decode_labels(codec.labels({"a": some})) == {"v": 1, "m": 60}
    assert says(codec.decode_labels(codec.labels({"a": some[:20]})), some[:20])


def test_least_important_fields_go_first() -> None:
    own = "x" * 1_800
    tag = codec.query_tag({"a": ["a/b"], "o": "py", "r": "r" * 90, "f": "f" * 200, "c": "c" * 40}, own)
    assert codec.decode_query_tag(tag) == {"v": 1, "a": ["a/b"], "o": "py", "r": "r" * 90, "w": 1}
    assert codec.query_tag({"a": ["a/b"]}, "x" * 1_990) == "x" * 1_990


def test_a_tag_of_ours_is_replaced_not_nested() -> None:
    outer = codec.query_tag({"a": ["outer"]}, "users text")
    assert codec.split_query_tag(codec.query_tag({"a": ["inner"]}, outer)) == (
        {"v": 1, "a": ["inner"], "w": 1},
        "users text",
    )
    assert codec.query_tag({"a": ["inner"]}, codec.query_tag({"a": ["outer"]})) == '{"_cl":{"v":1,"a":["inner"]}}'


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        (None, None),
        ("", None),
        ("free text", None),
        ('{"app":"dbt"}', None),
        ('{"_cl":5}', None),
        ('{"_cl":{"zz":1}}', None),
        ('{"_cl":{"a":[1,2],"t":7}}', None),
        ('{"_cl":{"a":"x","v":"9"}}', {"v": 1, "a": ["x"]}),
        ("[" * 100_000, None),
        ('{"a":' * 50_000, None),
        ("cl_a=analytics/orders;cl_t=growth", {"v": 1, "a": ["analytics/orders"], "t": "growth"}),
        ("job:nightly,cl_a:a,cl_a:b", {"v": 1, "a": ["a", "b"]}),
        ('{"cl_a":"x/y","other":1}', {"v": 1, "a": ["x/y"]}),
    ],
)
def test_reading_is_lenient_and_never_fails(tag: str | None, fields: object) -> None:
    assert codec.decode_query_tag(tag) == fields


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    codec.decode_query_tag(text)
    codec.decode_comment("/* cl_" + text + " */")
    codec.decode_labels({"cl_a": text, "cl_k": text, "cl_f": "-" + text, "cl_m": text})


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400), min_size=1, max_size=4))
def test_comment_round_trip_in_a_safe_alphabet(keys: list[str]) -> None:
    text = codec.comment({"a": keys, "r": "run", "p": "2026-01-01", "c": "abc"})
    assert text is not None
    assert re.fullmatch(r"/\* [A-Za-z0-9_./@= -]+ \*/", text)
    assert "--" not in text
    assert says(codec.decode_comment(f"select 1 /* other */ {text};"), keys)
    assert "cl_r" not in text  # a run id would defeat result caches
    assert "cl_p" not in text


def test_databricks_tags_stay_within_the_limits() -> None:
    made = codec.databricks_tags({"a": ["a/b"], "f": "deep/" * 40 + "x.py:1", "t": "t" * 200}, {"mine": None})
    assert made == {"mine": None, "cl_k": codec.asset_hash("a/b"), "cl_a": "a/b", "cl_f": "deep/" * 24 + "x.py:1"}
    assert len(codec.databricks_tags({"a": ["a"], "o": "py"}, {str(n): "x" for n in range(20)})) == 20
