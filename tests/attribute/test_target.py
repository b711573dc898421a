"""What a statement writes is its asset's: directly, through temporary and staging tables, by swaps, and as a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from costlens.attribute.deeds import deeds_of, kinds_of
from costlens.attribute.tools import Tools
from costlens.engine import Engine
from costlens.estate import Asset, Estate, Ownership, PrincipalRule
from costlens.lineage.shapes import lineage_of
from costlens.masking import mask_text, shape_of
from costlens.settings.attribution import Settings

from .world import TODAY, Row, answers_of, facts_of, short

if TYPE_CHECKING:
    import ibis.expr.types as ir

ESTATE = Estate(
    assets=(
        Asset("orders", relations=("ANALYTICS.MARTS.ORDERS",)),
        Asset("customers", relations=("ANALYTICS.MARTS.CUSTOMERS",)),
        Asset("events", relations=("acme-data.raw.events_*",)),
    ),
    ownership=(Ownership("orders", "growth"), Ownership("customers", "finance")),
)


def told(*queries: Row, estate: Estate = ESTATE, dialect: str = "snowflake") -> dict[str, tuple[Any, ...]]:
    """Attribute queries with `text`; return asset, team and method of each by its id."""
    rows = rows_of(*queries, estate=estate, dialect=dialect)
    return {row["subject_id"]: short(row) for row in rows}


def rows_of(*queries: Row, estate: Estate = ESTATE, dialect: str = "snowflake") -> list[dict[str, Any]]:
    with Engine(threads=2) as engine:
        facts = facts_with_deeds(engine, queries, dialect=dialect)
        return answers_of(engine, facts, estate, Settings(), {query.get("day", TODAY) for query in queries})


def facts_with_deeds(
    engine: Engine,
    queries: Sequence[Row],
    held: Sequence[tuple[int, str]] = (),
    dialect: str = "snowflake",
    accesses: Sequence[Row] = (),
    sessions: Sequence[Row] = (),
) -> dict[str, ir.Table]:
    """Return queries with `text` as facts, with their deeds; `held` is what the first one's shape was for on other days."""
    place = {"database": "ANALYTICS", "schema": "MARTS", "session_id": "s"}
    listed = [
        {**place, "started_at": at, **query, "shape": shape_of(query["text"])} for at, query in enumerate(queries)
    ]
    shapes = [{"day": q.get("day", TODAY), "shape": q["shape"], "text": mask_text(q["text"], dialect)} for q in listed]
    assets = [{"day": day, "shape": listed[0]["shape"], "asset": asset} for day, asset in held]
    told = {"lineage": [], "shape_assets": assets, "accesses": accesses, "sessions": sessions}
    facts = facts_of(engine, {"queries": listed, "shapes": shapes, **told})
    lineage = lineage_of(facts["shapes"], facts["lineage"], dialect, "1", Tools([]).marks, engine)
    facts["lineage"] = lineage
    return {**facts, "deeds": deeds_of(facts), "kinds": kinds_of(facts)}


@pytest.mark.parametrize(
    "text",
    [
        "insert into orders select 1",
        "insert into marts.orders select 1",
        'INSERT INTO "ANALYTICS"."MARTS"."ORDERS" SELECT 1',
        "create or replace table orders__dbt_tmp as select * from x",
        "merge into orders using x on true when matched then delete",
        "copy into orders from @stage/x",
        "alter table orders swap with orders_new",
        "delete from orders",
        "truncate table orders",
        "drop table orders",
        "alter dynamic table orders refresh",
        "begin let x := 1; if (x > 0) then update orders set a = 1; end if; end",
    ],
)
def test_a_statement_is_for_what_it_writes(text: str) -> None:
    assert told({"query_id": "q", "text": text}) == {"q": ("orders", None, "target")}


def test_a_name_is_completed_by_where_the_query_stood() -> None:
    elsewhere = {"query_id": "q", "text": "insert into orders select 1", "schema": "OTHER"}
    assert told(elsewhere) == {"q": (None, None, "none")}


def test_several_targets_share() -> None:
    text = "insert all when a then into orders when b then into customers select a, b from x"
    rows = rows_of({"query_id": "q", "text": text})
    assert [(row["asset"], row["share"]) for row in rows] == [("customers", 0.5), ("orders", 0.5)]


def test_what_the_vendor_says_was_written_comes_before_the_text() -> None:
    query = {"query_id": "q", "text": "insert into customers select 1", "targets": '["ANALYTICS.MARTS.ORDERS"]'}
    assert told(query) == {"q": ("orders", None, "target")}


def test_what_access_history_says_was_written_and_read_comes_before_the_text() -> None:
    query = {"query_id": "q", "text": "create temporary table t as select * from identifier($x)", "user": "BI_SVC"}
    said = {"query_id": "q", "targets": '["ANALYTICS.MARTS.T"]', "reads": '["ANALYTICS.MARTS.ORDERS"]'}
    with Engine(threads=2) as engine:
        facts = facts_with_deeds(engine, [query], accesses=[said])
        (row,) = answers_of(engine, facts, ESTATE, Settings(), {TODAY})
    assert short(row) == ("orders", None, "read")


def test_date_shards_of_bigquery_are_one_asset() -> None:
    query = {"query_id": "q", "text": "insert into `acme-data.raw.events_20261001` select 1"}
    assert told(query, dialect="bigquery") == {"q": ("events", None, "target")}


def test_temporary_and_staging_tables_are_followed_to_where_they_end() -> None:
    found = told(
        {"query_id": "stage", "text": "copy into raw.staging.load_1 from @x"},
        {"query_id": "temp", "text": "create temporary table t as select * from raw.staging.load_1"},
        {"query_id": "aside", "text": "create temporary table u as select 1"},
        {"query_id": "end", "text": "merge into orders using t on true when matched then delete"},
        {"query_id": "drop", "text": "drop table raw.staging.load_1"},
        {"query_id": "drop_temp", "text": "drop table t"},
        {"query_id": "other", "text": "create temporary table t as select 1", "session_id": "another"},
    )
    assert {name for name, answer in found.items() if answer == ("orders", None, "target")} == {
        "stage",
        "temp",
        "end",
        "drop_temp",
    }
    assert found["aside"] == found["other"] == (None, None, "none")


def test_a_table_that_is_made_anew_begins_anew() -> None:
    found = told(
        {"query_id": "a", "text": "create or replace temporary table t as select 1"},
        {"query_id": "b", "text": "insert into orders select * from t"},
        {"query_id": "c", "text": "create or replace temporary table t as select 2"},
        {"query_id": "d", "text": "insert into customers select * from t"},
    )
    assert {name: answer[0] for name, answer in found.items()} == {
        "a": "orders",
        "b": "orders",
        "c": "customers",
        "d": "customers",
    }


def test_swap_of_a_staging_table() -> None:
    found = told(
        {"query_id": "a", "text": "create table orders_build as select 1"},
        {"query_id": "b", "text": "alter table orders swap with orders_build"},
        {"query_id": "c", "text": "create table customers_build as select 1"},
        {"query_id": "d", "text": "alter table customers_build rename to customers"},
    )
    assert [answer[0] for answer in found.values()] == ["orders", "orders", "customers", "customers"]


def test_jobs_of_a_script_are_one_thread() -> None:
    found = told(
        {"query_id": "a", "text": "create temp table t as select 1", "session_id": None, "parent_id": "script"},
        {"query_id": "b", "text": "insert orders select * from t", "session_id": None, "parent_id": "script"},
        dialect="bigquery",
    )
    assert found == {"a": ("orders", None, "target"), "b": ("orders", None, "target")}


def test_a_table_is_followed_over_midnight_and_no_further() -> None:
    texts = ("create temporary table t as select 1", "insert into orders select * from t")
    for days, method in ((1, "target"), (2, "none")):
        found = told(
            {"query_id": "a", "text": texts[0], "day": TODAY - days}, {"query_id": "b", "text": texts[1], "day": TODAY}
        )
        assert found["a"][2] == method


def test_a_copy_in_ci_or_of_a_person_is_the_assets_cost_in_that_environment() -> None:
    rows = rows_of(
        {"query_id": "ci", "text": "create table analytics_ci.pr_12.orders as select 1"},
        {"query_id": "dev", "text": "create table analytics_dev.dbt_ann.orders__dbt_tmp as select 1"},
        {"query_id": "prod", "text": "create table other.place.orders as select 1"},
    )
    assert [(r["subject_id"], r["asset"], r["environment"], r["confidence"], r["purpose"]) for r in rows] == [
        ("ci", "orders", "ci", 0.8, "build"),
        ("dev", "orders", "development", 0.8, "build"),
        ("prod", None, None, 0.0, "build"),
    ]


def test_a_copy_of_a_name_that_two_assets_have_is_nobodys() -> None:
    two = Estate(assets=(Asset("a", relations=("X.A.T",)), Asset("b", relations=("X.B.T",))))
    found = told({"query_id": "q", "text": "create table ci.pr_1.t as select 1"}, estate=two)
    assert found == {"q": (None, None, "none")}


def test_a_tag_wins_over_the_target_and_both_are_told() -> None:
    tag = '{"_cl":{"v":1,"a":["customers"]}}'
    (row,) = rows_of({"query_id": "q", "text": "insert into orders select 1", "tag": tag})
    assert short(row) == ("customers", None, "tag")
    assert [entry["asset"] for entry in row["evidence"]] == ["customers", "orders"]


def test_a_read_by_a_service_costs_for_what_it_reads() -> None:
    rows = rows_of({"query_id": "q", "text": "select * from orders join customers", "user": "LOOKER_SVC"})
    assert [(row["asset"], row["share"], row["method"], row["purpose"]) for row in rows] == [
        ("customers", 0.5, "read", "read"),
        ("orders", 0.5, "read", "read"),
    ]


def test_a_persons_read_is_the_persons() -> None:
    for user in ("ANN.LEE", "ann@example.org", "UNKNOWN"):
        (row,) = rows_of({"query_id": "q", "text": "select * from orders", "user": user})
        assert short(row) == (None, None, "none")
        assert row["purpose"] == "read"


def test_a_read_is_paid_by_the_team_that_asked() -> None:
    rules = (PrincipalRule("finance", "role", "FINANCE_*"), PrincipalRule("growth", "role", "GROWTH_*"))
    estate = Estate(assets=ESTATE.assets, ownership=ESTATE.ownership, rules=rules)
    query = {"query_id": "q", "text": "select * from orders", "user": "BI_SVC"}
    assert told({**query, "role": "FINANCE_BI"}, estate=estate) == {"q": (None, "finance", "principal")}
    assert told({**query, "role": "GROWTH_BI"}, estate=estate) == {"q": ("orders", "growth", "read")}


@pytest.mark.parametrize(
    ("text", "purpose", "environment"),
    [
        ("select 1", "read", None),
        ("show tables", "maintenance", None),
        ("alter session set query_tag = 'x'", "maintenance", None),
        ("insert into x.y.z select 1", "build", None),
        ("create temporary table t as select * from x", "read", None),
        ("insert into dev_ann.y.z select 1", "build", "development"),
        ("select * from orders -- ci", "read", None),
    ],
)
def test_purpose_and_environment_where_nobody_says(text: str, purpose: str, environment: str | None) -> None:
    (row,) = rows_of({"query_id": "q", "text": text})
    assert (row["purpose"], row["environment"]) == (purpose, environment)
