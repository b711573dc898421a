"""Each kind of evidence, read through a whole attribution."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

import pytest

from costlens.estate import Asset, Estate, PrincipalRule, Team
from costlens.settings.attribution import Settings
from costlens.tagging.codec import asset_hash, labels, query_tag

from .world import TODAY, answer, answers, short

TEST = "test.shop.unique_orders_id.ab12"
ESTATE = Estate(
    assets=(
        Asset("marts/orders", ("ANALYTICS.MARTS.ORDERS",), dbt_node="model.shop.orders"),
        Asset("marts/customers", ("ANALYTICS.MARTS.CUSTOMERS",), dbt_node="model.shop.customers"),
        Asset(TEST, kind="test", dbt_node=TEST, upstream=("marts/orders",)),
        Asset("nightly/load"),
        Asset("apps/board", ("APPS.PUBLIC.BOARD",)),
    ),
    teams=(Team("growth"), Team("finance")),
)


def tag(**fields: Any) -> str:
    return json.dumps({"_cl": {"v": 1, **fields}})


def test_untagged_is_none() -> None:
    row = answer()
    assert short(row) == (None, None, "none")
    assert (row["share"], row["confidence"], row["evidence"]) == (1.0, 0.0, [])


TAGS: list[tuple[str, tuple[str | None, str | None, str]]] = [
    (tag(a=["marts/orders"]), ("marts/orders", None, "tag")),
    (tag(a=["not/listed"]), ("not/listed", None, "tag")),
    (tag(a=["analytics.marts.orders"]), ("marts/orders", None, "tag")),
    (tag(k=[asset_hash("marts/customers")]), ("marts/customers", None, "tag")),
    (tag(k=["0123456789abcdef"]), (None, None, "none")),
    (tag(n="model.shop.orders", a=["x", "y"]), ("marts/orders", None, "tag")),
    (tag(n="model.other.thing"), ("model.other.thing", None, "tag")),
    (tag(n="model.other.thing", a=["x"]), ("x", None, "tag")),
    (tag(t="Growth"), (None, "growth", "tag")),
    (tag(a=["marts/orders"], t="new"), ("marts/orders", "new", "tag")),
    (tag(r="run", f="dags/x.py:42"), (None, None, "none")),
    ('{"tag":"?","_cl":{"v":1,"a":["marts/orders"],"w":1}}', ("marts/orders", None, "tag")),
    ("cl_a=marts/orders;cl_t=growth", ("marts/orders", "growth", "tag")),
    ('{"asset":"marts/orders"}', ("marts/orders", None, "tag")),
    ('{"Asset":"ANALYTICS.MARTS.ORDERS","team":"growth"}', ("marts/orders", "growth", "tag")),
    ("team=finance;job=x", (None, "finance", "tag")),
    ('{"team":"?","asset":"?"}', (None, None, "none")),
    ('{"team":"growth","_cl":{"v":1,"a":["marts/orders"]}}', ("marts/orders", "growth", "tag")),
    ('{"team":"growth","_cl":{"v":1,"r":"1"}}', (None, "growth", "tag")),
    ('{"app":"costlens"}', (None, "costlens", "tag")),
    ('{"app":"dbt","node_id":"model.shop.orders"}', ("marts/orders", None, "comment")),
    ('{"dag_id":"nightly","task_id":"load"}', ("nightly/load", None, "comment")),
    ('{"dag_id":"weekly","task_id":"load"}', (None, None, "none")),
    ('{"StreamlitEngine":"ExecuteStreamlit","StreamlitName":"APPS.PUBLIC.BOARD"}', ("apps/board", None, "comment")),
    ("?1a2b3c4d", (None, None, "none")),
    ("{broken", (None, None, "none")),
    ("[1]", (None, None, "none")),
    ('{"_cl":[1]}', (None, None, "none")),
    ('{"_cl":{"a":{"x":1},"n":[2],"t":{}}}', (None, None, "none")),
]


@pytest.mark.parametrize(("text", "wanted"), TAGS)
def test_query_tags(text: str, wanted: tuple[str | None, str | None, str]) -> None:
    assert short(told("tag")[text]) == wanted


MARKS: list[tuple[dict[str, Any], tuple[str | None, str | None, str]]] = [
    ({"tool": "dbt", "node_id": "model.shop.orders"}, ("marts/orders", None, "comment")),
    ({"tool": "dbt", "node_id": "test.shop.unique_orders_id.ab12"}, ("marts/orders", None, "comment")),
    ({"tool": "dbt", "node_id": "model.shop.unknown"}, ("model.shop.unknown", None, "comment")),
    (
        {
            "tool": "dbt",
            "node_id": "model.new.orders",
            "node_database": "analytics",
            "node_schema": "marts",
            "node_alias": "orders",
        },
        ("marts/orders", None, "comment"),
    ),
    ({"tool": "dbt", "node_id": "operation.shop.hook"}, (None, None, "none")),
    ({"tool": "dbt", "target_name": "prod"}, (None, None, "none")),
    ({"tool": "dagster", "dagster_opaque_id": "model.shop.orders:0a1b"}, ("marts/orders", None, "comment")),
    ({"tool": "dagster", "dagster_opaque_id": "5c1d-uuid"}, (None, None, "none")),
    ({"tool": "costlens", "_cl": {"a": ["marts/orders"], "v": 1}}, ("marts/orders", None, "tag")),
    ({"tool": "looker", "user_id": 3}, (None, None, "none")),
]


@pytest.mark.parametrize(("mark", "wanted"), MARKS)
def test_marks(mark: dict[str, Any], wanted: tuple[str | None, str | None, str]) -> None:
    assert short(told("mark")[json.dumps(mark)]) == wanted


LABELS: list[tuple[dict[str, str], tuple[str | None, str | None, str]]] = [
    (labels({"a": ["marts/orders"]}), ("marts/orders", None, "tag")),
    (labels({"n": "model.shop.orders"}), ("marts/orders", None, "tag")),
    (labels({"t": "growth"}), (None, "growth", "tag")),
    (labels({"a": ["Not/Listed Anywhere"]}), ("not_listed_anywhere", None, "tag")),
    ({"team": "growth"}, (None, "growth", "tag")),
    ({"app": "costlens"}, (None, "costlens", "tag")),
    ({"dbt_invocation_id": "u", "node_id": "model_shop_orders"}, ("marts/orders", None, "comment")),
    ({"node_id": "_model_shop_orders_"}, ("marts/orders", None, "comment")),
    ({"node_id": "test_shop_unique_orders_id_ab12"}, ("marts/orders", None, "comment")),
    ({"node_id": "model_shop_unknown"}, ("model_shop_unknown", None, "comment")),
    ({"node_id": "odd"}, (None, None, "none")),
    ({"airflow-dag": "nightly", "airflow-task": "load"}, ("nightly/load", None, "comment")),
    ({"customer": "?"}, (None, None, "none")),
]


@pytest.mark.parametrize(("body", "wanted"), LABELS)
def test_labels(body: dict[str, str], wanted: tuple[str | None, str | None, str]) -> None:
    assert short(told("labels")[json.dumps(body)]) == wanted


@cache
def told(column: str) -> dict[str, dict[str, Any]]:
    """Attribute a query for every case of a column at once; return the answers by text."""
    cases = [text for text, _ in TAGS]
    if column != "tag":
        cases = [json.dumps(body) for body, _ in (MARKS if column == "mark" else LABELS)]
    rows = answers(ESTATE, queries=[{"query_id": text, column: text} for text in cases])
    return {row["subject_id"]: row for row in rows}


def test_a_label_that_was_cut_names_a_node_only_where_it_is_one() -> None:
    long = "model.shop." + "x" * 70
    one = Estate(assets=(Asset("a", dbt_node=long + "1"),))
    two = Estate(assets=(Asset("a", dbt_node=long + "1"), Asset("b", dbt_node=long + "2")))
    text = json.dumps({"node_id": long.replace(".", "_")[:63]})
    assert short(answer(one, labels=text)) == ("a", None, "comment")
    assert answer(two, labels=text)["asset"] not in ("a", "b")


def test_several_assets_share_equally_and_add_up_in_decimal() -> None:
    rows = answers(ESTATE, queries=[{"query_id": "q", "tag": query_tag({"a": ["marts/orders", "b", "c"]})}])
    assert [row["asset"] for row in rows] == ["b", "c", "marts/orders"]
    shares = [round(row["share"] * 10**12) for row in rows]
    assert sum(shares) == 10**12
    assert max(shares) - min(shares) <= 1
    assert {entry["asset"] for entry in rows[0]["evidence"]} == {"b", "c", "marts/orders"}


def test_many_assets_keep_their_evidence_short() -> None:
    rows = answers(queries=[{"query_id": "q", "tag": tag(a=[f"a{n}" for n in range(40)])}])
    assert len(rows) == 40
    assert len(rows[0]["evidence"]) == 1
    assert "40 assets" in rows[0]["evidence"][0]["text"]


def test_the_first_that_speaks_wins_and_all_are_kept() -> None:
    estate = Estate(assets=ESTATE.assets, rules=(PrincipalRule("finance", "role", "FIN*"),))
    mark = json.dumps({"tool": "dbt", "node_id": "model.shop.customers", "target_name": "prod"})
    row = answer(estate, tag=tag(a=["marts/orders"], f="x.py:1", c="abc"), mark=mark, role="finance")
    assert short(row) == ("marts/orders", "finance", "tag")
    assert row["confidence"] == 1.0
    assert [(entry["method"], entry["asset"], entry["team"]) for entry in row["evidence"]] == [
        ("tag", "marts/orders", None),
        ("comment", "marts/customers", None),
        ("principal", None, "finance"),
    ]
    assert (row["code_ref"], row["code_version"]) == ("x.py:1", "abc")
    assert (row["environment"], row["purpose"]) == ("production", "build")


def test_a_dbt_node_tells_its_file() -> None:
    estate = Estate(assets=(Asset("orders", dbt_node="model.shop.orders", path="models/orders.sql"),))
    mark = {"tool": "dbt", "node_id": "model.shop.orders", "node_original_file_path": "models/moved.sql"}
    assert answer(estate, mark=json.dumps(mark))["code_ref"] == "models/orders.sql"
    assert answer(mark=json.dumps(mark))["code_ref"] == "models/moved.sql"


def test_a_team_alone_does_not_hide_an_asset() -> None:
    mark = json.dumps({"tool": "dbt", "node_id": "model.shop.orders"})
    row = answer(ESTATE, tag="team=growth", mark=mark)
    assert short(row) == ("marts/orders", "growth", "comment")


TRAITS: list[tuple[dict[str, Any], tuple[str | None, str | None]]] = [
    ({"mark": {"node_id": "test.shop.t", "target_name": "ci_42"}}, ("ci", "test")),
    ({"mark": {"node_id": "seed.shop.s", "target_name": "dev_anna"}}, ("development", "build")),
    ({"mark": {"node_id": "snapshot.shop.s", "target_name": "PROD"}}, ("production", "build")),
    ({"mark": {"node_id": "model.shop.s", "target_name": "elsewhere"}}, (None, "build")),
    ({"mark": {"node_resource_type": "test"}}, (None, "test")),
    ({"labels": {"node_id": "test_shop_t", "target_name": "prod"}}, ("production", "test")),
    ({"labels": {"target_name": "pr_12"}}, ("ci", None)),
    ({"tag": {"app": "costlens"}}, (None, "maintenance")),
    ({"tag": {"_cl": {"n": "test.shop.t"}}}, (None, "test")),
    ({"tag": {"_cl": {"a": ["x"], "o": "airflow"}}}, (None, "build")),
    ({"tag": {"_cl": {"a": ["x"], "o": "py"}}}, (None, None)),
    ({"mark": {"tool": "looker", "user_id": 3}}, (None, "read")),
    ({"labels": {"looker-context-user_id": "3"}}, (None, "read")),
    ({"user": "GITHUB_CI"}, ("ci", None)),
    ({"user": "CIRCE"}, (None, None)),
]


def test_environment_and_purpose() -> None:
    queries = [
        {"query_id": str(number)}
        | {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        for number, (query, _) in enumerate(TRAITS)
    ]
    found = {row["subject_id"]: (row["environment"], row["purpose"]) for row in answers(queries=queries)}
    assert found == {str(number): wanted for number, (_, wanted) in enumerate(TRAITS)}


#: rules (team, field, pattern, valid from, valid to), query, the team it is for
PRINCIPALS: list[tuple[list[tuple[Any, ...]], dict[str, Any], str | None]] = [
    ([("growth", "role", "GROWTH_*")], {"role": "growth_rw"}, "growth"),
    ([("growth", "role", "GROWTH_*")], {"role": "OTHER"}, None),
    ([("a", "pool", "WH"), ("b", "user", "U")], {"pool": "WH", "user": "U"}, "b"),
    ([("a", "role", "*"), ("b", "role", "R"), ("c", "role", "R*")], {"role": "R"}, "b"),
    ([("a", "role", "R*"), ("b", "role", "ROLE*")], {"role": "ROLE_1"}, "b"),
    ([("a", "database", "D")], {"database": "d"}, "a"),
    ([("a", "schema", "S"), ("b", "database", "D")], {"database": "D", "schema": "S"}, "a"),
    ([("a", "account", "acme-?")], {"account": "acme-1"}, "a"),
    ([("a", "label:cost", "x"), ("b", "user", "U")], {"labels": {"cost": "x"}, "user": "U"}, "a"),
    ([("a", "label:cost", "x")], {"tag": {"COST": "X"}}, "a"),
    ([("a", "label:cost", "x")], {"labels": {"cost": "y"}}, None),
    ([("a", "user", "U", date(2026, 10, 11))], {"user": "U"}, None),
    ([("a", "user", "U", date(2026, 10, 10))], {"user": "U"}, "a"),
    ([("a", "user", "U", None, date(2026, 10, 10)), ("b", "user", "*")], {"user": "U"}, "b"),
    ([("a", "label:k", "v", None, date(2026, 10, 11))], {"labels": {"k": "v"}}, "a"),
    ([("a", "label:k", "v", None, date(2026, 10, 10))], {"labels": {"k": "v"}}, None),
]


def test_principal_rules() -> None:
    """Every case has a name space of its own, so that one estate holds the rules of all."""
    rules, queries = [], []
    for number, (listed, query, _) in enumerate(PRINCIPALS):
        rules += [PrincipalRule(team, field, f"{number}-{pattern}", *days) for team, field, pattern, *days in listed]
        own = {
            key: json.dumps({name: f"{number}-{text}" for name, text in value.items()})
            if isinstance(value, dict)
            else f"{number}-{value}"
            for key, value in query.items()
        }
        queries.append({"query_id": str(number), **own})
    rows = answers(Estate(rules=tuple(rules)), queries=queries)
    found = {row["subject_id"]: (row["rule_team"], row["method"], row["confidence"]) for row in rows}
    assert found == {
        str(number): (team, "principal", 0.5) if team else (None, "none", 0.0)
        for number, (_, _, team) in enumerate(PRINCIPALS)
    }


def test_the_client_is_the_application_of_the_session() -> None:
    (row,) = answers(
        Estate(rules=(PrincipalRule("bi", "client", "Tableau*"),)),
        queries=[{"query_id": "q", "session_id": "s"}],
        sessions=[{"session_id": "s", "application": "TableauServer", "day": TODAY - 2}],
    )
    assert row["rule_team"] == "bi"


def test_keys_and_environments_are_configured() -> None:
    settings = Settings(asset_keys=["model"], team_keys=["squad"], targets={"blue": ["b*"]}, users={})
    row = answer(ESTATE, settings, tag="model=marts/orders;squad=growth;team=x", mark='{"target_name":"b1"}', user="ci")
    assert short(row) == ("marts/orders", "growth", "tag")
    assert row["environment"] == "blue"
