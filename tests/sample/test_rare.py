"""What is rare in real accounts, and breaks cost tools, is in the sample: one test each."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from .reading import hour_of, jobs, queries, read, unique


def utc(day: int, hour: int = 0, month: int = 10) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=timezone.utc)


def pool_days(pool: str) -> dict[date, Decimal]:
    found: dict[date, Decimal] = defaultdict(Decimal)
    for row in read("snowflake/warehouse_metering_history"):
        if row["WAREHOUSE_NAME"] == pool:
            found[row["START_TIME"].date()] += row["CREDITS_USED_COMPUTE"]
    return found


def test_a_day_with_cloud_services_above_ten_per_cent() -> None:
    above = [r for r in read("snowflake/metering_daily_history") if r["CREDITS_BILLED"] > r["CREDITS_USED_COMPUTE"]]
    assert [row["USAGE_DATE"] for row in above] == [date(2026, 10, 18)]


def test_an_adaptive_pool_whose_queries_are_billed_one_by_one() -> None:
    adaptive = {q["QUERY_ID"] for q in queries() if q["WAREHOUSE_SIZE"] == "ADAPTIVE"}
    listed = read("snowflake/query_metering_history")
    assert {row["QUERY_ID"] for row in listed} == adaptive
    assert len(listed) > len(adaptive)  # some ran in two hours
    assert not adaptive & {row["QUERY_ID"] for row in read("snowflake/query_attribution_history")}


def test_two_clusters_at_once() -> None:
    clusters = Counter(q["CLUSTER_NUMBER"] for q in queries() if q["WAREHOUSE_NAME"] == "BI_WH")
    assert clusters[2] > 20
    events = {row["EVENT_NAME"] for row in read("snowflake/warehouse_events_history")}
    assert {"SPINUP_CLUSTER", "SPINDOWN_CLUSTER"} <= events


def test_a_resize_within_an_hour_while_a_query_runs() -> None:
    resizes = [r for r in read("snowflake/warehouse_events_history") if r["EVENT_NAME"] == "RESIZE_WAREHOUSE"]
    assert len({(hour_of(r["TIMESTAMP"]), r["WAREHOUSE_ID"]) for r in resizes}) == 1
    first, last = (row["TIMESTAMP"] for row in resizes)
    assert last - first < timedelta(hours=1)
    over = [
        q for q in queries() if q["WAREHOUSE_NAME"] == "CATALOG_ML_WH" and q["started"] < first < last < q["END_TIME"]
    ]
    assert len(over) == 1


def test_a_forty_hour_query() -> None:
    longest = max(queries(), key=lambda q: q["EXECUTION_TIME"])
    assert timedelta(hours=40) < longest["END_TIME"] - longest["started"] < timedelta(hours=41)
    assert {longest["started"].day, longest["END_TIME"].day} == {9, 11}


def test_an_hour_with_queries_that_was_never_metered() -> None:
    metered = {(r["WAREHOUSE_NAME"], r["START_TIME"]) for r in read("snowflake/warehouse_metering_history")}
    used = {(q["WAREHOUSE_NAME"], hour_of(q["started"])) for q in queries() if q["WAREHOUSE_SIZE"]}
    assert used - metered == {("PAYMENTS_WH", utc(13, 10))}


def test_a_day_that_is_idle_from_end_to_end() -> None:
    assert pool_days("LEGACY_WH")[date(2026, 10, 25)] == 24
    assert not [q for q in queries() if q["WAREHOUSE_NAME"] == "LEGACY_WH"]


def test_borrowed_slots() -> None:
    used: dict[datetime, float] = defaultdict(float)
    for row in read("bigquery/region-us/jobs_timeline"):
        if (row["reservation_id"] or "").endswith(".bi"):
            used[row["period_start"]] += row["period_slot_ms"] / 3_600_000
    assert sum(hours > 20 for hours in used.values()) > 10  # of 20 slot-hours paid


def test_rows_that_are_there_twice() -> None:
    for name, key in (
        ("snowflake/query_history", "QUERY_ID"),
        ("snowflake/query_attribution_history", "QUERY_ID"),
        ("bigquery/region-us/jobs", "job_id"),
    ):
        assert len(unique(read(name), key)) < len(read(name))


def test_late_rows_and_a_restated_day() -> None:
    views = Counter((row["view"], row["before"] is None) for row in read("arrivals"))
    late = {view for view, is_new in views if is_new}
    assert late == {
        "query_history",
        "query_attribution_history",
        "warehouse_metering_history",
        "jobs",
        "billing_export",
    }
    restated = {view for view, is_new in views if not is_new}
    assert restated == {"warehouse_metering_history", "metering_daily_history", "usage_in_currency_daily"}


def test_a_query_over_each_end_of_the_month() -> None:
    for midnight in (utc(1), utc(1, month=11)):
        assert [q for q in queries() if q["started"] < midnight < q["END_TIME"]]
    pacific = utc(1, 7, month=11)
    assert [job for job in jobs() if job["start_time"] < pacific < job["end_time"]]


def test_the_pacific_day_of_25_hours() -> None:
    ended = {job["end_time"] for job in jobs() if utc(1, 7, 11) <= job["end_time"] < utc(2, 8, 11)}
    assert any(instant >= utc(2, 7, 11) for instant in ended)


def test_tests_and_ci_runs_of_dbt() -> None:
    marks = Counter()  # type: Counter[tuple[str, str]]
    for row in read("truth"):
        if row["tool"] == "dbt":
            marks[(row["environment"], row["purpose"])] += 1
    assert set(marks) == {
        ("production", "build"),
        ("production", "test"),
        ("ci", "build"),
        ("ci", "test"),
        ("development", "build"),
    }
    ci = [q for q in queries() if q["USER_NAME"] == "DBT_CI_SVC"]
    assert all('"target_name": "ci"' in q["QUERY_TEXT"] for q in ci)


def test_failures_and_retries() -> None:
    failed = [q for q in queries() if q["EXECUTION_STATUS"] == "FAIL" and q["WAREHOUSE_SIZE"]]
    codes = {q["ERROR_CODE"] for q in failed}
    assert {"300005", "000625", "000604"} <= codes
    again = [q for q in queries() if "churn_scores" in q["QUERY_TEXT"] and q["QUERY_TYPE"] == "CREATE_TABLE_AS_SELECT"]
    days = Counter(q["START_TIME"].date() for q in again if q["USER_NAME"] == "DBT_PROD_SVC")
    assert days[date(2026, 10, 4)] == 2


def test_a_model_whose_cost_quadruples_with_a_commit() -> None:
    seconds: dict[bool, list[int]] = defaultdict(list)
    commits: dict[bool, set[str]] = defaultdict(set)
    hashes: dict[bool, set[str]] = defaultdict(set)
    for q in queries():
        if "model.encore.artist_daily_streams" in q["QUERY_TEXT"] and q["USER_NAME"] == "DBT_PROD_SVC":
            is_after = q["START_TIME"].date() >= date(2026, 10, 19)
            seconds[is_after].append(q["EXECUTION_TIME"])
            commits[is_after].add(json.loads(q["QUERY_TAG"])["git_sha"])
            hashes[is_after].add(q["QUERY_PARAMETERIZED_HASH"])
    before, after = (sum(seconds[key]) / len(seconds[key]) for key in (False, True))
    assert 3.5 < after / before < 4.5
    assert commits == {False: {"51d07e4"}, True: {"9f3c2ab"}}
    assert not hashes[False] & hashes[True]


def test_own_tags_of_dagster_on_both_warehouses() -> None:
    tags = [json.loads(q["QUERY_TAG"])["_cl"] for q in queries() if q["USER_NAME"] == "DAGSTER_SVC"]
    assert {tag["a"][0] for tag in tags} >= {"catalog/track_embeddings", "content/editorial_picks"}
    labels = [{pair["key"]: pair["value"] for pair in job["labels"]} for job in jobs()]
    assert any(found.get("cl_o") == "dagster" for found in labels)


def test_untagged_questions_dashboards_and_loads() -> None:
    tools = Counter(row["tool"] for row in read("truth"))
    assert min(tools[tool] for tool in ("adhoc", "looker", "tableau", "fivetran", "notebook", "atlan")) > 100
    assert not any(q["QUERY_TAG"] for q in queries() if q["ROLE_NAME"] == "ANALYST")


def test_a_procedure_with_children() -> None:
    weights = {row["QUERY_ID"]: row for row in read("snowflake/query_attribution_history")}
    calls = {q["QUERY_ID"]: q for q in queries() if q["QUERY_TYPE"] == "CALL"}
    children = [row for row in weights.values() if row["PARENT_QUERY_ID"]]
    assert {row["PARENT_QUERY_ID"] for row in children} == set(calls)
    assert len(children) == 3 * len(calls)
    for row in children:
        call = calls[row["PARENT_QUERY_ID"]]
        assert call["started"] < row["START_TIME"] < row["END_TIME"] < call["END_TIME"]
        assert row["QUERY_TAG"] == ""


def test_result_cache_ddl_and_short_statements() -> None:
    without = [q for q in queries() if q["WAREHOUSE_SIZE"] is None]
    assert {"SELECT", "SHOW", "CREATE_TABLE", "ALTER_SESSION"} <= {q["QUERY_TYPE"] for q in without}
    assert any(q["WAREHOUSE_NAME"] for q in without)
    short = {q["QUERY_ID"] for q in queries() if q["WAREHOUSE_SIZE"] and q["EXECUTION_TIME"] <= 100}
    assert len(short) > 50
    assert not short & {row["QUERY_ID"] for row in read("snowflake/query_attribution_history")}


def test_the_kinds_of_jobs() -> None:
    kinds: dict[str, Any] = {
        "script": [j for j in jobs() if j["statement_type"] == "SCRIPT"],
        "child": [j for j in jobs() if j["parent_job_id"]],
        "cached": [j for j in jobs() if j["cache_hit"]],
        "failed": [j for j in jobs() if (j["error_result"] or {}).get("reason") == "invalidQuery"],
        "cancelled": [j for j in jobs() if (j["error_result"] or {}).get("reason") == "stopped"],
        "hidden": [j for j in jobs() if j["total_bytes_billed"] is None],
        "load": [j for j in jobs() if j["reservation_id"] == "default-pipeline" and j["job_type"] == "LOAD"],
    }
    assert all(len(found) >= 3 for found in kinds.values()), {kind: len(found) for kind, found in kinds.items()}
    assert all(job["statement_type"] is None for job in kinds["load"])
    assert any(job["total_bytes_billed"] for job in kinds["cancelled"])


def test_other_rows_of_the_bill() -> None:
    assert {row["cost_type"] for row in read("bigquery/billing_export")} == {"regular", "adjustment"}
    balances = Counter(
        r["USAGE_DATE"] for r in read("snowflake/usage_in_currency_daily") if r["RATING_TYPE"] == "compute"
    )
    assert balances[date(2026, 10, 6)] == balances[date(2026, 10, 5)] + 1  # two balances paid on one day
    assert any(isinstance(row["CREDITS_USED"], str) for row in read("snowflake/serverless_task_history"))
    assert any(row["DELETED"] for row in read("snowflake/table_storage_metrics"))
