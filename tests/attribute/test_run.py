"""Method `run`: what an orchestrator says of the queries that it issued."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costlens.estate import Asset, Estate

from .world import TODAY, answers, short

ESTATE = Estate(
    assets=(
        Asset("orders", relations=("SHOP.MARTS.ORDERS",), dbt_node="model.shop.orders", path="models/orders.sql"),
        Asset("customers", relations=("shop-1.marts.customers",), dbt_node="model.shop.customers"),
        Asset("test.shop.orders_unique", kind="test", dbt_node="test.shop.orders_unique", upstream=("orders",)),
        Asset("loads/nightly", kind="job"),
    )
)


def told(run: str, asset: str | None, *ids: str, source: str = "dbt", **more: Any) -> dict[str, Any]:
    return {
        "source": source,
        "run_id": run,
        "asset": asset,
        "orchestrator": source,
        "query_ids": json.dumps(ids),
        **more,
    }


def found(queries: list[str], materializations: list[dict[str, Any]], runs: list[dict[str, Any]] | None = None) -> Any:
    rows = answers(
        ESTATE,
        queries=[{"query_id": query} for query in queries],
        runs=runs or [],
        materializations=materializations,
    )
    return [(row["subject_id"], *short(row)[::2], row["share"]) for row in rows]


def test_every_statement_of_a_node_is_its_assets() -> None:
    mats = [told("i", "model.shop.orders", "q1", "q2"), told("i", "model.shop.customers", "q3")]
    assert found(["q1", "q2", "q3", "q4"], mats) == [
        ("q1", "orders", "run", 1.0),
        ("q2", "orders", "run", 1.0),
        ("q3", "customers", "run", 1.0),
        ("q4", None, "none", 1.0),
    ]


def test_a_test_is_for_what_it_tests_and_says_so() -> None:
    rows = answers(
        ESTATE,
        queries=[{"query_id": "q"}],
        runs=[],
        materializations=[told("i", "test.shop.orders_unique", "q")],
    )
    assert [(row["asset"], row["purpose"], row["confidence"]) for row in rows] == [("orders", "test", 1.0)]


@pytest.mark.parametrize(
    ("here", "as_told", "is_one"),
    [
        ("shop-1:EU.job_a", "job_a", True),
        ("shop-1:EU.job_a", "shop-1:EU.job_a", True),
        ("shop-1:EU.job_a", "shop-1.EU.job_a", False),
        ("example.org:shop:EU.job_a", "example.org:shop:EU.job_a", True),
        ("shop-1:EU.job_a", "shop-2:EU.job_a", False),
        ("shop-1:europe-west1.job_a", "shop-1:europe-west1.job_a", True),
        ("01b8ea94-0412-63d9", "01b8ea94-0412-63d9", True),
        ("01b8ea94-0412-63d9", "01b8ea94-0412-63da", False),
    ],
)
def test_ids_are_one_in_both_spellings_of_bigquery(here: str, as_told: str, is_one: bool) -> None:
    asked = found([here], [told("r", "orders", as_told, source="openlineage")])
    assert asked == [(here, "orders" if is_one else None, "run" if is_one else "none", 1.0)]


def test_several_assets_share_and_known_ones_come_before_unknown() -> None:
    mats = [
        told("r", "snowflake://org-acct/shop.marts.orders", source="openlineage"),
        told("r", "bigquery://shop-1.marts.customers", source="openlineage"),
        told("r", "s3://bucket/else", source="openlineage"),
        told("r", None, "q", source="openlineage"),
    ]
    assert found(["q"], mats) == [("q", "customers", "run", 0.5), ("q", "orders", "run", 0.5)]


def test_a_run_without_assets_is_for_those_of_its_parent_else_for_its_job() -> None:
    mats = [
        told("child", None, "q1", source="ol"),
        told("task", "orders", source="ol"),
        told("lonely", None, "q2", source="ol"),
        told("strange", None, "q3", source="ol"),
        told("elsewhere", None, "q4", source="other"),
    ]
    runs = [
        {"source": "ol", "run_id": "child", "parent_id": "task", "job": "loads.nightly.query.1"},
        {"source": "ol", "run_id": "task", "job": "loads.nightly"},
        {"source": "ol", "run_id": "lonely", "job": "loads.nightly.query.2"},
        {"source": "ol", "run_id": "strange", "job": "nobody.knows"},
        {"source": "other", "run_id": "elsewhere", "parent_id": "task", "job": "loads.nightly"},
    ]
    assert found(["q1", "q2", "q3", "q4"], mats, runs) == [
        ("q1", "orders", "run", 1.0),
        ("q2", "loads/nightly", "run", 1.0),
        ("q3", "nobody.knows", "run", 1.0),
        ("q4", "loads/nightly", "run", 1.0),
    ]


def test_a_tag_comes_first_and_what_the_run_says_is_kept() -> None:
    (row,) = answers(
        ESTATE,
        queries=[{"query_id": "q", "tag": '{"_cl":{"v":1,"a":["customers"]}}'}],
        runs=[],
        materializations=[told("i", "model.shop.orders", "q")],
    )
    assert short(row) == ("customers", None, "tag")
    assert [(e["method"], e["asset"]) for e in row["evidence"]] == [("tag", "customers"), ("run", "orders")]


def test_what_ran_days_away_says_nothing_of_a_query() -> None:
    mats = [told("i", "orders", "q1", day=TODAY - 3), told("i", "customers", "q2", day=TODAY - 4)]
    assert found(["q1", "q2"], mats) == [("q1", "orders", "run", 1.0), ("q2", None, "none", 1.0)]
