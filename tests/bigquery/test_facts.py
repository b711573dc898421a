"""What a job, a reservation, a table and a line of the bill become, by the rules that Google bills by."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costlens.engine import Engine
from costlens.exports import ExportReader
from costlens_bigquery import BigQuery
from tests.bigquery.folder import lines
from tests.bigquery.world import ADMIN, GIB, PROJECT, TIB, Row, at, error, job, minutes_of, seconds_of, stored

SINCE = datetime(2020, 1, 1, tzinfo=timezone.utc)
UNTIL = datetime(2027, 1, 1, tzinfo=timezone.utc)
VIEWS = {view.name: view for view in BigQuery.views}
Read = Callable[..., list[Row]]


def read(folder: Path, view: str, **settings: object) -> list[Row]:
    """Return the facts that an exported view gives."""
    connector = BigQuery(
        BigQuery.Settings.model_validate({"name": "b", "type": "bigquery", "export": folder} | settings)
    )
    with Engine() as engine:
        rows = ExportReader(connector, engine).rows(VIEWS[view], SINCE, UNTIL)
        (facts,) = connector.normalise(VIEWS[view], rows)
        return engine.rows(facts.rows)


@pytest.fixture
def of(tmp_path: Path) -> Read:
    """Turns rows of a view, exported from the US, into facts."""

    def facts(view: str, *rows: Row, region: str | None = "us", **settings: object) -> list[Row]:
        folder = tmp_path / f"region-{region}" if region else tmp_path
        folder.mkdir(exist_ok=True)
        lines(folder / f"{view}.jsonl", list(rows))
        return read(tmp_path, view, **settings)

    return facts


@pytest.fixture(scope="module")
def queries(export: Path) -> dict[str, Row]:
    return {row["query_id"].rpartition(".")[2]: row for row in read(export, "jobs") if ":US." in row["query_id"]}


@pytest.mark.parametrize(
    ("name", "kind", "billed"),
    [
        ("plain", "on-demand", TIB),
        ("script", "none", None),
        ("script_1", "on-demand", GIB),
        ("script_2", "on-demand", 2 * GIB),
        ("cached", "on-demand", 0),
        ("failed", "on-demand", 0),
        ("stopped", "on-demand", 2 * GIB),
        ("hidden", "on-demand", None),
        ("load", "none", None),
        ("load_pipeline", "none", None),
        ("pooled", "reservation", None),
        ("pooled_cached", "reservation", None),
        ("edition_only", "reservation", None),
        ("background", "reservation", None),
    ],
)
def test_what_a_job_is_paid_by(queries: dict[str, Row], name: str, kind: str, billed: int | None) -> None:
    assert (queries[name]["pool_kind"], queries[name]["bytes_billed"]) == (kind, billed)


def test_only_jobs_that_used_slots_of_a_reservation_are_in_its_pool(queries: dict[str, Row]) -> None:
    pooled = {name: row["pool_id"] for name, row in queries.items() if row["pool_id"] is not None}
    assert pooled == {"pooled": "acme-admin:US.etl", "background": "acme-admin:US.etl"}
    assert queries["pooled_cached"]["pool"] == "etl"


def test_hidden_bytes_can_be_counted(queries: dict[str, Row]) -> None:
    hidden = [n for n, row in queries.items() if row["pool_kind"] == "on-demand" and row["bytes_billed"] is None]
    assert hidden == ["hidden"]


def test_a_script_repeats_nothing_of_its_children(queries: dict[str, Row]) -> None:
    script = queries["script"]
    assert (script["bytes_scanned"], script["slot_ms"], script["text"]) == (None, None, "select 1")
    assert {queries[name]["parent_id"] for name in ("script_1", "script_2")} == {f"{PROJECT}:US.script"}


def test_status_and_reason_without_the_message(queries: dict[str, Row]) -> None:
    found = {name: (queries[name]["status"], queries[name]["error"]) for name in ("plain", "failed", "stopped")}
    assert found == {
        "plain": ("success", None),
        "failed": ("failed", "invalidQuery"),
        "stopped": ("cancelled", "stopped"),
    }
    assert not any("secret-literal" in str(value) for row in queries.values() for value in row.values())


def test_labels_reads_and_targets(queries: dict[str, Row]) -> None:
    plain, merge = queries["plain"], queries["script_1"]
    assert json.loads(plain["labels"]) == {"team": "growth", "dbt_invocation_id": "77"}
    assert json.loads(plain["reads"]) == [f"{PROJECT}.raw.orders", f"{PROJECT}.raw.users"]
    assert (plain["targets"], plain["destination_is_temporary"]) == (None, True)
    assert (json.loads(merge["targets"]), merge["destination_is_temporary"]) == ([f"{PROJECT}.marts.orders"], False)
    assert (merge["rows_written"], plain["rows_written"]) == (6, None)
    assert (plain["session_id"], plain["transaction_id"], plain["shape_hint"]) == ("s9", "t1", "h1")
    assert queries["load"]["labels"] is None


def test_odd_labels_stay_json(of: Read) -> None:
    odd = [{"key": 'a"b\\', "value": "ü\n"}, {"key": "empty", "value": None}, {"value": "no key"}]
    (row,) = of("jobs", job("j", "10-30 10:00", labels=odd))
    assert json.loads(row["labels"]) == {'a"b\\': "ü\n", "empty": ""}


def test_times_and_day_are_of_the_end(queries: dict[str, Row]) -> None:
    night = queries["overnight"]
    assert night["day"] == (at("10-31 00:00").date() - date(1970, 1, 1)).days
    assert (night["queued_ms"], night["execution_ms"]) == (2000, 6 * 3600 * 1000)
    assert night["started_at"] == int(at("10-30 23:00").timestamp()) * 1_000_000


def test_running_jobs_count_when_they_end(queries: dict[str, Row]) -> None:
    assert "running" not in queries


def test_a_job_that_never_started_ran_from_its_creation(of: Read) -> None:
    cancelled = job("j", "10-30 10:00", error_result=error("stopped")) | {
        "start_time": None,
        "end_time": at("10-30 10:00"),
    }
    (row,) = of("jobs", cancelled)
    assert (row["queued_ms"], row["execution_ms"], row["status"]) == (0, 2000, "cancelled")


@pytest.mark.parametrize(
    ("region", "settings", "name"),
    [
        ("us", {}, "acme-data:US.j"),
        ("europe-west3", {}, "acme-data:europe-west3.j"),
        (None, {"regions": ["EU"]}, "acme-data:EU.j"),
        (None, {"regions": ["us", "eu"]}, "acme-data:j"),
    ],
)
def test_ids_are_those_of_the_api(of: Read, region: str | None, settings: dict[str, Any], name: str) -> None:
    (row,) = of("jobs", job("j", "10-30 10:00"), region=region, **settings)
    assert row["query_id"] == name


def test_a_project_of_a_domain_keeps_its_name(of: Read) -> None:
    (row,) = of(
        "jobs", job("j", "10-30 10:00", project_id="example.org:data", reservation_id="example.org:admin:US.etl")
    )
    assert (row["query_id"], row["pool"]) == ("example.org:data:US.j", "etl")


def test_slot_hours_per_job_and_hour(export: Path) -> None:
    found = {(r["query_id"], r["hour"] // 3_600_000_000 % 24): r["units"] for r in read(export, "jobs_timeline")}
    assert found == {
        (f"{PROJECT}:US.pooled", 14): pytest.approx(50),
        (f"{PROJECT}:US.pooled", 15): pytest.approx(50),
        (f"{PROJECT}:US.background", 15): pytest.approx(400 / 60),
        (f"{PROJECT}:US.load_pipeline", 13): pytest.approx(50 / 60),
    }


def test_the_shared_pool_is_no_pool(export: Path) -> None:
    pools = {row["query_id"].rpartition(".")[2]: row["pool_id"] for row in read(export, "jobs_timeline")}
    assert pools == {"pooled": "acme-admin:US.etl", "background": "acme-admin:US.etl", "load_pipeline": None}


def test_hours_that_are_summed_already_stay(of: Read) -> None:
    seconds = seconds_of("j", "10-30 14:30", 100, 30)
    hour = seconds[0] | {"period_start": at("10-30 14:00"), "period_slot_ms": 100 * 30 * 60 * 1000}
    assert of("jobs_timeline", *seconds) == of("jobs_timeline", hour)


def test_metering_is_baseline_and_what_was_scaled(export: Path) -> None:
    found = {
        (r["pool"], r["hour"] // 3_600_000_000 % 24, r["service"]): r["units"]
        for r in read(export, "reservations_timeline")
    }
    api = "BigQuery Reservation API"
    assert found == {
        ("etl", 14, f"{api}/baseline ENTERPRISE"): 100,
        ("etl", 14, f"{api}/autoscale ENTERPRISE"): 25,
        ("etl", 15, f"{api}/baseline ENTERPRISE"): 100,
        ("bi", 14, f"{api}/baseline ENTERPRISE"): 40,
        ("copy", 14, f"{api}/baseline ENTERPRISE"): 0,
    }


def test_more_slots_used_than_paid_were_borrowed(export: Path) -> None:
    """15:00: 100 slot-hours paid, 50 + 400/60 used: what was borrowed from `bi` is in neither pool's metering."""
    used = sum(r["units"] for r in read(export, "jobs_timeline") if r["hour"] // 3_600_000_000 % 24 == 15)
    assert used == pytest.approx(56.67, abs=0.01)


def test_an_edition_that_changes_within_an_hour_is_two_lines(of: Read) -> None:
    rows = [*minutes_of("10-30 14:00", 30, 100, 0), *minutes_of("10-30 14:30", 30, 100, 0, edition="ENTERPRISE_PLUS")]
    assert sorted((r["service"].split()[-1], r["units"]) for r in of("reservations_timeline", *rows)) == [
        ("ENTERPRISE", 50),
        ("ENTERPRISE_PLUS", 50),
    ]


@pytest.mark.parametrize(
    ("day", "days"),
    [("01-31", 31), ("02-28", 28), ("03-01", 31), ("04-30", 30), ("10-31", 31), ("11-01", 30), ("12-31", 31)],
)
def test_storage_is_divided_by_the_seconds_of_its_month(of: Read, day: str, days: int) -> None:
    (row,) = of("table_storage_usage_timeline", stored(day, "raw.orders", active_logical=1024 * 86_400))
    assert row["units"] == pytest.approx(Decimal(1) / days, abs=Decimal("1e-12"))


@pytest.mark.parametrize(("year", "days"), [(2020, 29), (2023, 28), (2024, 29), (2026, 28)])
def test_leap_years_have_a_longer_february(of: Read, year: int, days: int) -> None:
    row = stored("02-28", "raw.orders", active_logical=1024 * 86_400) | {"usage_date": date(year, 2, 28)}
    (line,) = of("table_storage_usage_timeline", row)
    assert line["units"] == pytest.approx(Decimal(1) / days, abs=Decimal("1e-12"))


def test_storage_is_by_the_model_of_its_data_set(export: Path) -> None:
    found = {
        (r["object"], r["service"]): r["units"]
        for r in read(export, "table_storage_usage_timeline")
        if r["day"] == 20_758
    }
    assert found == {
        (f"{PROJECT}.raw.orders", "BigQuery/active logical storage"): 1,
        (f"{PROJECT}.raw.events", "BigQuery/active physical storage"): Decimal("0.5"),
        (f"{PROJECT}.raw.events", "BigQuery/long-term physical storage"): Decimal("3.77E-10"),
    }


def test_streamed_rows_count_as_a_kibibyte_at_least(export: Path) -> None:
    (row,) = read(export, "streaming_timeline")
    assert (row["units"], row["object"], row["category"]) == (2, f"{PROJECT}.raw.events", "ingest")


def test_written_rows_that_failed_cost_nothing(export: Path) -> None:
    (row,) = read(export, "write_api_timeline")
    assert row["units"] == 2


def test_commitments_oblige_for_the_whole_day(export: Path) -> None:
    (row,) = read(export, "capacity_commitments")
    assert (row["units"], row["account"], row["kind"]) == (2400, ADMIN, "commitment")
    assert row["service"] == "BigQuery Reservation API/commitment ENTERPRISE ANNUAL"


@pytest.mark.parametrize(
    ("day", "period", "kind", "cost"),
    [
        (20_756, "2026-10", "compute", "5.3"),  # 6.55 less two credits of 1.25 together, each cost once
        (20_757, "2026-10", "compute", "1"),  # 1 November 06:59 UTC
        (20_757, "2026-11", "compute", "0.5"),  # of October, invoiced in November
        (20_758, "2026-11", "compute", "6"),  # 07:00 UTC on the 1st to 08:00 UTC on the 2nd: 25 hours
        (20_756, "2026-10", "tax", "0.33"),
        (20_756, "2026-10", "adjustment", "-0.05"),
    ],
)
def test_the_bill_is_by_pacific_day_and_invoice(export: Path, day: int, period: str, kind: str, cost: str) -> None:
    found = [
        row["cost"]
        for row in read(export, "billing_export")
        if (row["service"], row["day"], row["billing_period"], row["kind"]) == ("BigQuery", day, period, kind)
    ]
    assert found == [Decimal(cost)]


def test_services_are_named_as_metered(export: Path) -> None:
    assert {
        (r["service"], r["kind"], r["unit"]) for r in read(export, "billing_export") if r["service"] != "BigQuery"
    } == {
        ("BigQuery Reservation API/ENTERPRISE", "compute", "slot-hours"),
        ("BigQuery Reservation API/commitment ENTERPRISE ANNUAL", "compute", "slot-hours"),
        ("BigQuery/active logical storage", "storage", "GiB-months"),
        ("BigQuery BI Engine/BI Engine", "other", "gibibyte hour"),
    }
