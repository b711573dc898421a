"""Daily keeps the money: every charge of the day once, split by shares, with each query counted once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.daily import daily
from costlens.engine import Engine
from costlens.model import ATTRIBUTIONS, CHARGES, QUERIES, TABLES, Table

DAY = 20_000
HOUR = DAY * 86_400_000_000


def table(engine: Engine, model: Table, rows: list[dict[str, Any]]) -> Any:
    columns = {c.name: [row.get(c.name) for row in rows] for c in model.columns}
    return engine.register(
        pa.table({name: pa.array(values) for name, values in columns.items()}), model.name, model.columns
    )


def charge(cost: str, **other: Any) -> dict[str, Any]:
    base = {
        "source": "a",
        "day": DAY,
        "hour": HOUR,
        "billing_period": "2024-10",
        "category": "query",
        "currency": "USD",
    }
    return {**base, "units": Decimal(cost) / 2, "cost": Decimal(cost), "status": "final", "unit": "credits", **other}


def told(subject: str, asset: str | None, share: float, kind: str = "query", day: int = DAY) -> dict[str, Any]:
    return {
        "source": "a",
        "day": day,
        "subject_kind": kind,
        "subject_id": subject,
        "asset": asset,
        "share": share,
        "method": "tag",
    }


def made(
    charges: list[dict[str, Any]],
    attributions: list[dict[str, Any]],
    queries: list[dict[str, Any]],
    **more: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    with Engine() as engine:
        facts = {"queries": table(engine, QUERIES, queries)}
        facts |= {name: table(engine, TABLES[name], listed) for name, listed in more.items()}
        rows = daily(
            facts,
            table(engine, CHARGES, charges),
            table(engine, ATTRIBUTIONS, attributions),
            [DAY],
            "UTC",
            engine,
        )
        return engine.rows(rows)


def test_a_query_of_two_hours_and_two_assets_counts_once_and_keeps_its_money() -> None:
    charges = [charge("1.5", query_id="q"), charge("0.5", query_id="q", hour=HOUR + 1)]
    attributions = [told("q", "x", 0.5), told("q", "y", 0.5)]
    queries = [{"source": "a", "day": DAY, "query_id": "q", "ended_at": HOUR + 1, "execution_ms": 4000, "user": "u"}]
    rows = made(charges, attributions, queries)
    by_asset = {name: [row for row in rows if row["asset"] == name] for name in ("x", "y")}
    for mine in by_asset.values():
        assert sum(row["cost"] for row in mine) == Decimal(1)
        assert sum(row["queries"] for row in mine) == 0.5
        assert sum(row["seconds"] for row in mine) == 2.0
        assert {row["user"] for row in mine} == {"u"}


def test_an_object_attributed_on_two_days_is_not_charged_twice() -> None:
    attributions = [told("t", "x", 1.0, "object"), told("t", "x", 1.0, "object", DAY + 1)]
    rows = made([charge("3", category="storage", object_id="t")], attributions, [])
    assert [row["cost"] for row in rows] == [Decimal(3)]


def test_what_nobody_is_told_for_stays() -> None:
    rows = made([charge("2", category="idle", pool_id="w"), charge("1", category="overhead")], [], [])
    assert sorted(row["cost"] for row in rows) == [Decimal(1), Decimal(2)]
    assert all(row["asset"] is None and row["method"] == "none" for row in rows)


def runs(queries: list[dict[str, Any]], *assets: str, **more: list[dict[str, Any]]) -> dict[str, int]:
    """Return runs by asset, where every query builds all `assets`."""
    asked = [{"source": "a", "day": DAY, "ended_at": HOUR + n, **query} for n, query in enumerate(queries)]
    share = 1 / len(assets)
    given = [{**told(query["query_id"], asset, share), "purpose": "build"} for query in queries for asset in assets]
    rows = made([], given, asked, **more)
    return {asset: sum(row["runs"] for row in rows if row["asset"] == asset) for asset in assets}


def test_queries_that_carry_one_run_are_one_run_of_each_asset_they_build() -> None:
    tags = ['{"_cl":{"a":["x"],"r":"one"}}', '{"own":1,"_cl":{"r":"one"}}', '{"_cl":{"r":"two"}}']
    assert runs([{"query_id": f"q{n}", "tag": tag} for n, tag in enumerate(tags)], "x", "y") == {"x": 2, "y": 2}


def test_labels_and_comments_carry_a_run_too() -> None:
    queries = [
        {"query_id": "q1", "labels": '{"dbt_invocation_id":"one"}'},
        {"query_id": "q2", "mark": '{"app": "dbt", "invocation_id": "one"}'},
        {"query_id": "q3", "mark": '{"invocation_id":"two"}', "labels": "{}", "tag": "adhoc"},
    ]
    assert runs(queries, "x") == {"x": 2}


def test_where_nobody_names_a_run_a_call_or_a_transaction_is_one() -> None:
    call = [{"query_id": "q1"}, {"query_id": "q2", "root_id": "q1"}, {"query_id": "q3", "root_id": "q1"}]
    load = [{"query_id": "q4", "transaction_id": "7"}, {"query_id": "q5", "transaction_id": "7"}]
    alone = [{"query_id": "q6", "transaction_id": "0"}, {"query_id": "q7", "transaction_id": "0"}]
    assert runs([*call, *load, *alone], "x") == {"x": 4}


def test_what_a_call_issued_is_of_its_run_also_where_only_its_usage_tells_the_caller() -> None:
    queries = [
        {"query_id": "q1", "tag": '{"_cl":{"r":"one"}}'},
        {"query_id": "q2"},
        {"query_id": "q3", "root_id": "q1"},
    ]
    usage = [{"source": "a", "day": DAY, "query_id": "q2", "root_id": "q1"}]
    assert runs(queries, "x", query_usage=usage) == {"x": 1}
    assert runs(queries, "x") == {"x": 2}


def test_what_an_orchestrator_says_is_a_run_counts_where_the_query_says_nothing() -> None:
    said = {"source": "dbt", "day": DAY, "asset": "x", "orchestrator": "dbt"}
    materializations = [
        {**said, "run_id": "one", "query_ids": '["p:us.q1","q2"]'},
        {**said, "run_id": "two", "query_ids": '["q3"]'},
    ]
    queries = [{"query_id": name} for name in ("p:us.q1", "q2", "q3", "q4")]
    assert runs(queries, "x", materializations=materializations) == {"x": 3}
    assert runs(queries, "x", materializations=[]) == {"x": 4}


def test_reads_and_tests_are_no_runs_and_runs_hold_no_money() -> None:
    queries = [{"source": "a", "day": DAY, "query_id": name, "ended_at": HOUR} for name in "qr"]
    attributions = [{**told("q", "x", 1.0), "purpose": "read"}, {**told("r", "x", 1.0), "purpose": "test"}]
    rows = made([charge("2", query_id="q")], attributions, queries)
    assert sum(row["runs"] for row in rows) == 0
    assert sum(row["cost"] for row in rows) == Decimal(2)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.decimals("0", "1e6", places=12), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12
    )
)
def test_daily_adds_up_to_the_charges(lines: list[tuple[Decimal, str, bool]]) -> None:
    charges = [
        charge(str(cost), query_id=name, status="final" if final else "provisional") for cost, name, final in lines
    ]
    attributions = [told("a", "x", 0.25), told("a", "y", 0.75), told("b", "x", 1.0)]
    rows = made(charges, attributions, [])
    total = sum((cost for cost, _, _ in lines), Decimal(0))
    # A split may move the 12th place of each part.
    assert abs(sum((row["cost"] for row in rows), Decimal(0)) - total) <= Decimal("1e-12") * 2 * len(lines)
    open_money = sum((cost for cost, _, final in lines if not final), Decimal(0))
    assert abs(sum((row["provisional_cost"] for row in rows), Decimal(0)) - open_money) <= Decimal("1e-12") * 2 * len(
        lines
    )
