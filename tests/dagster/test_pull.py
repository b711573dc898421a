"""Dagster's GraphQL answers, as Dagster 1.13.28 gave them, over real HTTP; the same against Dagster itself in tests/integrations."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from costlens.errors import SourceError
from costlens_dagster.pull import PAGE, Dagster, DagsterSettings
from tests.webservice import Answer, Asked, web_service

RECORDED = json.loads((Path(__file__).parent / "data" / "dagster_1_13_28.json").read_text())
NOW = datetime(2026, 11, 26, 16, tzinfo=timezone.utc)


def dagster(url: str, **more: Any) -> Dagster:
    return Dagster("dagster", DagsterSettings(url=f"{url}/graphql", **more), Path())


def recorded(asked: Asked) -> Answer:
    return Answer(RECORDED["assets" if "assetNodes" in asked.body["query"] else "runs"])


def test_assets_owners_tables_code_runs_and_materializations() -> None:
    with web_service(recorded) as service:
        first, second = [*dagster(service.url).pull({}, None, NOW)]
    assert first.assets is not None
    told = {asset.key: (asset.owners, asset.relations, asset.path) for asset in first.assets}
    assert told == {
        "marts/orders": (("team:growth", "ann@example.org"), ("ANALYTICS.MARTS.ORDERS",), "/srv/dagster/defs.py"),
        "revenue": (("team:finance",), (), "/srv/dagster/defs.py"),
        "broken": ((), (), "/srv/dagster/defs.py"),
    }
    assert [(run.status, run.job) for run in second.runs] == [("failed", None), ("success", None), ("success", None)]
    found = {one.asset: (one.partition, one.code_ref, one.query_ids) for one in second.materializations}
    assert found == {
        "marts/orders": (None, "/srv/dagster/defs.py:3", ("01b8ea94-0412-5972",)),
        "revenue": ("eu", "/srv/dagster/defs.py:7", ()),
    }
    for one in second.materializations:
        assert one.ended_at is not None
        assert one.started_at < one.ended_at, "a step begins before what it made"


def paged(runs: int) -> Callable[[Asked], Answer]:
    """As many runs, given out as Dagster does: newest first, after the cursor."""
    listed = [
        {
            "runId": f"r{number}",
            "status": "SUCCESS",
            "startTime": 1.0 * number,
            "endTime": 1.0 * number,
            "updateTime": number,
        }
        for number in range(runs, 0, -1)
    ]

    def answer(asked: Asked) -> Answer:
        if "assetNodes" in asked.body["query"]:
            return Answer({"data": {"assetNodes": []}})
        given = asked.body["variables"]
        rest = [row for row in listed if given["after"] <= row["updateTime"]]
        if given["cursor"]:
            rest = rest[1 + [row["runId"] for row in rest].index(given["cursor"]) :]
        return Answer({"data": {"runsOrError": {"__typename": "Runs", "results": rest[: given["limit"]]}}})

    return answer


@pytest.mark.parametrize("runs", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_all_pages_are_read_and_only_the_last_moves_the_cursor(runs: int) -> None:
    with web_service(paged(runs)) as service:
        source = dagster(service.url)
        batches = [*source.pull({"updated": 0.5}, None, NOW)]
        assert sorted(run.run_id for batch in batches for run in batch.runs) == sorted(f"r{n + 1}" for n in range(runs))
        assert {batch.state["updated"] for batch in batches[:-1]} == {0.5}
        assert batches[-1].state == {"updated": float(max(runs, 0.5))}
        again = [*source.pull({"updated": 1_000.0}, None, NOW)]
        assert [run.run_id for batch in again for run in batch.runs] == []
        assert service.asked[-1].body["variables"]["after"] == 400.0, "ten minutes of overlap"
        since = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=3)
        repaired = [*source.pull({"updated": 1_000.0}, since, NOW)]
        assert sum(len(batch.runs) for batch in repaired) == max(0, runs - 2)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"errors": [{"message": "Cannot query field 'owners'\nat secret"}]},
            200,
            "refused the query .Cannot query field",
        ),
        ({"data": None}, 200, "refused the query .no data"),
        ([], 200, "refused the query"),
        (
            {"data": {"runsOrError": {"__typename": "PythonError", "message": "no\nway"}}},
            200,
            "did not give its runs: no$",
        ),
        ({}, 401, "answered 401: give it a valid token"),
        (b"<html>", 200, "did not answer with JSON"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(body: Any, status: int, message: str) -> None:
    with web_service(lambda asked: Answer(body, status)) as service, pytest.raises(SourceError, match=message):
        [*dagster(service.url).pull({}, None, NOW)]


@pytest.mark.parametrize(
    ("header", "sent"), [(None, ("dagster-cloud-api-token", "t0p")), ("Authorization", ("authorization", "Bearer t0p"))]
)
def test_the_token_goes_where_it_is_wanted_and_nowhere_else(header: str | None, sent: tuple[str, str]) -> None:
    more = {"token_header": header} if header else {}
    with web_service(recorded) as service:
        source = dagster(service.url, token=SecretStr("t0p"), **more)
        [*source.pull({}, None, NOW)]
        assert {asked.headers[sent[0]] for asked in service.asked} == {sent[1]}
    assert "t0p" not in repr(source.settings)
    (finding,) = source.check()  # it is gone
    assert (finding.state, "t0p" in repr(finding), "cannot be reached" in finding.detail) == ("error", False, True)


def test_a_redirect_to_another_host_does_not_get_the_token() -> None:
    with web_service(recorded) as other:
        to = {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/graphql"}
        with web_service(lambda asked: Answer({}, 302, to)) as service, pytest.raises(SourceError, match="redirects"):
            [*dagster(service.url, token=SecretStr("t0p")).pull({}, None, NOW)]
        assert other.asked == []


def test_what_heals_is_waited_for() -> None:
    answers = iter([Answer({}, 503, {"Retry-After": "0"}), Answer({}, 429)])
    with web_service(lambda asked: next(answers, recorded(asked))) as service:
        assert len([*dagster(service.url).pull({}, None, NOW)]) == 2
