"""The command line on live accounts, by the real drivers over HTTP: the charges are those of an export of the same rows."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakesnow import server as fakesnow_server  # now: once it ran, the name is its module's

from costlens.commands import main
from costlens.ledger import Ledger
from costlens.sync import Request, sync
from costlens.windows import gaps_of
from costlens_snowflake import Snowflake
from tests.bigquery.folder import write
from tests.bigquery.standin import BILLING_TABLE, Standin
from tests.bigquery.world import ADMIN, PROJECT
from tests.ports import held_port
from tests.sync.conftest import Company, small_export, unbalanced

UNTIL = "2026-10-02 06:00"
SPAN = ("--since", "2026-09-30", "--until", "2026-10-06", "--as-of", "2026-11-12")
_ORGANIZATION = {"rate_sheet_daily", "usage_in_currency_daily", "storage_daily_history"}


def run(company: Company, *words: str) -> Result:
    found = CliRunner().invoke(main, [*words, "--config", str(company.path)])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exc_info
    return found


def account_reach(account: dict[str, Any]) -> dict[str, Any]:
    quiet = {"session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}}
    return {name: account[name] for name in ("user", "password", "host", "port", "protocol")} | quiet


def company_of(folder: Path, *sources: dict[str, Any]) -> Company:
    """Return a company whose sources are these."""
    folder.mkdir(exist_ok=True)
    settings = {
        "lake": "./lake",
        "database": "sqlite:///./costlens.db",
        "sources": sources,
        "assets": [{"dbt": {"manifest": "manifest.json"}}, {"yaml": "assets.yml"}],
        "teams": "teams.yml",
    }
    return Company(folder, json.dumps(settings))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hours of the sample; a live account shows the present only of a snapshot, so both do without."""
    folder = small_export(tmp_path_factory.mktemp("sample") / "export", f"{{t}} >= '2026-10-01' and {{t}} < '{UNTIL}'")
    for view in Snowflake.views:
        if view.is_snapshot:
            (folder / f"{view.name}.parquet").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def account(export: Path) -> Iterator[dict[str, Any]]:
    """Start a server that holds the export's views as tables; servers of one process share databases, so in one of its own."""
    with held_port() as port, fakesnow_server(port=port) as given:
        # Its one second for an answer is too short on a busy machine.
        with (
            snowflake.connector.connect(**{**given, "network_timeout": 120}) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("create database if not exists encore")
            for schema in ("account_usage", "organization_usage"):
                cursor.execute(f"create schema if not exists encore.{schema}")
            for view in Snowflake.views:
                path = export / f"{view.name}.parquet"
                if not path.exists():
                    continue
                schema = "organization_usage" if view.name in _ORGANIZATION else "account_usage"
                cursor.execute(f"create table encore.{schema}.{view.name} as select * from read_parquet('{path}')")
        reach = {name: given[name] for name in ("user", "password", "host", "port", "protocol")}
        yield {"name": "prod", "type": "snowflake", "account": "acme-prod", "database": "ENCORE", **reach}


def test_snowflake_live_is_charged_as_its_export(account: dict[str, Any], export: Path, tmp_path: Path) -> None:
    rates = {"compute": 2.85, "currency": "USD"}
    live = company_of(tmp_path / "live", {**account, "rates": rates})
    exported = company_of(
        tmp_path / "exported", {"name": "prod", "type": "snowflake", "export": str(export), "rates": rates}
    )
    checked = run(live, "check").stdout
    assert "ok       prod: query_history" in checked
    done = run(live, "sync", *SPAN)
    assert done.exit_code == 0, done.output
    assert run(exported, "sync", *SPAN).exit_code == 0
    assert len(live.charges()) > 200
    assert live.charges() == exported.charges()
    reports = [
        run(company, "report", "--month", "2026-10", "--by", "team", "--format", "csv") for company in (live, exported)
    ]
    assert [found.exit_code for found in reports] == [0, 0]
    assert reports[0].stdout == reports[1].stdout


def test_without_a_grant_the_best_source_left_is_used_and_the_grant_is_told(
    account: dict[str, Any], export: Path, tmp_path: Path
) -> None:
    """Without Snowflake's own weights queries share by time; the organization's bill is not there either."""
    gone = ("query_attribution_history", "rate_sheet_daily", "usage_in_currency_daily")
    rates = {"compute": 2.85, "currency": "USD"}
    with (
        snowflake.connector.connect(**{**account_reach(account), "account": "x"}) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("create database if not exists poor")
        cursor.execute("create schema if not exists poor.usage")
        for view in Snowflake.views:
            path = export / f"{view.name}.parquet"
            if path.exists() and view.name not in gone:
                cursor.execute(f"create table poor.usage.{view.name} as select * from read_parquet('{path}')")
    places = {"account_usage": "poor.usage", "organization_usage": "poor.usage", "role": "READERS"}
    live = company_of(tmp_path / "live", {**account, **places, "rates": rates})
    done = run(live, "sync", *SPAN)
    assert done.exit_code == 0, done.output
    assert "views not read:" in done.stdout
    assert all(name in done.stdout for name in gone)
    with Ledger.open(str(tmp_path / "live" / "lake"), f"sqlite:///{tmp_path / 'live' / 'costlens.db'}") as ledger:
        missing = ledger.snapshot().info["sources"]["prod"]["missing"]
    assert set(gone) <= set(missing)
    assert "grant database role" in missing["query_attribution_history"]
    assert "grant database role snowflake.usage_viewer to role READERS" in run(live, "check").stdout
    shutil.copytree(export, tmp_path / "less")
    for name in gone:
        (tmp_path / "less" / f"{name}.parquet").unlink()
    less = {"name": "prod", "type": "snowflake", "export": str(tmp_path / "less"), "rates": rates}
    exported = company_of(tmp_path / "exported", less)
    assert run(exported, "sync", *SPAN).exit_code == 0
    assert live.charges() == exported.charges()
    with live.ledger() as ledger:
        assert unbalanced(ledger, ledger.snapshot()) == []


def test_after_downtime_the_newest_days_are_read_first_and_a_stop_in_the_middle_loses_nothing(
    account: dict[str, Any], export: Path, tmp_path: Path
) -> None:
    """Half a day is read in time, then nothing for twelve days; the catch-up ends after its first part, and another goes on."""
    rates = {"compute": 2.85, "currency": "USD"}
    live = company_of(tmp_path / "live", {**account, "rates": rates})
    began, back = datetime(2026, 10, 1, 12, tzinfo=timezone.utc), datetime(2026, 10, 13, 12, tzinfo=timezone.utc)
    as_of = datetime(2026, 11, 12, tzinfo=timezone.utc)
    config = live.config
    told: list[str] = []

    def pull(now: datetime, *, stop: bool = False) -> None:
        request = Request(now=now, as_of=as_of, since=datetime(2026, 9, 30, tzinfo=timezone.utc))
        with live.ledger() as ledger:
            sync(
                config,
                ledger,
                config.sources[0],
                replace(request, since=None) if told else request,
                told.append,
                lambda: stop,
            )
            told.append("done")

    pull(began)
    pull(back, stop=True)
    assert told[-2] == "prod: read until 2026-10-13 12:00 UTC, back to 2026-10-10 00:00"
    with live.ledger() as ledger:
        unread = gaps_of({feed: at for (_, feed), at in ledger.cursors().items()})
        assert unread["query_history"].until == datetime(2026, 10, 10, tzinfo=timezone.utc)
        assert unbalanced(ledger, ledger.snapshot()) == []
    pull(back + timedelta(hours=1))
    with live.ledger() as ledger:
        assert gaps_of({feed: at for (_, feed), at in ledger.cursors().items()}) == {}
    source = {"name": "prod", "type": "snowflake", "export": str(export), "rates": rates}
    exported = company_of(tmp_path / "exported", source)
    exported.sync(now=as_of, as_of=as_of)
    assert live.charges() == exported.charges()


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    (tmp_path / "tables").mkdir()
    with Standin(tmp_path / "tables") as server:
        yield server


def bigquery_source(folder: Path, url: str) -> dict[str, Any]:
    """Return the settings of a source whose key gets its tokens from the stand-in."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {"type": "service_account", "client_email": "c@acme-data.iam.gserviceaccount.com", "project_id": PROJECT}
    content |= {"private_key": key.decode(), "private_key_id": "k1", "token_uri": f"{url}/token"}
    (folder / "key.json").write_text(json.dumps(content))
    (folder / "key.json").chmod(0o600)
    place = {"project": PROJECT, "admin_project": ADMIN, "regions": ["us", "eu"], "billing_export": BILLING_TABLE}
    return {"name": "bq", "type": "bigquery", **place, "endpoint": url, "credentials_file": str(folder / "key.json")}


def test_bigquery_live_is_charged_as_its_export(standin: Standin, tmp_path: Path) -> None:
    source = bigquery_source(tmp_path, standin.url)
    folder = write(tmp_path / "export")
    for path in folder.rglob("capacity_commitments.*"):  # a live project shows those of today only
        path.unlink()
    span = ("--since", "2026-10-28", "--until", "2026-11-04", "--as-of", "2026-11-20")
    live = company_of(tmp_path / "live", source)
    exported = company_of(tmp_path / "exported", {**source, "export": str(folder)})
    assert "ok       bq: jobs" in run(live, "check").stdout
    done = run(live, "sync", *span)
    assert done.exit_code == 0, done.output
    assert run(exported, "sync", *span).exit_code == 0
    assert len(live.charges()) > 20
    assert live.charges() == exported.charges()
    assert run(live, "report", "--month", "2026-10").exit_code == 0


def test_an_account_that_does_not_answer_is_one_line_and_the_others_sync(
    account: dict[str, Any], export: Path, tmp_path: Path
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        lost = {**account, "name": "lost", "port": held.getsockname()[1]}
        company = company_of(tmp_path / "both", lost, {"name": "prod", "type": "snowflake", "export": str(export)})
        done = run(company, "sync")
    assert done.exit_code == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("costlens:")] == [done.stderr.splitlines()[-1]]
    assert "lost: cannot sign in to acme-prod" in done.stderr.splitlines()[-1]
    assert company.sql("select distinct source from charges") == [("prod",)]
    company.path.write_text(company.path.read_text().replace(str(lost["port"]), str(account["port"])))
    assert run(company, "sync", "--source", "lost", *SPAN).exit_code == 0
    assert company.sql("select distinct source from charges order by 1") == [("lost",), ("prod",)]
