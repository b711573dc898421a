"""The real driver reads a live account over HTTP and gives the same facts as an export of the same rows."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector

from costlens.connector import View
from costlens.engine import Engine
from costlens.errors import SourceError, ViewUnavailable
from costlens.exports import ExportReader
from costlens.typed import Problems, typed
from costlens_snowflake import Snowflake, SnowflakeSettings

EXPORT = Path(__file__).parent / "export"
SINCE = datetime(2026, 10, 1, tzinfo=timezone.utc)
UNTIL = datetime(2026, 11, 1, tzinfo=timezone.utc)
VIEWS = {view.name: view for view in Snowflake.views}


def connector(account: dict[str, Any], **more: Any) -> Snowflake:
    return Snowflake(SnowflakeSettings.model_validate({**account, **more}))


def facts(given: Snowflake, engine: Engine, view: View, rows: Any) -> list[str]:
    return [
        repr((fact.table, sorted(row.items())))
        for fact in given.normalise(view, rows)
        for row in engine.rows(fact.rows)
    ]


def live_facts(given: Snowflake, view: View, problems: Problems) -> list[str]:
    found: list[str] = []
    with Engine() as engine, given.open() as reader:
        for rows in typed(engine, view, reader.read(view, SINCE, UNTIL), problems):
            found += facts(given, engine, view, rows)
    return sorted(found)


def exported_facts(given: Snowflake, view: View) -> list[str]:
    with Engine() as engine:
        return sorted(facts(given, engine, view, ExportReader(given, engine).rows(view, SINCE, UNTIL)))


@pytest.mark.parametrize("name", [view.name for view in Snowflake.views if not view.is_snapshot])
def test_live_and_exported_rows_give_the_same_facts(account: dict[str, Any], name: str) -> None:
    problems = Problems("prod")
    for bill in (
        ("currency", "focus") if name in {"usage_in_currency_daily", "focus_cost_usage_v1_3"} else ("currency",)
    ):
        live, exported = connector(account, bill=bill), connector(account, bill=bill, export=EXPORT)
        assert live_facts(live, VIEWS[name], problems) == exported_facts(exported, VIEWS[name])
    assert problems.all() == []


def batches(given: Snowflake, name: str, since: datetime = SINCE, until: datetime = UNTIL) -> list[dict[str, Any]]:
    with given.open() as reader:
        return [row for batch in reader.read(VIEWS[name], since, until) for row in batch.to_pylist()]


def test_the_window_is_half_open(account: dict[str, Any]) -> None:
    end = datetime(2026, 10, 5, 9, 5, tzinfo=timezone.utc)  # when query 2 ended
    ended = {row["query_id"] for row in batches(connector(account), "query_history", end, end + timedelta(minutes=1))}
    assert ended == {"01bf-0002"}
    before = batches(connector(account), "query_history", end - timedelta(minutes=1), end)
    assert "01bf-0002" not in {row["query_id"] for row in before}


def test_a_snapshot_carries_the_day_it_was_read_on(account: dict[str, Any]) -> None:
    now = datetime.now(timezone.utc)
    rows = batches(connector(account), "table_storage_metrics", now - timedelta(days=3), now)
    assert {row["usage_date"] for row in rows} <= {now.date(), now.date() + timedelta(days=1)}
    assert len(rows) == 3
    assert batches(connector(account), "table_storage_metrics") == []  # what was then cannot be read now


@pytest.fixture(scope="session")
def partial(account: dict[str, Any]) -> dict[str, Any]:
    """An account of which only some views, and of these only some columns, are there."""
    reach = {name: account[name] for name in ("user", "password", "host", "port", "protocol", "account")}
    quiet = {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}
    with snowflake.connector.connect(**reach, session_parameters=quiet) as connection, connection.cursor() as cursor:
        cursor.execute("create database partial")
        cursor.execute("create schema partial.usage")
        cursor.execute(
            "create table partial.usage.automatic_clustering_history as "
            "select start_time, end_time, credits_used, table_id, schema_name, database_name "
            "from snowflake.account_usage.automatic_clustering_history"
        )
        cursor.execute("create table partial.usage.pipe_usage_history as select 1 as pipe_id")
    return {**account, "account_usage": "partial.usage", "role": "READERS"}


def test_a_view_that_may_not_be_read_tells_the_grant(partial: dict[str, Any]) -> None:
    with pytest.raises(ViewUnavailable, match="prod: query_history is not there or may not be read") as caught:
        batches(connector(partial), "query_history")
    assert caught.value.remedy == "grant database role snowflake.governance_viewer to role READERS"


def test_a_column_that_is_not_there_is_left_out_and_told(partial: dict[str, Any]) -> None:
    with connector(partial).open() as reader:
        rows = [r for b in reader.read(VIEWS["automatic_clustering_history"], SINCE, UNTIL) for r in b.to_pylist()]
        missing = [(problem.table, problem.sample) for problem in reader.missing_columns()]
    assert len(rows) == 2
    assert {"table_name", "version"}.isdisjoint(rows[0])
    assert missing == [("automatic_clustering_history", "table_name")]


def test_a_column_that_all_depends_on_makes_the_view_useless(partial: dict[str, Any]) -> None:
    with pytest.raises(ViewUnavailable, match="pipe_usage_history has no column"):
        batches(connector(partial), "pipe_usage_history")


def test_texts_none_does_not_even_select_them(account: dict[str, Any]) -> None:
    rows = batches(connector(account, texts="none"), "query_history")
    assert len(rows) == 10
    assert {"query_text", "error_message"}.isdisjoint(rows[0])
    assert {"query_text", "error_message"} <= set(batches(connector(account), "query_history")[0])


def test_times_do_not_depend_on_the_zone_of_the_machine(
    account: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    begun = min(row["start_time"] for row in batches(connector(account), "query_history"))
    assert begun.astimezone(timezone.utc) == datetime(2026, 10, 5, 8, tzinfo=timezone.utc)


class _Refusing(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"success": false, "code": "390100", "message": "Incorrect username or password was specified.", "data": {}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing on the console of the tests."""


@contextmanager
def refusing() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_wrong_password_is_told_without_it(account: dict[str, Any]) -> None:
    with refusing() as port, pytest.raises(SourceError) as caught:
        connector(account, port=port, password="hunter2-secret").open()
    message = str(caught.value)
    assert message.startswith("prod: cannot sign in to acme-prod: ")
    assert "Incorrect username or password" in message
    assert "hunter2-secret" not in message
    assert "\n" not in message


def test_an_account_that_does_not_answer_is_worth_another_try(account: dict[str, Any]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    given = connector(account, port=port)
    with pytest.raises(SourceError) as caught:
        given.open()
    assert not caught.value.permanent
