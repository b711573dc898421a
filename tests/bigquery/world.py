"""A small made-up project around the end of October 2026, row by row as BigQuery shows it, with all that is odd."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

Row = dict[str, Any]

PROJECT = "acme-data"
ADMIN = "acme-admin"
POOL = f"{ADMIN}:US.etl"
TIB = 1 << 40
GIB = 1 << 30


def at(text: str) -> datetime:
    """Read `10-31 08:00` as a time of 2026 in UTC."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)


def table(name: str) -> Row:
    dataset, name = name.split(".")
    return {"project_id": PROJECT, "dataset_id": dataset, "table_id": name}


def job(job_id: str, start: str, seconds: int = 60, **more: Any) -> Row:
    """Return a row of JOBS: an on-demand query of no bytes, but for what is said."""
    started = at(start)
    row: Row = {
        "project_id": PROJECT,
        "job_id": job_id,
        "parent_job_id": None,
        "creation_time": started - timedelta(seconds=2),
        "start_time": started,
        "end_time": started + timedelta(seconds=seconds),
        "job_type": "QUERY",
        "statement_type": "SELECT",
        "user_email": "ann@example.org",
        "principal_subject": None,
        "cache_hit": False,
        "error_result": None,
        "total_bytes_processed": 0,
        "total_bytes_billed": 0,
        "total_slot_ms": seconds * 1000,
        "reservation_id": None,
        "edition": None,
        "labels": [],
        "destination_table": table("_9f3.anon1"),
        "referenced_tables": [],
        "dml_statistics": None,
        "session_info": None,
        "transaction_id": None,
        "query_info": None,
        "query": "select 1",
    }
    assert more.keys() <= row.keys()
    return row | more


def error(reason: str) -> Row:
    return {"reason": reason, "location": "query", "debug_info": "", "message": "Value 'secret-literal' is wrong"}


_IN_POOL: Row = {"reservation_id": POOL, "edition": "ENTERPRISE"}

JOBS_US: list[Row] = [
    job(
        "plain",
        "10-30 10:00",
        total_bytes_processed=TIB - 5,
        total_bytes_billed=TIB,
        labels=[{"key": "team", "value": "growth"}, {"key": "dbt_invocation_id", "value": "77"}],
        referenced_tables=[table("raw.orders"), table("raw.users")],
        query_info={"resource_warning": None, "query_hashes": {"normalized_literals": "h1"}},
        query="select * from raw.orders where email = 'ann@example.org'",
        session_info={"session_id": "s9"},
        transaction_id="t1",
    ),
    job(
        "script",
        "10-30 11:00",
        statement_type="SCRIPT",
        total_bytes_processed=3 * GIB,
        total_bytes_billed=3 * GIB,
        cache_hit=None,
    ),
    job(
        "script_1",
        "10-30 11:00",
        parent_job_id="script",
        statement_type="MERGE",
        total_bytes_processed=GIB,
        total_bytes_billed=GIB,
        destination_table=table("marts.orders$20261030"),
        dml_statistics={"inserted_row_count": 5, "deleted_row_count": 1, "updated_row_count": None},
    ),
    job("script_2", "10-30 11:01", parent_job_id="script", total_bytes_processed=2 * GIB, total_bytes_billed=2 * GIB),
    job("cached", "10-30 12:00", 1, cache_hit=True, total_bytes_processed=GIB, total_bytes_billed=GIB, total_slot_ms=0),
    job("failed", "10-30 12:10", error_result=error("invalidQuery"), total_bytes_billed=GIB),
    job("stopped", "10-30 12:20", error_result=error("stopped"), total_bytes_billed=2 * GIB),
    job("hidden", "10-30 12:30", total_bytes_processed=None, total_bytes_billed=None),
    job(
        "load", "10-30 13:00", job_type="LOAD", statement_type=None, cache_hit=None, query=None, total_bytes_billed=None
    ),
    job(
        "load_pipeline",
        "10-30 13:05",
        job_type="LOAD",
        statement_type=None,
        cache_hit=None,
        query=None,
        reservation_id="default-pipeline",
        destination_table=table("raw.events"),
    ),
    job("pooled", "10-30 14:30", 3600, **_IN_POOL, total_bytes_processed=9 * TIB, total_bytes_billed=9 * TIB),
    job("pooled_cached", "10-30 14:40", 1, **_IN_POOL, cache_hit=True, total_slot_ms=0),
    job("edition_only", "10-30 15:00", edition="ENTERPRISE", total_bytes_billed=GIB),
    job("background", "10-30 15:10", job_type=None, statement_type=None, query=None, **_IN_POOL),
    job("running", "10-30 23:50") | {"end_time": None},
    job("overnight", "10-30 23:00", 6 * 3600, total_bytes_billed=GIB),
    job("before_month_end", "11-01 06:58", total_bytes_billed=GIB),
    job("after_month_end", "11-01 07:00", total_bytes_billed=GIB),
]
JOBS_EU: list[Row] = [
    job("plain", "10-30 10:00", 30, total_bytes_billed=TIB, user_email=None, principal_subject="iam:bob")
]


def seconds_of(job_id: str, start: str, slots: int, minutes: int, **more: Any) -> list[Row]:
    """Return rows of JOBS_TIMELINE: one per ten seconds, so that the world stays small."""
    started = at(start)
    row: Row = {
        "project_id": PROJECT,
        "job_id": job_id,
        "parent_job_id": None,
        "statement_type": "SELECT",
        "reservation_id": POOL,
        "job_creation_time": started - timedelta(seconds=2),
        "job_start_time": started,
        "job_end_time": started + timedelta(minutes=minutes),
        "total_bytes_billed": 9 * TIB,
    }
    return [
        row | {"period_start": started + timedelta(seconds=10 * n), "period_slot_ms": slots * 10_000} | more
        for n in range(6 * minutes)
    ]


#: 100 slots across two clock hours; a load without statement type; a script that repeats; a job without pool.
JOBS_TIMELINE: list[Row] = [
    *seconds_of("pooled", "10-30 14:30", 100, 60),
    *seconds_of("background", "10-30 15:10", 400, 1, statement_type=None),
    *seconds_of("pool_script", "10-30 14:30", 100, 5, statement_type="SCRIPT"),
    *seconds_of("plain", "10-30 10:00", 50, 1, reservation_id=None),
    *seconds_of("load_pipeline", "10-30 13:05", 50, 1, reservation_id="default-pipeline", statement_type=None),
]


def minutes_of(start: str, minutes: int, baseline: int, scaled: int, **more: Any) -> list[Row]:
    """Return rows of RESERVATIONS_TIMELINE: `baseline` slots, and `scaled` slots charged, for some minutes."""
    row: Row = {
        "project_id": ADMIN,
        "reservation_id": POOL,
        "edition": "ENTERPRISE",
        "is_creation_region": True,
        "slot_capacity": baseline,
        "period_autoscale_slot_seconds": scaled * 60,
    }
    return [row | {"period_start": at(start) + timedelta(minutes=n)} | more for n in range(minutes)]


RESERVATIONS_TIMELINE: list[Row] = [
    *minutes_of("10-30 14:00", 30, 100, 0),
    *minutes_of("10-30 14:30", 30, 100, 50),
    *minutes_of("10-30 15:00", 60, 100, 0),
    *minutes_of("10-30 14:00", 60, 40, 0, reservation_id=f"{ADMIN}:US.bi"),
    *minutes_of("10-30 14:00", 60, 70, 0, reservation_id=f"{ADMIN}:US.copy", is_creation_region=False),
]
CAPACITY_COMMITMENTS: list[Row] = [
    {
        "project_id": ADMIN,
        "capacity_commitment_id": "c1",
        "commitment_plan": "ANNUAL",
        "state": "ACTIVE",
        "slot_count": 100,
        "edition": "ENTERPRISE",
    }
]


def stored(day: str, name: str, **mib_seconds: int) -> Row:
    dataset, name = name.split(".")
    columns = ("active_logical", "long_term_logical", "active_physical", "long_term_physical")
    return {
        "usage_date": date.fromisoformat(f"2026-{day}"),
        "project_id": PROJECT,
        "table_schema": dataset,
        "table_name": name,
        **{f"billable_{column}_usage": mib_seconds.get(column, 0) for column in columns},
    }


TABLE_STORAGE_USAGE_TIMELINE: list[Row] = [
    stored("10-31", "raw.orders", active_logical=1024 * 86_400 * 31, long_term_logical=1024 * 86_400 * 62),
    stored("11-01", "raw.orders", active_logical=1024 * 86_400 * 30),
    stored("11-01", "raw.events", active_physical=512 * 86_400 * 30, long_term_physical=1),
]


def streamed(start: str, rows: int, size: int, failed: str | None) -> Row:
    return {
        "start_timestamp": at(start),
        "project_id": PROJECT,
        "dataset_id": "raw",
        "table_id": "events",
        "error_code": failed,
        "total_rows": rows,
        "total_input_bytes": size,
    }


STREAMING_TIMELINE: list[Row] = [
    streamed("10-30 09:05", 10, GIB, None),
    streamed("10-30 09:06", GIB // 1024, 5, None),
    streamed("10-30 09:07", 10, 7 * GIB, "INVALID"),
]
WRITE_API_TIMELINE: list[Row] = [
    streamed("10-30 09:05", 10, GIB, "OK"),
    streamed("10-30 09:59", 10, GIB, "OK"),
    streamed("10-30 09:59", 10, GIB, "INTERNAL"),
]


def billed(
    start: str, service: str, sku: str, cost: float, amount: float, unit: str, *credited: float, **more: Any
) -> Row:
    """Return a row of the detailed billing export."""
    used = at(start)
    return {
        "invoice": {"month": "202610"},
        "cost_type": "regular",
        "service": {"description": service},
        "sku": {"description": sku},
        "usage_start_time": used,
        "project": {"id": PROJECT},
        "location": {"location": "us"},
        "cost": cost,
        "currency": "USD",
        "usage": {"amount_in_pricing_units": amount, "pricing_unit": unit},
        "credits": [{"amount": credit} for credit in credited],
        "export_time": used + timedelta(hours=6),
    } | more


_ADMIN: Row = {"project": {"id": ADMIN}}

BILLING: list[Row] = [
    billed("10-30 10:00", "BigQuery", "Analysis (us)", 6.25, 1.0, "tebibyte", -1.0, -0.25),
    billed("10-30 11:00", "BigQuery", "Analysis (us)", 0.1, 0.016, "tebibyte"),
    billed("10-30 11:00", "BigQuery", "Analysis (us)", 0.2, 0.032, "tebibyte"),
    billed("10-30 14:00", "BigQuery Reservation API", "BigQuery Enterprise Edition (us)", 9.0, 150.0, "hour", **_ADMIN),
    billed(
        "10-30 14:00",
        "BigQuery Reservation API",
        "BigQuery Enterprise 1 Year Commitment (us)",
        4.8,
        100.0,
        "hour",
        **_ADMIN,
    ),
    billed("10-30 14:00", "BigQuery Reservation API", "Analysis Slots Attribution (us)", 0.0, 150.0, "hour", **_ADMIN),
    billed("10-31 12:00", "BigQuery", "Active Logical Storage (us)", 0.02, 1.0, "gibibyte month"),
    # 06:59 UTC is still October in California, 07:00 is November (summer time ends at 09:00 UTC);
    # one line of October is late and on the invoice of November
    billed("11-01 06:59", "BigQuery", "Analysis (us)", 1.0, 0.16, "tebibyte"),
    billed("11-01 07:00", "BigQuery", "Analysis (us)", 2.0, 0.32, "tebibyte", invoice={"month": "202611"}),
    billed("10-31 12:00", "BigQuery", "Analysis (us)", 0.5, 0.08, "tebibyte", invoice={"month": "202611"}),
    # 2 November, 07:30 UTC, is still the 1st: that Pacific day has 25 hours
    billed("11-02 07:30", "BigQuery", "Analysis (us)", 4.0, 0.64, "tebibyte", invoice={"month": "202611"}),
    billed("10-30 10:00", "BigQuery", "Analysis (us)", 0.33, 0.0, "count", cost_type="tax"),
    billed("10-30 10:00", "BigQuery", "Analysis (us)", -0.05, 0.0, "count", cost_type="adjustment"),
    billed("10-30 10:00", "BigQuery BI Engine", "BI Engine (us)", 3.0, 72.0, "gibibyte hour"),
    billed("10-30 10:00", "Compute Engine", "N2 core", 99.0, 1.0, "hour"),
    billed("10-30 10:00", "BigQuery", "Analysis (us)", 50.0, 8.0, "tebibyte", project={"id": "other-project"}),
]

#: Region -> view -> rows.
WORLD: dict[str, dict[str, list[Row]]] = {
    "us": {
        "jobs": JOBS_US,
        "jobs_timeline": JOBS_TIMELINE,
        "reservations_timeline": RESERVATIONS_TIMELINE,
        "capacity_commitments": CAPACITY_COMMITMENTS,
        "table_storage_usage_timeline": TABLE_STORAGE_USAGE_TIMELINE,
        "streaming_timeline": STREAMING_TIMELINE,
        "write_api_timeline": WRITE_API_TIMELINE,
    },
    "eu": {"jobs": JOBS_EU},
}
SNAPSHOT_DAY = date(2026, 10, 30)
