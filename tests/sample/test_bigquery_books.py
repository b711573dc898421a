"""The BigQuery export adds up as Google's documentation says, checked from its files alone."""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from .reading import Rows, jobs, read

PACIFIC = ZoneInfo("America/Los_Angeles")


def pacific(instant: datetime) -> date:
    return instant.astimezone(PACIFIC).date()


def bill(service: str, sku: str) -> dict[tuple[date, str], tuple[Decimal, Decimal]]:
    """Return (amount, cost) per day and location of the regular lines of a sku."""
    return {
        (row["usage_date"], row["location"]): (row["amount"], row["cost"])
        for row in read("bigquery/billing_export")
        if row["service"] == service and row["sku"].startswith(sku) and row["cost_type"] == "regular"
    }


def on_demand() -> Rows:
    return [
        job
        for job in jobs()
        if job["job_type"] == "QUERY" and job["statement_type"] != "SCRIPT" and job["reservation_id"] is None
    ]


def test_bytes_billed_follow_the_minimum_and_cost_nothing_when_cached_or_failed() -> None:
    for job in on_demand():
        billed, processed = job["total_bytes_billed"], job["total_bytes_processed"]
        if billed is None:
            continue
        failed = job["error_result"] is not None and job["error_result"]["reason"] != "stopped"
        if job["cache_hit"] or failed:
            assert billed == 0
        else:
            least = max(10 * 2**20 * max(1, len(job["referenced_tables"])), processed)
            assert least <= billed < least + 2**20
            assert billed % 2**20 == 0


def test_scanned_bytes_are_billed_on_the_pacific_day_a_job_ended_and_the_first_tebibyte_is_free() -> None:
    tib: dict[Any, float] = defaultdict(float)
    hidden = set()
    for job in on_demand():
        key = (pacific(job["end_time"]), job["region"])
        tib[key] += (job["total_bytes_billed"] or 0) / 2**40
        if job["total_bytes_billed"] is None:
            hidden.add(key)
    lines = bill("BigQuery", "Analysis")
    assert set(lines) == {key for key, amount in tib.items() if amount or key in hidden}
    for key, (amount, _) in lines.items():
        assert float(amount) == pytest.approx(tib[key], abs=1e-6) or (key in hidden and float(amount) > tib[key] + 0.7)
    october = [(amount, cost) for (day, _), (amount, cost) in lines.items() if day.month == 10]
    scanned, cost = (sum(values) for values in zip(*october, strict=True))
    assert float(cost) == pytest.approx((float(scanned) - 1) * 6.25, abs=1e-4)


def test_slots_are_billed_as_they_were_paid_for() -> None:
    paid: dict[date, float] = defaultdict(float)
    for row in read("bigquery/region-us/reservations_timeline"):
        slot_seconds = row["slot_capacity"] * 60 + row["period_autoscale_slot_seconds"]
        paid[pacific(row["period_start"])] += slot_seconds / 3600
    lines = bill("BigQuery Reservation API", "BigQuery Enterprise Edition")
    assert {day for day, _ in lines} == set(paid)
    for (day, _), (amount, cost) in lines.items():
        assert float(amount) == pytest.approx(paid[day], abs=1e-6)
        assert float(cost) == pytest.approx(paid[day] * 0.06, abs=1e-6)


def test_autoscaling_goes_in_steps_of_fifty_and_covers_what_was_used() -> None:
    rows = [r for r in read("bigquery/region-us/reservations_timeline") if r["reservation_name"] == "prod"]
    assert all(row["period_autoscale_slot_seconds"] % 50 == 0 for row in rows)
    paid: dict[datetime, float] = defaultdict(float)
    for row in rows:
        hour = row["period_start"].replace(minute=0)
        paid[hour] += row["slot_capacity"] * 60 + row["period_autoscale_slot_seconds"]
    used: dict[datetime, float] = defaultdict(float)
    for row in read("bigquery/region-us/jobs_timeline"):
        if (row["reservation_id"] or "").endswith(".prod"):
            used[row["period_start"]] += row["period_slot_ms"] / 1000
    assert all(used[hour] <= paid[hour] for hour in used)
    assert any(used[hour] > 0.5 * paid[hour] for hour in used)


def test_slots_of_a_job_are_the_sum_of_its_hours_and_a_script_repeats_its_children() -> None:
    sums: dict[str, int] = defaultdict(int)
    for region in ("us", "eu"):
        for row in read(f"bigquery/region-{region}/jobs_timeline"):
            sums[row["job_id"]] += row["period_slot_ms"]
    by_parent: dict[str, int] = defaultdict(int)
    for job in jobs():
        assert job["total_slot_ms"] == sums[job["job_id"]]
        if job["parent_job_id"]:
            by_parent[job["parent_job_id"]] += job["total_slot_ms"]
    scripts = [job for job in jobs() if job["statement_type"] == "SCRIPT"]
    assert {job["job_id"]: job["total_slot_ms"] for job in scripts} == by_parent


def test_storage_is_billed_per_pacific_day_which_has_25_hours_when_clocks_go_back() -> None:
    held: dict[tuple[date, str], float] = defaultdict(float)
    for region in ("us", "eu"):
        for row in read(f"bigquery/region-{region}/table_storage_usage_timeline"):
            month = calendar.monthrange(row["usage_date"].year, row["usage_date"].month)[1]
            gib_months = row["billable_active_logical_usage"] / 1024 / 86_400 / month
            held[(row["usage_date"], region)] += gib_months
    lines = bill("BigQuery", "Active Logical Storage")
    for key, (amount, cost) in lines.items():
        assert float(amount) == pytest.approx(held[key], abs=1e-6)
        assert float(cost) == pytest.approx(held[key] * 0.02, abs=1e-6)
    long_term = {
        row["usage_date"]: row["billable_long_term_logical_usage"]
        for row in read("bigquery/region-us/table_storage_usage_timeline")
        if row["table_name"] == "consent_log"
    }
    assert long_term[date(2026, 11, 1)] * 24 == long_term[date(2026, 10, 31)] * 25


def test_streaming_bills_what_was_stored() -> None:
    stored: dict[date, float] = defaultdict(float)
    for row in read("bigquery/region-us/streaming_timeline"):
        if row["error_code"] is None:
            stored[pacific(row["start_timestamp"])] += row["total_input_bytes"] / 2**20
    for (day, _), (amount, cost) in bill("BigQuery", "Streaming Insert").items():
        assert float(amount) == pytest.approx(stored[day], abs=1e-6)
        assert float(cost) == pytest.approx(stored[day] * 0.01 / 200, abs=1e-6)


def test_a_line_is_on_the_invoice_of_its_month_but_for_late_ones() -> None:
    late = [r for r in read("bigquery/billing_export") if r["invoice_month"] != f"{r['usage_date']:%Y%m}"]
    assert {row["usage_date"] for row in late} == {date(2026, 10, 31)}
    assert {row["invoice_month"] for row in late} == {"202611"}
