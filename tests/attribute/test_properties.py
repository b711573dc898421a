"""Random worlds: every subject once, shares that add up, and one answer however the days are cut."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.attribute import REACH_DAYS, attribute
from costlens.engine import Engine
from costlens.estate import Asset, Estate, PrincipalRule
from costlens.settings.attribution import Settings

from .world import TODAY, facts_of

ESTATE = Estate(
    assets=(Asset("a", ("DB.S.A",), dbt_node="model.p.a"), Asset("b", ("DB.S.B",), dbt_node="model.p.b")),
    rules=(PrincipalRule("x", "user", "U1"), PrincipalRule("y", "pool", "P*"), PrincipalRule("z", "label:k", "v")),
)
DAYS = range(TODAY, TODAY + 9)
IDS = st.sampled_from([f"q{n}" for n in range(8)])
TAGS = st.one_of(
    st.none(),
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4).map(
        lambda a: json.dumps({"_cl": {"a": a}})
    ),
    st.sampled_from(["team=t", '{"k":"v"}', "?0a1b2c3d"]),
)
QUERIES = st.fixed_dictionaries(
    {
        "query_id": IDS,
        "source": st.sampled_from(["one", "two"]),
        "day": st.sampled_from(DAYS),
        "parent_id": st.none() | IDS,
        "root_id": st.none() | IDS,
        "session_id": st.sampled_from([None, "s"]),
        "transaction_id": st.sampled_from([None, "0", "1"]),
        "tag": TAGS,
        "mark": st.sampled_from([None, '{"node_id":"model.p.b","tool":"dbt"}', '{"target_name":"prod"}']),
        "user": st.sampled_from([None, "U1", "U2"]),
    }
)
WORLDS = st.lists(QUERIES, max_size=14, unique_by=lambda row: (row["source"], row["query_id"]))

Row = dict[str, Any]


def attributed(engine: Engine, queries: list[Row], days: list[int]) -> list[Row]:
    """Attribute some days of a world with only the facts that the contract asks for."""
    near = {day + step for day in days for step in range(-REACH_DAYS, REACH_DAYS + 1)}
    usage = [{"object_id": "o", "object": "db.s.a", "day": day, "source": "one"} for day in DAYS]
    facts = facts_of(
        engine,
        {
            "queries": [row for row in queries if row["day"] in near],
            "usage": [row for row in usage if row["day"] in near],
            "metering": [{"pool_id": "1", "pool": "P1", "day": DAYS[0]}],
        },
    )
    rows = engine.rows(attribute(facts, ESTATE, Settings(), days, engine))
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


@settings(max_examples=8, deadline=None)
@given(WORLDS)
def test_every_subject_is_answered_once_and_shares_add_up(queries: list[Row]) -> None:
    with Engine(threads=2) as engine:
        rows = attributed(engine, queries, [*DAYS])
    shares: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for row in rows:
        shares[row["source"], row["subject_kind"], row["subject_id"], row["day"]] += round(row["share"] * 10**12)
        assert (row["method"] == "none") == (row["asset"] is None and row["rule_team"] is None)
    assert set(shares.values()) <= {10**12}
    wanted = {(row["source"], "query", row["query_id"], row["day"]) for row in queries}
    wanted |= {("one", "object", "o", day) for day in DAYS} | {("prod", "pool", "1", DAYS[0])}
    assert set(shares) == wanted


@settings(max_examples=8, deadline=None)
@given(WORLDS, st.sets(st.sampled_from(DAYS)))
def test_the_answer_does_not_depend_on_how_the_days_are_cut(queries: list[Row], some: set[int]) -> None:
    with Engine(threads=2) as engine:
        whole = attributed(engine, queries, [*DAYS])
        parts = attributed(engine, queries, sorted(some)) + attributed(engine, queries, sorted(set(DAYS) - some))
    assert sorted(map(str, parts)) == sorted(map(str, whole))
