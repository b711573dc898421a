"""The real driver against an account that sends local-zone times, chunks and Snowflake's own errors; also run on 5.x."""

from __future__ import annotations

import importlib.util
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from costlens.engine import Engine
from costlens.errors import SourceError, ViewUnavailable
from costlens.exports import ExportReader
from costlens.typed import Problems, typed
from costlens_snowflake import Snowflake, SnowflakeSettings
from costlens_snowflake.live import QUERY_TAG

HERE = Path(__file__).parent
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
VIEWS = {view.name: view for view in Snowflake.views}


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("snowflake_wire", HERE / "wire.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["snowflake_wire"] = module
    spec.loader.exec_module(module)
    return module


wire = _load()


def connector(account: Any, **more: Any) -> Snowflake:
    given = {
        "name": "prod",
        "type": "snowflake",
        "account": "acme-prod",
        "user": "svc",
        "token": "pat-secret",
        "role": "R",
    }
    reach = {"host": "127.0.0.1", "port": account.port, "protocol": "http"}
    return Snowflake(SnowflakeSettings.model_validate({**given, **reach, **more}))


def facts(given: Snowflake, engine: Engine, name: str, rows: Any) -> list[str]:
    return [
        repr((fact.table, sorted(row.items())))
        for fact in given.normalise(VIEWS[name], rows)
        for row in engine.rows(fact.rows)
    ]


@pytest.mark.parametrize(
    "name", [view.name for view in Snowflake.views if not (view.is_snapshot or view.name.startswith("focus"))]
)
def test_every_view_gives_the_facts_of_its_export(name: str) -> None:
    problems = Problems("prod")
    found: list[str] = []
    with wire.Account() as account, Engine() as engine:
        given = connector(account)
        with given.open() as reader:
            for rows in typed(engine, VIEWS[name], reader.read(VIEWS[name], SINCE, UNTIL), problems, rows=3):
                found += facts(given, engine, name, rows)
        exported = Snowflake(given.settings.model_copy(update={"export": HERE / "export"}))
        wanted = facts(exported, engine, name, ExportReader(exported, engine).rows(VIEWS[name], SINCE, UNTIL))
    assert sorted(found) == sorted(wanted)
    assert problems.all() == []


def test_the_session_is_in_utc_and_tagged_and_there_is_one() -> None:
    with wire.Account() as account, connector(account).open() as reader:
        for name in ("query_history", "sessions"):
            assert sum(batch.num_rows for batch in reader.read(VIEWS[name], SINCE, UNTIL)) > 0
        (login,) = account.logins
        parameters = login["SESSION_PARAMETERS"]
        assert (parameters["TIMEZONE"], parameters["QUERY_TAG"]) == ("UTC", QUERY_TAG)
        assert login["AUTHENTICATOR"] == "PROGRAMMATIC_ACCESS_TOKEN"
        assert len(account.statements) == 2


def test_a_view_that_may_not_be_read_tells_the_grant() -> None:
    with wire.Account(hidden=["rate_sheet_daily"]) as account, connector(account).open() as reader:
        with pytest.raises(ViewUnavailable, match="prod: rate_sheet_daily is not there or may not be read") as caught:
            list(reader.read(VIEWS["rate_sheet_daily"], SINCE, UNTIL))
        assert caught.value.remedy.startswith("grant database role snowflake.organization_billing_viewer to role R")
        assert list(reader.read(VIEWS["sessions"], SINCE, UNTIL))


def test_columns_that_are_not_there_are_left_out_and_told() -> None:
    lacking = ["table_id", "table_name", "version"]
    with wire.Account(lacking=lacking) as account, connector(account).open() as reader:
        view = VIEWS["automatic_clustering_history"]
        (first, *_) = reader.read(view, SINCE, UNTIL)
        assert set(lacking).isdisjoint(first.schema.names)
        assert {problem.sample for problem in reader.missing_columns()} == {
            "table_id",
            "table_name",
        }  # not all have `version`


def test_a_required_column_that_is_not_there_makes_the_view_useless() -> None:
    with (
        wire.Account(lacking=["credits_used"]) as account,
        connector(account).open() as reader,
        pytest.raises(ViewUnavailable, match="pipe_usage_history has no column credits_used"),
    ):
        list(reader.read(VIEWS["pipe_usage_history"], SINCE, UNTIL))


def test_schemas_are_those_of_the_settings() -> None:
    more = {"account_usage": "COPY.USAGE", "organization_usage": "ORG", "database": "SHARED"}
    with wire.Account() as account, connector(account, **more).open() as reader:
        for name in ("sessions", "rate_sheet_daily"):
            list(reader.read(VIEWS[name], SINCE, UNTIL))
        assert "from copy.usage.sessions" in account.statements[0]
        assert "from shared.org.rate_sheet_daily" in account.statements[1]


def test_an_account_that_goes_away_is_worth_another_try() -> None:
    with wire.Account(rows_per_chunk=1) as account:
        reader = connector(account).open()
        account.chunks = _Gone()
        with pytest.raises(SourceError) as caught:
            list(reader.read(VIEWS["query_history"], SINCE, UNTIL))
        reader.close()
    message = str(caught.value)
    assert message.startswith("prod: query_history: ")
    assert "\n" not in message
    assert not caught.value.permanent


class _Gone(list[bytes]):
    """Chunks that were damaged on their way."""

    def append(self, item: bytes) -> None:
        super().append(item[: len(item) // 2])


def test_what_runs_now_is_asked_of_the_function_and_has_no_window() -> None:
    view = Snowflake.running
    assert view is not None
    now = datetime.now(timezone.utc)
    with wire.Account() as account, Engine() as engine:
        began = "timestamptz '2026-10-05 06:30:00+00'"
        for query, status in (("a", "RUNNING"), ("b", "SUCCESS")):
            values = f"'{query}', 'select 1', 'ADA', 'R', 'WH', 'X-Large', 'STANDARD', '{status}', {began}, 'h'"
            account.execute(f"insert into running_queries values ({values})")
        given, found = connector(account), Problems("prod")
        with given.open() as reader:
            chunks = typed(engine, view, reader.read(view, now - timedelta(days=1), now + timedelta(days=1)), found)
            (row,) = [row for chunk in chunks for row in engine.rows(given.normalise_running(chunk))]
        assert "table(snowflake.information_schema.query_history(result_limit => 10000))" in account.statements[-1]
    assert found.all() == []
    assert (row["query_id"], row["pool_kind"], row["pool_size"], row["shape_hint"]) == ("a", "standard", "XLARGE", "h")
    assert row["started_at"] == int(datetime(2026, 10, 5, 6, 30, tzinfo=timezone.utc).timestamp()) * 1_000_000
