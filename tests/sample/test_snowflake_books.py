"""The Snowflake export adds up as the vendor's documentation says, checked from its files alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from .reading import Rows, hour_of, queries, read, unique

RATES = {"X-Small": 1, "Small": 2, "Medium": 4, "Large": 8, "X-Large": 16, "2X-Large": 32}
END = datetime(2026, 11, 4, tzinfo=timezone.utc)
UNMETERED = ("PAYMENTS_WH", datetime(2026, 10, 13, 10, tzinfo=timezone.utc))
PRICES = {"AI_SERVICES": Decimal("2.20"), "STORAGE": Decimal("23.00"), "DATA_TRANSFER": Decimal("20.00")}
NAMES = {"AUTO_CLUSTERING": "AUTOMATIC_CLUSTERING", "PIPE": "SNOWPIPE"}
Span = tuple[datetime, datetime]


def metering() -> Rows:
    return unique(read("snowflake/warehouse_metering_history"), "WAREHOUSE_NAME", "START_TIME")


def uptimes(pool: str) -> dict[int, list[Span]]:
    """Return when each cluster was up, from the events."""
    started: dict[int, datetime] = {}
    spans: dict[int, list[Span]] = defaultdict(list)
    for event in read("snowflake/warehouse_events_history"):
        if event["WAREHOUSE_NAME"] != pool:
            continue
        cluster = event["CLUSTER_NUMBER"]
        if event["EVENT_NAME"] in ("RESUME_WAREHOUSE", "SPINUP_CLUSTER"):
            started[cluster] = event["TIMESTAMP"]
        elif event["EVENT_NAME"] in ("SUSPEND_WAREHOUSE", "SPINDOWN_CLUSTER"):
            spans[cluster].append((started.pop(cluster), event["TIMESTAMP"]))
    assert not started
    return spans


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the union of spans: when a cluster was busy with anything."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def seconds_per_hour(spans: Iterable[Span]) -> dict[datetime, float]:
    found: dict[datetime, float] = defaultdict(float)
    for start, end in spans:
        while start < end:
            stop = min(end, hour_of(start) + timedelta(hours=1))
            found[hour_of(start)] += (stop - start).total_seconds()
            start = stop
    return found


@pytest.mark.parametrize("pool", ["TRANSFORM_WH", "BI_WH", "ADHOC_WH", "PAYMENTS_WH", "FINANCE_WH", "RESEARCH_WH"])
def test_compute_is_the_time_that_clusters_were_up_and_attributed_the_time_that_they_were_busy(pool: str) -> None:
    ran = [q for q in queries() if q["WAREHOUSE_NAME"] == pool and q["WAREHOUSE_SIZE"]]
    rate = RATES[ran[0]["WAREHOUSE_SIZE"]]
    up: dict[datetime, float] = defaultdict(float)
    busy: dict[datetime, float] = defaultdict(float)
    for cluster, spans in uptimes(pool).items():
        of_cluster = [(q["started"], q["END_TIME"]) for q in ran if q["CLUSTER_NUMBER"] == cluster]
        for hour, seconds in seconds_per_hour(spans).items():
            up[hour] += seconds
        for hour, seconds in seconds_per_hour(merged(of_cluster)).items():
            busy[hour] += seconds
    metered = {row["START_TIME"]: row for row in metering() if row["WAREHOUSE_NAME"] == pool}
    assert len(up) > 30
    for hour, seconds in up.items():
        if (pool, hour) == UNMETERED:
            continue
        row = metered[hour]
        assert float(row["CREDITS_USED_COMPUTE"]) == pytest.approx(rate * seconds / 3600, abs=1e-8)
        own = float(row["CREDITS_ATTRIBUTED_COMPUTE_QUERIES"])
        assert own == pytest.approx(rate * busy[hour] / 3600, abs=1e-8)


def test_a_resume_is_billed_for_sixty_seconds_at_least() -> None:
    lengths = [end - start for row in ("CI_WH", "BI_WH", "ADHOC_WH") for s in uptimes(row).values() for start, end in s]
    assert min(lengths) >= timedelta(seconds=60)


def test_idle_is_never_negative_and_queries_of_an_hour_make_up_what_is_attributed_to_them() -> None:
    for row in metering():
        own = row["CREDITS_ATTRIBUTED_COMPUTE_QUERIES"]
        assert own is None or 0 <= own <= row["CREDITS_USED_COMPUTE"]
        assert row["CREDITS_USED"] == row["CREDITS_USED_COMPUTE"] + row["CREDITS_USED_CLOUD_SERVICES"]


@pytest.mark.parametrize("pool", ["TRANSFORM_WH", "CATALOG_ML_WH", "BI_WH", "PAYMENTS_WH", "INGEST_WH"])
def test_weights_of_queries_sum_to_what_the_pool_attributes_but_for_the_shortest(pool: str) -> None:
    weights = unique(read("snowflake/query_attribution_history"), "QUERY_ID")
    listed = sum(row["CREDITS_ATTRIBUTED_COMPUTE"] for row in weights if row["WAREHOUSE_NAME"] == pool)
    attributed = sum(
        float(row["CREDITS_ATTRIBUTED_COMPUTE_QUERIES"]) for row in metering() if row["WAREHOUSE_NAME"] == pool
    )
    unmetered = listed - attributed if pool == UNMETERED[0] else 0.0
    assert 0 <= unmetered < 2
    assert listed == pytest.approx(attributed + unmetered, rel=1e-4)


def test_adaptive_hours_are_the_sum_of_their_queries() -> None:
    sums: dict[datetime, Decimal] = defaultdict(Decimal)
    for row in read("snowflake/query_metering_history"):
        sums[row["QUERY_METERING_HOUR"]] += row["CREDITS_USED_COMPUTE"]
    hours = {
        r["START_TIME"]: r for r in metering() if r["WAREHOUSE_NAME"] == "GROWTH_AP_WH" and r["CREDITS_USED_COMPUTE"]
    }
    assert sums == {hour: row["CREDITS_USED_COMPUTE"] for hour, row in hours.items()}
    assert all(row["CREDITS_ATTRIBUTED_COMPUTE_QUERIES"] is None for row in hours.values())


def by_day(rows: Rows, time: str, *names: str) -> dict[Any, list[Decimal]]:
    found: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(names))
    for row in rows:
        found[row[time].date()] = [a + row[name] for a, name in zip(found[row[time].date()], names, strict=True)]
    return found


def daily(service: str) -> dict[Any, dict[str, Any]]:
    rows = read("snowflake/metering_daily_history")
    return {row["USAGE_DATE"]: row for row in rows if row["SERVICE_TYPE"] == service}


def test_a_day_is_the_sum_of_its_hours_and_the_ten_per_cent_rule_holds() -> None:
    days = by_day(metering(), "START_TIME", "CREDITS_USED_COMPUTE", "CREDITS_USED_CLOUD_SERVICES")
    for day, row in daily("WAREHOUSE_METERING").items():
        compute, overhead = row["CREDITS_USED_COMPUTE"], row["CREDITS_USED_CLOUD_SERVICES"]
        if day == UNMETERED[1].date():
            assert compute > days[day][0]
        else:
            assert days[day] == [compute, overhead]
        free = min(overhead, (compute / 10).quantize(Decimal("0.000000001"), ROUND_HALF_UP))
        assert row["CREDITS_ADJUSTMENT_CLOUD_SERVICES"] == -free
        assert row["CREDITS_BILLED"] == compute + overhead - free


def test_metering_history_has_every_service_of_the_daily_bill() -> None:
    sums: dict[tuple[str, Any], Decimal] = defaultdict(Decimal)
    for row in read("snowflake/metering_history"):
        if row["SERVICE_TYPE"] != "WAREHOUSE_METERING":
            sums[(row["SERVICE_TYPE"], row["START_TIME"].date())] += row["CREDITS_USED"]
    rows = [r for r in read("snowflake/metering_daily_history") if r["SERVICE_TYPE"] != "WAREHOUSE_METERING"]
    assert sums == {(row["SERVICE_TYPE"], row["USAGE_DATE"]): row["CREDITS_BILLED"] for row in rows}


@pytest.mark.parametrize(
    ("view", "service", "credits_name"),
    [
        ("automatic_clustering_history", "AUTO_CLUSTERING", "CREDITS_USED"),
        ("materialized_view_refresh_history", "MATERIALIZED_VIEW", "CREDITS_USED"),
        ("search_optimization_history", "SEARCH_OPTIMIZATION", "CREDITS_USED"),
        ("serverless_task_history", "SERVERLESS_TASK", "CREDITS_USED"),
        ("pipe_usage_history", "PIPE", "CREDITS_USED"),
        ("query_acceleration_history", "QUERY_ACCELERATION", "CREDITS_USED"),
        ("cortex_ai_functions_usage_history", "AI_SERVICES", "CREDITS"),
    ],
)
def test_objects_sum_to_their_service(view: str, service: str, credits_name: str) -> None:
    listed = sum(Decimal(row[credits_name]) for row in read(f"snowflake/{view}"))
    assert listed == sum(row["CREDITS_BILLED"] for row in daily(service).values())


def expected_usage() -> Iterator[tuple[Any, str, Decimal]]:
    """Yield (day, service, units) of the money views, from the credits and from storage."""
    for row in read("snowflake/metering_daily_history"):
        if row["SERVICE_TYPE"] != "WAREHOUSE_METERING":
            service = str(row["SERVICE_TYPE"])
            yield row["USAGE_DATE"], NAMES.get(service, service), row["CREDITS_BILLED"]
            continue
        yield row["USAGE_DATE"], "WAREHOUSE_METERING", row["CREDITS_USED_COMPUTE"]
        yield row["USAGE_DATE"], "CLOUD_SERVICES", row["CREDITS_USED_CLOUD_SERVICES"]
        yield row["USAGE_DATE"], "CLOUD_SERVICES", row["CREDITS_ADJUSTMENT_CLOUD_SERVICES"]
    for row in read("snowflake/storage_daily_history"):
        yield row["USAGE_DATE"], "STORAGE", row["CREDITS"]
    for row in read("snowflake/data_transfer_history"):
        yield row["START_TIME"].date(), "DATA_TRANSFER", Decimal(row["BYTES_TRANSFERRED"]) / 2**40


def test_money_is_units_times_the_contract_price_rounded_to_cents() -> None:
    units: dict[Any, Decimal] = defaultdict(Decimal)
    for day, service, amount in expected_usage():
        units[(day, service)] += amount
    money: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in read("snowflake/usage_in_currency_daily"):
        money[(row["USAGE_DATE"], row["SERVICE_TYPE"])].append(row)
    assert set(money) == set(units)
    for (day, service), rows in money.items():
        cost = sum(row["USAGE_IN_CURRENCY"] for row in rows)
        exact = units[(day, service)] * PRICES.get(service, Decimal("2.85"))
        assert abs(cost - exact) <= Decimal("0.005") * len(rows)
        assert abs(sum(row["USAGE"] for row in rows) - units[(day, service)]) <= Decimal("0.0005") * len(rows)


def test_every_billed_service_has_a_rate_each_day() -> None:
    rates = {(row["DATE"], row["SERVICE_TYPE"]): row["EFFECTIVE_RATE"] for row in read("snowflake/rate_sheet_daily")}
    for row in read("snowflake/usage_in_currency_daily"):
        key = (row["USAGE_DATE"], row["SERVICE_TYPE"])
        assert rates[key] == PRICES.get(row["SERVICE_TYPE"], Decimal("2.85"))


def test_tables_hold_what_the_account_stores() -> None:
    parts = ("ACTIVE_BYTES", "TIME_TRAVEL_BYTES", "FAILSAFE_BYTES", "RETAINED_FOR_CLONE_BYTES")
    stored: dict[Any, int] = defaultdict(int)
    for row in read("snowflake/table_storage_metrics"):
        stored[row["USAGE_DATE"]] += sum(row[part] for part in parts)
    assert stored == {row["USAGE_DATE"]: row["AVERAGE_BYTES"] for row in read("snowflake/storage_daily_history")}
    days = {9: 30, 10: 31, 11: 30}
    for row in read("snowflake/storage_daily_history"):
        slice_ = Decimal(row["AVERAGE_BYTES"]) / 2**40 / days[row["USAGE_DATE"].month]
        assert row["CREDITS"] == pytest.approx(slice_, abs=Decimal("1e-9"))
