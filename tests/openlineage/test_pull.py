"""Events from the receiver's spool, from files and from Marquez become runs, materializations, assets and owners."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from costlens.errors import SourceError
from costlens.orchestration import estate_of, pull
from costlens.orchestrator import Batch, Materialization
from costlens_openlineage.pull import OpenLineage, OpenLineageSettings
from tests.openlineage.serving import client, event, served
from tests.sync.conftest import CONFIG, NOW, Company, small_export
from tests.webservice import Answer, Asked, web_service

DATA = Path(__file__).parent / "data"
AT = datetime(2026, 10, 2, 3, 4, 5, 123000, tzinfo=timezone.utc)


def openlineage(base: Path, **settings: Any) -> OpenLineage:
    return OpenLineage("lineage", OpenLineageSettings(**settings), base)


def batches(source: OpenLineage, state: Any = None, since: datetime | None = None) -> list[Batch]:
    return [*source.pull(state or {}, since, NOW)]


def test_real_events_of_dbt_tell_the_statement_the_relation_and_the_chain_of_parents(tmp_path: Path) -> None:
    events = json.loads((DATA / "openlineage_dbt_snowflake_run_events.json").read_text())
    for number, one in enumerate(events):
        one["run"]["runId"] = f"run-{number}"  # in the expectation it stands for any
    (tmp_path / "events.ndjson").write_text("\n".join(json.dumps(one) for one in events) + "\n")
    (batch,) = batches(openlineage(tmp_path, files="*.ndjson"))
    assert batch.problems == ()
    assert len(batch.runs) == 6
    assert {run.job for run in batch.runs} >= {"model.jaffle_shop.orders", "model.jaffle_shop.orders.sql.1"}
    ids = [one for one in batch.materializations if one.query_ids]
    assert [one.query_ids for one in ids] == [("01b8ea94-0412-5972-2a66-0301dfe7e617",)]
    written = {one.asset for one in batch.materializations if one.asset}
    assert written == {"snowflake://mysnowflakeaccount.us-east-1.aws/REPORTING.TEST_GENERAL.orders"}
    assert batch.assets is not None
    assert [asset.key for asset in batch.assets] == ["REPORTING.TEST_GENERAL.orders"]
    assert "orders.customer_id" not in repr([one for one in batch.materializations if one.asset])


def test_one_event_in_parts(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(
        json.dumps(event(run={"runId": "r1"})) + "\nnot json\n\n" + '{"eventTime": 1}\n{"cut'
    )
    source = openlineage(tmp_path, files=["a.ndjson", str(tmp_path / "none*")])
    (batch,) = batches(source)
    assert [(problem.reason, problem.count) for problem in batch.problems] == [
        ("line is no JSON", 1),
        ("eventTime is missing or no text", 1),
    ]
    assert batch.materializations == (
        Materialization("r1", "snowflake://org-acct/ANALYTICS.MARTS.ORDERS", AT, AT, "success", code_ref="dags/l.py"),
    )
    assert batch.assets is not None
    (asset,) = batch.assets
    assert (asset.key, asset.owners) == ("ANALYTICS.MARTS.ORDERS", ("team:growth",)), "its writer's owners own it"
    assert "bigquery://shop-1.marts.orders" in asset.relations
    assert batches(source, batch.state) == []


def test_marquez_is_read_page_by_page_and_from_an_hour_before_the_last_event(tmp_path: Path) -> None:
    events = [
        event(run={"runId": f"r{number}"}, eventTime=f"2026-10-02T03:00:{number % 60:02}Z") for number in range(1_100)
    ]

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Bearer t0ken":
            return Answer({}, 401)
        offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
        return Answer({"events": events[offset : offset + limit], "totalCount": len(events)})

    with web_service(answer) as marquez:
        source = openlineage(tmp_path, marquez=marquez.url, marquez_token=SecretStr("t0ken"))
        found = batches(source)
        assert [len(batch.runs) for batch in found] == [500, 500, 100]
        assert [asked.query["offset"] for asked in marquez.asked] == ["0", "500", "1000"]
        assert "after" not in marquez.asked[0].query
        batches(source, found[-1].state)
        assert marquez.asked[-3].query["after"] == "2026-10-02T02:00:59+00:00"
        batches(source, found[-1].state, since=AT - timedelta(days=9))
        assert marquez.asked[-1].query["after"] == (AT - timedelta(days=9)).isoformat()
        stranger = openlineage(tmp_path, marquez=marquez.url, marquez_token=SecretStr("wrong-secret"))
        with pytest.raises(
            SourceError, match=r"lineage: Marquez: http://127\.0\.0\.1:[0-9]+ answered 401: give it a valid token"
        ):
            batches(stranger)
        (finding,) = stranger.check()
        assert (finding.state, "wrong-secret" in repr(finding)) == ("error", False)


def test_what_is_no_marquez_is_told(tmp_path: Path) -> None:
    with (
        web_service(lambda asked: Answer(b"<html>")) as page,
        pytest.raises(SourceError, match="did not answer with JSON"),
    ):
        batches(openlineage(tmp_path, marquez=page.url))
    with pytest.raises(SourceError, match="must begin with http"):
        batches(openlineage(tmp_path, marquez="file:///etc/passwd"))


def test_from_the_receiver_to_the_report(tmp_path: Path) -> None:
    """Airflow posts events whose ids the warehouse has: at the next sync the queries are its tables', and the spool is empty."""
    small_export(tmp_path / "export", "{t} >= '2026-10-01' and {t} < '2026-10-02'")
    assets = "assets: [{yaml: assets.yml}, {openlineage: {receive: spool}}]"
    company = Company(
        tmp_path, CONFIG.replace("assets: [{dbt: {manifest: manifest.json}}, {yaml: assets.yml}]", assets)
    )
    company.sync()
    free = company.sql(
        "select query_id, ended_at from attributions join queries on subject_id = query_id where asset is null "
        "order by md5(query_id) limit 4"
    )
    known, other, child, told = (query for query, _ in free)
    moment = free[0][1].isoformat()
    (relation,) = company.sql("select object from usage where category = 'storage' order by 1 limit 1")[0]
    with served(tmp_path / "spool") as server, client() as http:
        for query, run, output in (
            (known, "r1", relation),
            (other, "r2", "ANALYTICS.NEW.TABLE_X"),
            (child, "r3", None),
            (told, "r4", None),
        ):
            facets = {"externalQuery": {"externalQueryId": query}, "parent": {"run": {"runId": "r2"}}}
            outputs = [{"namespace": "snowflake://org-acct", "name": output}] if output else []
            sent = event(run={"runId": run, "facets": facets}, outputs=outputs, eventTime=moment)
            sent["job"]["facets"].pop("sql")
            if query == told:  # only the statement tells what is written, in names that BigQuery would take for texts
                sent["inputs"] = [{"namespace": "snowflake://org-acct", "name": "RAW.A.B"}]
                sent["job"]["facets"]["sql"] = {
                    "query": """insert into "ANALYTICS"."NEW"."Y" select 'x' from "RAW".a.b"""
                }
            assert http.post(server.url, json=sent).status_code == 201
    config = company.config
    with company.ledger() as ledger:
        done = pull(config, ledger, config.orchestrators[0], until=NOW)
        estate = estate_of(config, ledger)
    assert done.rows["runs"] == 4
    assert [*(tmp_path / "spool").iterdir()] == []
    found = {row[0]: row[1:] for row in company.sql("select subject_id, asset, method from attributions")}
    assert found[other] == found[child] == ("ANALYTICS.NEW.TABLE_X", "run")
    assert found[known][1] == "run"
    assert found[told] == ("ANALYTICS.NEW.Y", "run")
    assert "growth" in {claim.team for claim in estate.ownership if claim.asset == "ANALYTICS.NEW.TABLE_X"}
    team = company.sql("select distinct team from daily where asset = 'ANALYTICS.NEW.TABLE_X'")
    assert team == [("growth",)]
