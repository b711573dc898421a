"""From a ledger to its anomalies: what partition runs announce is no news, what is dear from its first day on is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costlens.anomaly import detect
from costlens.config import load_config
from costlens.ledger import Ledger
from costlens.orchestration import pull
from costlens.settings.anomalies import Settings
from tests.report.books import AS_OF, ledger_of, line
from tests.webservice import Answer, Asked, web_service

FIRST, ODD, UNTIL = date(2026, 9, 4), date(2026, 11, 17), date(2026, 11, 20)


def lines(asset: str, usual: float, odd: float, *, since: date = FIRST, until: date = UNTIL) -> list[dict[str, Any]]:
    """Return an asset's days: a usual cost that wavers a little, and what it cost on the odd day."""
    days = [since + timedelta(days=number) for number in range((until - since).days)]
    costs = [odd if day == ODD else usual + day.day / 9 for day in days]
    pairs = zip(days, costs, strict=True)
    return [line(str(day), f"{cost:.2f}", asset=asset, user="ETL", shape=asset, queries=9.0) for day, cost in pairs]


def partitions(many: int) -> list[dict[str, Any]]:
    """Return Dagster's runs of six weeks: one partition a day, `many` on the odd one, each in a run of its own."""
    runs = []
    for number in range(42):
        day = UNTIL - timedelta(days=number + 1)
        at = datetime(day.year, day.month, day.day, 2, tzinfo=timezone.utc).timestamp()
        for part in range(many if day == ODD else 1):
            name = f"{day - timedelta(days=part)}"
            made = {"assetKey": {"path": ["raw", "events"]}, "partition": name, "stepKey": "s", "metadataEntries": []}
            run: dict[str, Any] = {
                "runId": f"{day}-{part}",
                "jobName": "backfill",
                "status": "SUCCESS",
                "stepStats": [],
            }
            run |= {"startTime": at, "endTime": at + 60, "updateTime": at + 60}
            runs.append({**run, "assetMaterializations": [{**made, "timestamp": str(int((at + 50) * 1000))}]})
    return sorted(runs, key=lambda run: -float(str(run["updateTime"])))


def told_by_dagster(folder: Path, ledger: Ledger, many: int) -> None:
    """Pull what a Dagster says over HTTP."""
    runs = partitions(many)

    def answer(asked: Asked) -> Answer:
        if "assetNodes" in asked.body["query"]:
            return Answer({"data": {"assetNodes": []}})
        cursor = asked.body["variables"]["cursor"]
        rest = runs[1 + [run["runId"] for run in runs].index(cursor) :] if cursor else runs
        given = rest[: asked.body["variables"]["limit"]]
        return Answer({"data": {"runsOrError": {"__typename": "Runs", "results": given}}})

    with web_service(answer) as service:
        sources = [{"name": "shop", "type": "snowflake", "export": "./export"}]
        assets = [{"dagster": {"url": f"{service.url}/graphql"}}]
        body = {"lake": "./lake", "database": "sqlite:///./costlens.db", "sources": sources, "assets": assets}
        (folder / "costlens.yml").write_text(json.dumps(body))
        config = load_config(folder / "costlens.yml")
        (orchestrator,) = config.orchestrators
        pull(config, ledger, orchestrator, until=AS_OF)


def found(ledger: Ledger, at: datetime = AS_OF) -> dict[str, str]:
    return {one.key: one.form for one in detect(ledger, ledger.snapshot(), Settings(), at)}


@pytest.fixture
def backfilled(tmp_path: Path) -> Iterator[Ledger]:
    """An asset that cost six times as much on a day, beside one that went on as ever."""
    with ledger_of(tmp_path, [*lines("raw/events", 150, 900), *lines("marts/orders", 90, 92)]) as ledger:
        yield ledger


@pytest.mark.parametrize(("partitions", "is_told"), [(6, False), (2, True), (3, True)])
def test_what_partition_runs_announce_is_no_news(
    tmp_path: Path, backfilled: Ledger, partitions: int, is_told: bool
) -> None:
    assert found(backfilled) == {"raw/events": "spike"}, "without runs nobody knows that it is one"
    told_by_dagster(tmp_path, backfilled, partitions)
    assert found(backfilled) == ({"raw/events": "spike"} if is_told else {})


def test_what_is_dear_from_its_first_day_on_is_told_at_once(tmp_path: Path) -> None:
    dear = lines("lab/embeddings", 80, 80, since=ODD)
    cheap = lines("lab/notes", 9, 9, since=ODD)
    with ledger_of(tmp_path, [*lines("marts/orders", 300, 300), *dear, *cheap]) as ledger:
        assert found(ledger, datetime(2026, 11, 18, 6, tzinfo=timezone.utc)) == {"lab/embeddings": "new"}
        (one,) = detect(ledger, ledger.snapshot(), Settings(), AS_OF)
        assert (one.first_day, one.last_day, one.is_over) == (ODD, UNTIL - timedelta(days=1), False)
        assert one.expected == one.low == Decimal(0)
        assert 0 < one.high < one.actual == one.money
        assert [driver["driver"] for driver in (one.explanation or {})["drivers"]] == ["new work"]


def test_nothing_is_new_where_nothing_is_known(tmp_path: Path) -> None:
    with ledger_of(tmp_path, lines("lab/embeddings", 800, 800, since=date(2026, 11, 10))) as ledger:
        assert found(ledger) == {}
