"""Children of attributed queries, objects, pools, days and sources."""

from __future__ import annotations

import json

from costlens.attribute import attribute, kept_keys, rules_version
from costlens.engine import Engine
from costlens.estate import Asset, Estate, PrincipalRule
from costlens.settings.attribution import Settings

from .world import TODAY, answers, facts_of, short

TAG = '{"_cl":{"v":1,"a":["orders"]}}'


def test_children_follow_their_caller_through_queries_and_usage() -> None:
    rows = answers(
        queries=[
            {"query_id": "call", "tag": TAG},
            {"query_id": "child", "parent_id": "call"},
            {"query_id": "grandchild", "parent_id": "child", "root_id": "call"},
            {"query_id": "by_usage"},
            {"query_id": "own", "parent_id": "call", "tag": '{"_cl":{"v":1,"a":["other"]}}'},
            {"query_id": "orphan", "parent_id": "gone"},
            {"query_id": "self", "parent_id": "self", "root_id": "self"},
        ],
        query_usage=[
            {"query_id": "by_usage", "parent_id": "call", "root_id": "call", "unit": "credits", "units": 1.0},
            {"query_id": "call", "unit": "credits", "units": 1.0},
        ],
    )
    found = {row["subject_id"]: short(row) for row in rows}
    assert found == {
        "call": ("orders", None, "tag"),
        "child": ("orders", None, "parent"),
        "grandchild": ("orders", None, "parent"),
        "by_usage": ("orders", None, "parent"),
        "own": ("other", None, "tag"),
        "orphan": (None, None, "none"),
        "self": (None, None, "none"),
    }
    own = next(row for row in rows if row["subject_id"] == "own")
    assert [entry["asset"] for entry in own["evidence"]] == ["other", "orders"]
    child = next(row for row in rows if row["subject_id"] == "child")
    assert child["confidence"] == 0.95


def test_a_child_inherits_shares_traits_and_the_confidence_of_weaker_evidence() -> None:
    mark = json.dumps({"tool": "dbt", "node_id": "test.p.t", "target_name": "prod"})
    rows = answers(
        queries=[
            {"query_id": "call", "tag": '{"_cl":{"v":1,"a":["x","y"],"f":"a.py:1"}}', "mark": mark},
            {"query_id": "child", "parent_id": "call"},
        ]
    )
    child = [row for row in rows if row["subject_id"] == "child"]
    assert [(row["asset"], row["share"]) for row in child] == [("x", 0.5), ("y", 0.5)]
    assert (child[0]["environment"], child[0]["purpose"], child[0]["code_ref"]) == ("production", "test", "a.py:1")


def test_a_transaction_with_one_voice_speaks_for_its_silent_queries() -> None:
    session = {"session_id": "s", "transaction_id": "7"}
    other = {"session_id": "s", "transaction_id": "8"}
    none = {"session_id": "s", "transaction_id": "0"}
    rows = answers(
        queries=[
            {"query_id": "a1", "tag": TAG, **session},
            {"query_id": "a2", **session},
            {"query_id": "b1", "tag": TAG, **other},
            {"query_id": "b2", "tag": '{"_cl":{"v":1,"a":["customers"]}}', **other},
            {"query_id": "b3", **other},
            {"query_id": "c1", "tag": TAG, **none},
            {"query_id": "c2", **none},
            {"query_id": "d1", "session_id": "other", "transaction_id": "7"},
        ]
    )
    found = {row["subject_id"]: short(row)[::2] for row in rows}
    assert found["a2"] == ("orders", "parent")
    assert found["a1"] == ("orders", "tag")
    assert found["b3"] == found["c2"] == found["d1"] == (None, "none")


def test_sources_and_days_are_kept_apart() -> None:
    queries: list[dict[str, object]] = [
        {"query_id": "call", "tag": TAG, "day": TODAY + 1},
        {"query_id": "child", "parent_id": "call"},
        {"query_id": "child", "parent_id": "call", "source": "other"},
    ]
    rows = answers(queries=queries)
    assert {(row["source"], row["day"], row["asset"]) for row in rows} == {
        ("prod", TODAY, "orders"),
        ("other", TODAY, None),
    }
    assert len(answers(queries=queries, days=(TODAY, TODAY + 1))) == 3
    assert answers(queries=queries, days=()) == []


ESTATE = Estate(
    assets=(Asset("orders", ("DB.MARTS.ORDERS",)),),
    rules=(
        PrincipalRule("growth", "pool", "GROWTH_*"),
        PrincipalRule("raw", "schema", "RAW"),
        PrincipalRule("raw", "label:team", "raw"),
        PrincipalRule("lake", "database", "LAKE"),
    ),
)


def test_objects_and_pools() -> None:
    rows = answers(
        ESTATE,
        usage=[
            {"object_id": "17", "object": '"DB".MARTS."ORDERS"', "service": "AUTO_CLUSTERING"},
            {"object_id": "17", "object": '"DB".MARTS."ORDERS"', "service": "STORAGE"},
            {"object_id": "DB.RAW.EVENTS", "service": "STORAGE"},
            {"object_id": "DB.X.Y"},
            {"object_id": None, "service": "AI"},
            {"pool_id": "3", "service": "ACCELERATION"},
            {"pool_id": "1", "object_id": "GROWTH_WH", "object": "GROWTH_WH", "service": "ACCELERATION"},
            {"object_id": "5", "object": "LAKE", "service": "STORAGE"},
        ],
        metering=[
            {"pool_id": "1", "pool": "GROWTH_WH"},
            {"pool_id": "1", "pool": "GROWTH_WH"},
            {"pool_id": "2", "pool": "OTHER_WH"},
        ],
    )
    assert {(row["subject_kind"], row["subject_id"]): short(row) for row in rows} == {
        ("object", "17"): ("orders", None, "target"),
        ("object", "DB.RAW.EVENTS"): (None, "raw", "principal"),
        ("object", "DB.X.Y"): (None, None, "none"),
        ("object", "GROWTH_WH"): (None, "growth", "principal"),
        ("object", "5"): (None, "lake", "principal"),
        ("pool", "1"): (None, "growth", "principal"),
        ("pool", "2"): (None, None, "none"),
        ("pool", "3"): (None, None, "none"),
    }
    assert len(rows) == 8


def test_the_version_of_the_rules_tells_estate_and_settings() -> None:
    one = rules_version(ESTATE, Settings())
    assert one == rules_version(ESTATE, Settings())
    assert one != rules_version(Estate(), Settings())
    assert one != rules_version(ESTATE, Settings(team_keys=["squad"]))
    assert {row["rules_version"] for row in answers(ESTATE, queries=[{"query_id": "q"}])} == {one}


def test_keys_that_attribution_needs_are_not_masked() -> None:
    assert kept_keys(ESTATE, Settings(asset_keys=["model"], team_keys=["squad"])) == ("model", "squad", "team")


def test_the_order_of_the_rows_does_not_matter() -> None:
    queries = [
        {
            "query_id": f"q{n}",
            "tag": TAG if n % 3 else None,
            "parent_id": f"q{n + 1}" if n % 2 else None,
            "user": f"u{n % 4}",
        }
        for n in range(60)
    ]
    assert answers(ESTATE, queries=queries) == answers(ESTATE, queries=queries[::-1])


def test_facts_may_lack_all_but_queries() -> None:
    with Engine() as engine:
        facts = {"queries": facts_of(engine, {"queries": [{"query_id": "q"}]})["queries"]}
        assert len(engine.rows(attribute(facts, Estate(), Settings(), [TODAY], engine))) == 1
