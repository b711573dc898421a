"""What Snowflake's rows mean: pools, execution times, units, money and names, on the export beside this file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costlens.engine import Engine
from costlens.exports import ExportReader
from costlens_snowflake import Snowflake, SnowflakeSettings
from costlens_snowflake.billing import LIST_CREDIT

EXPORT = Path(__file__).parent / "export"
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
SECOND = 1_000_000
EIGHT = int(datetime(2026, 10, 5, 8, tzinfo=timezone.utc).timestamp()) * SECOND


class World:
    """Facts of the export's views."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        given = {"name": "prod", "type": "snowflake", "account": "acme-prod", "export": EXPORT, **settings}
        self.connector = Snowflake(SnowflakeSettings.model_validate(given))
        self.engine = engine
        self.reader = ExportReader(self.connector, engine)

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the facts of a view; a query usage has `table` beside its columns."""
        view = next(view for view in Snowflake.views if view.name == name)
        rows = self.reader.rows(view, SINCE, UNTIL)
        return [row for fact in self.connector.normalise(view, rows) for row in self.engine.rows(fact.rows)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Engine() as engine:
        yield World(engine)


@pytest.fixture(scope="module")
def queries(world: World) -> dict[int, dict[str, Any]]:
    return {int(row["query_id"][-4:]): row for row in world.of("query_history")}


def test_execution_starts_after_queueing_and_compiling(queries: dict[int, dict[str, Any]]) -> None:
    query = queries[1]
    assert query["submitted_at"] == EIGHT
    assert query["started_at"] == EIGHT + 3 * SECOND
    assert (query["queued_ms"], query["execution_ms"]) == (2000, 1_197_000)


def test_a_size_says_that_compute_was_used_and_a_name_does_not(queries: dict[int, dict[str, Any]]) -> None:
    shown = queries[4]
    assert (shown["pool_id"], shown["pool"], shown["pool_kind"], shown["pool_size"]) == (None, "LOAD_WH", "none", None)
    assert (queries[1]["pool_id"], queries[1]["pool_kind"], queries[1]["pool_size"]) == ("1", "standard", "MEDIUM")
    assert (queries[5]["pool_size"], queries[7]["pool_kind"], queries[7]["pool_size"]) == (
        "XSMALL",
        "adaptive",
        "ADAPTIVE",
    )
    assert (queries[10]["pool_kind"], queries[10]["pool_size"]) == ("standard", "2XLARGE_SNOWPARK")


def test_status_and_error_are_codes_only(queries: dict[int, dict[str, Any]]) -> None:
    told = {number: (query["status"], query["error"]) for number, query in queries.items()}
    assert told[1] == ("success", None)
    assert told[5] == ("cancelled", "604")
    assert told[6] == ("failed", "002003")
    assert told[10] == (None, None)  # a word that Snowflake may add tomorrow
    assert "Object does not exist" not in repr([{**query, "text": None} for query in queries.values()])


def test_a_query_over_midnight_belongs_to_the_day_it_ended(queries: dict[int, dict[str, Any]]) -> None:
    assert queries[10]["day"] == EIGHT // (86_400 * SECOND) + 1


def test_rows_bytes_and_transactions(queries: dict[int, dict[str, Any]]) -> None:
    assert (queries[1]["rows_written"], queries[1]["bytes_spilled"], queries[1]["transaction_id"]) == (1003, 1024, "77")
    assert queries[2]["transaction_id"] is None
    assert (queries[1]["shape_hint"], queries[3]["shape_hint"], queries[5]["shape_hint"]) == ("hash-a", "hash-b", None)


def test_texts_none_reads_no_text() -> None:
    with Engine() as engine:
        rows = World(engine, texts="none").of("query_history")
    assert len(rows) == 10
    assert {row["text"] for row in rows} == {None}


def test_parents_come_from_the_attribution_view(world: World) -> None:
    usage = {(row["query_id"][-4:], row["unit"]): row for row in world.of("query_attribution_history")}
    assert (usage["0009", "credits"]["parent_id"], usage["0009", "credits"]["root_id"]) == ("01bf-0008", "01bf-0008")
    assert usage["0002", "acceleration credits"]["units"] == 0.25
    assert len([key for key in usage if key[1] == "acceleration credits"]) == 1
    assert {row["hour"] for row in usage.values()} == {None}


def test_no_attributed_credits_means_adaptive_and_not_idle(world: World) -> None:
    hours = {(row["pool"], row["hour"]): row for row in world.of("warehouse_metering_history")}
    adaptive = hours["ADAPT_WH", EIGHT + 3600 * SECOND]
    assert (adaptive["pool_kind"], adaptive["own_units"], adaptive["units"]) == ("adaptive", None, Decimal("2.5"))
    alone = hours["CLOUD_SERVICES_ONLY", EIGHT]
    assert (alone["pool_kind"], alone["units"], alone["overhead_units"]) == ("none", 0, Decimal("0.3"))
    assert hours["LOAD_WH", EIGHT]["pool_kind"] == "standard"


def test_before_adaptive_warehouses_no_attributed_credits_means_unknown(tmp_path: Path) -> None:
    lines = (EXPORT / "warehouse_metering_history.jsonl").read_text().replace("2026-10", "2024-07")
    (tmp_path / "warehouse_metering_history.jsonl").write_text(lines)
    with Engine() as engine:
        world = World(engine, export=tmp_path)
        view = next(view for view in Snowflake.views if view.name == "warehouse_metering_history")
        rows = world.reader.rows(
            view, datetime(2024, 7, 1, tzinfo=timezone.utc), datetime(2024, 8, 1, tzinfo=timezone.utc)
        )
        kinds = {row["pool"]: row["pool_kind"] for row in engine.rows(world.connector.normalise(view, rows)[0].rows)}
    assert kinds["ADAPT_WH"] == "standard"


def test_services_keep_their_object_and_unknown_ones_are_kept(world: World) -> None:
    lines = {row["service"]: row for row in world.of("metering_history")}
    assert "WAREHOUSE_METERING" not in lines
    assert (lines["AUTO_CLUSTERING"]["object"], lines["AUTO_CLUSTERING"]["category"]) == (
        "ANALYTICS.MARTS.ORDERS",
        "serverless",
    )
    assert (lines["AI_SERVICES"]["unit"], lines["AI_SERVICES"]["category"]) == ("AI credits", "ai")
    assert (lines["QUERY_ACCELERATION"]["pool_id"], lines["PIPE"]["pool_id"]) == ("1", None)
    assert (lines["BRAND_NEW_SERVICE"]["category"], lines["BRAND_NEW_SERVICE"]["units"]) == ("other", Decimal("0.3"))


def test_compute_of_reader_accounts_is_told_by_account_and_warehouse_and_counts_once(world: World) -> None:
    lines = world.of("reader_warehouse_metering_history")
    assert [(row["object_id"], row["object"], row["units"]) for row in lines] == [
        ("PARTNER_A.1", "PARTNER_A.VIEWERS_WH", Decimal("0.75")),
        ("PARTNER_B.1", "PARTNER_B.VIEWERS_WH", Decimal("0.5")),
    ]
    service = lines[0]["service"]
    assert Snowflake.billing.details[service] == ("metering_history", "reader_warehouse_metering_history")


def test_both_column_sets_of_search_optimization_are_read(world: World, tmp_path: Path) -> None:
    assert [(row["object_id"], row["object"]) for row in world.of("search_optimization_history")] == [
        ("501", "ANALYTICS.MARTS.ORDERS")
    ]
    old = (EXPORT / "search_optimization_history.jsonl").read_text()
    old = (
        old.replace('"TABLE_ID": null, "TABLE_NAME": null, ', "")
        .replace("BASE_TABLE", "TABLE")
        .replace("INDEX_", "GONE_")
    )
    (tmp_path / "search_optimization_history.jsonl").write_text(old)
    with Engine() as engine:
        world = World(engine, export=tmp_path)
        rows = world.of("search_optimization_history")
        assert world.reader.problems() == []
    assert [(row["object_id"], row["object"]) for row in rows] == [("501", "ANALYTICS.MARTS.ORDERS")]


def test_credits_told_as_text_are_numbers(world: World) -> None:
    assert [row["units"] for row in world.of("serverless_task_history")] == [Decimal("0.4")]
    assert [row["units"] for row in world.of("materialized_view_refresh_history")] == [Decimal("0.125")]


def test_storage_is_a_days_slice_of_a_tib_month(world: World) -> None:
    tables = {row["object"]: row for row in world.of("table_storage_metrics")}
    whole = Decimal("1.75") / 31
    assert abs(tables["ANALYTICS.MARTS.ORDERS"]["units"] - whole) < Decimal("1e-11")
    assert tables["ANALYTICS.MARTS.ORDERS_OLD"]["kind"] == "dropped table"
    assert tables["ANALYTICS.MARTS.ORDERS_OLD"]["units"] > 0
    assert tables["ANALYTICS.MARTS.CLONE"]["units"] > 0
    assert {row["unit"] for row in tables.values()} == {"TiB-months"}
    assert [row["units"] for row in world.of("storage_daily_history")] == [pytest.approx(Decimal(2) / 31)]


def test_transfer_is_told_in_tib(world: World) -> None:
    assert [(row["unit"], row["units"]) for row in world.of("data_transfer_history")] == [
        ("TiB", Decimal("0.0009765625"))
    ]


def test_the_bill_in_credits_tells_cloud_services_of_warehouses_apart(world: World) -> None:
    bill = {(row["day"], row["service"]): row for row in world.of("metering_daily_history")}
    day = EIGHT // (86_400 * SECOND)
    warehouses = bill[day, "WAREHOUSE_METERING"]
    assert (warehouses["units"], warehouses["overhead_units"], warehouses["adjustment_units"]) == (
        Decimal("16.39"),
        Decimal("0.49"),
        Decimal("-0.49"),
    )
    assert bill[day, "AUTO_CLUSTERING"]["overhead_units"] is None
    assert {row["cost"] for row in bill.values()} == {None}
    assert {row["billing_period"] for row in bill.values()} == {"2026-10"}


def test_the_bill_in_currency_is_this_accounts_and_summed_over_balances(world: World) -> None:
    bill = {(row["service"], row["kind"]): row for row in world.of("usage_in_currency_daily")}
    compute = bill["WAREHOUSE_METERING", "compute"]
    assert (compute["units"], compute["cost"], compute["currency"]) == (Decimal("15.9"), Decimal("45.32"), "EUR")
    assert bill["REBATE WAREHOUSE_METERING", "credit"]["cost"] == Decimal("-0.5")
    assert bill["WAREHOUSE_METERING", "adjustment"]["cost"] == Decimal("-0.01")
    assert bill["PRIORITY SUPPORT OTHER", "other"]["cost"] == Decimal(12)
    assert bill["CLOUD_SERVICES", "overhead"]["unit"] == "credits"
    assert bill["STORAGE", "storage"]["unit"] == "TiB-months"
    assert sum(row["cost"] for row in bill.values()) == Decimal("59.17")


def test_only_one_view_is_the_bill() -> None:
    with Engine() as engine:
        by_focus = World(engine, bill="focus")
        assert by_focus.of("usage_in_currency_daily") == []
        assert sum(row["cost"] for row in by_focus.of("focus_cost_usage_v1_3")) == Decimal("45.65")
        assert "focus_cost_usage_v1_3" in {view.name for view in by_focus.connector.views}
    with Engine() as engine:
        by_currency = World(engine)
        assert by_currency.of("focus_cost_usage_v1_3") == []
        assert "focus_cost_usage_v1_3" not in {view.name for view in by_currency.connector.views}


@pytest.mark.parametrize("account", ["acme-prod", "ACME-PROD", "xy12345.eu-central-1", "XY12345"])
def test_an_account_is_known_by_its_name_and_its_locator(account: str) -> None:
    with Engine() as engine:
        rows = World(engine, account=account).of("storage_daily_history")
    assert len(rows) == 1


def test_another_account_has_no_part_in_the_bill() -> None:
    with Engine() as engine:
        assert World(engine, account="acme-elsewhere").of("usage_in_currency_daily") == []


def test_the_rate_sheet_gives_prices_of_consumption_only(world: World) -> None:
    prices = {(row["service"], row["unit"]): row["price"] for row in world.of("rate_sheet_daily")}
    assert prices == {
        ("WAREHOUSE_METERING", "credits"): Decimal("2.85"),
        ("CLOUD_SERVICES", "credits"): Decimal("2.85"),
        ("STORAGE", "TiB-months"): Decimal(21),
        ("AI_SERVICES", "AI credits"): Decimal(2),
    }


def test_configured_prices_come_before_list_prices_of_the_edition() -> None:
    with Engine() as engine:
        rates = World(engine, rates={"compute": 2.5}, edition="standard").connector.rates()
        euro = World(engine, rates={"compute": 2.5, "currency": "EUR"}).connector.rates()
    compute = [(rate.origin, rate.price) for rate in rates if rate.unit == "credits"]
    assert compute == [("configured", Decimal("2.5")), ("list", LIST_CREDIT["standard"])]
    assert {rate.origin for rate in euro} == {"configured"}  # list prices are in dollars


def test_sessions_tell_the_tool(world: World) -> None:
    tools = {row["user"]: (row["application"], row["path"]) for row in world.of("sessions")}
    assert tools == {"DBT_SVC": ("dbt", "/usr/bin/dbt"), "TABLEAU_SVC": ("ODBC 3.2", None)}


def test_users_tell_the_roles_and_addresses_of_persons_who_are_there(world: World) -> None:
    told = {(row["user"], row["field"], row["value"]) for row in world.of("users")}
    assert told == {
        ("MIRA.SOL", "default_role", "ANALYST"),
        ("MIRA.SOL", "email", "mira@acme.example"),
        ("MIRA.SOL", "default_role", "GROWTH_DEV"),  # a day later
        ("NO.TYPE", "default_role", "GROWTH_DEV"),
    }
    held = [(row["user"], row["field"], row["value"]) for row in world.of("grants_to_users")]
    assert held == [("MIRA.SOL", "granted_role", "TEAM_GROWTH")] * 2  # on two days


def test_events_of_the_warehouse_only(world: World) -> None:
    events = {row["event"]: (row["size"], row["clusters"]) for row in world.of("warehouse_events_history")}
    assert events == {
        "resume": (None, None),
        "clusters": ("MEDIUM", 1),
        "resize": ("LARGE", None),
        "suspend": (None, None),
    }


def test_a_partial_export_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    shutil.copy(EXPORT / "query_history.jsonl", tmp_path)
    with Engine() as engine:
        assert len(World(engine, export=tmp_path).of("query_history")) == 10


def test_access_history_tells_tables_and_views_and_no_more() -> None:
    with Engine() as engine:
        world = World(engine, access_history=True)
        rows = {row["query_id"]: (row["targets"], row["reads"]) for row in world.of("access_history")}
    assert rows == {
        "01bf-0001": ('["ANALYTICS.MARTS.ORDERS"]', '["ANALYTICS.MARTS.CUSTOMERS"]'),
        "01bf-0002": (None, None),
    }


def test_access_history_is_read_where_it_is_asked_for() -> None:
    settings = {"name": "prod", "type": "snowflake", "export": EXPORT}
    asked = [
        Snowflake(SnowflakeSettings.model_validate({**settings, "access_history": wanted})).views
        for wanted in (False, True)
    ]
    assert {view.name for view in asked[1]} - {view.name for view in asked[0]} == {"access_history"}
