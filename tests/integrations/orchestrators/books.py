"""Pulls the recorded history by the main pipeline, as `costlens sync` does, and tells what each asset and team is charged.

The history is what the warehouses would show: each statement took so many seconds, one after the other. Comments are taken
out of the texts, so that no other evidence than the tag can speak.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.integrations.orchestrators.arrivals import Statement

START = datetime(2026, 10, 5, 8, tzinfo=timezone.utc)
CREDITS_PER_SECOND, PRICE_OF_CREDIT = Decimal("0.001"), Decimal(3)
BYTES_PER_SECOND, PRICE_OF_TIB = 1 << 33, Decimal("6.4")
IDLE_CREDITS = Decimal("0.5")

_COMMENTS = re.compile(r"/\*(?! cl_).*?\*/", re.DOTALL)  # all but ours
Row = dict[str, Any]
Costs = dict[tuple[str | None, str | None], Decimal]


@dataclass(frozen=True)
class Timed:
    """A statement, and when it ran."""

    statement: Statement
    started_at: datetime
    seconds: int

    @property
    def cost(self) -> Decimal:
        """What it costs by its own seconds."""
        if self.statement.warehouse == "snowflake":
            return self.seconds * CREDITS_PER_SECOND * PRICE_OF_CREDIT
        if self.statement.status == "FAIL":  # Google bills no job that failed
            return Decimal(0)
        return Decimal(self.seconds * BYTES_PER_SECOND) / Decimal(1 << 40) * PRICE_OF_TIB


def timed(statements: Iterable[Statement]) -> list[Timed]:
    """Give each metered statement a time of its own: some seconds, no two at once."""
    found, at = [], START
    for number, statement in enumerate(each for each in statements if each.is_metered):
        seconds = 2 + number * 5 % 7
        found.append(Timed(statement, at, seconds))
        at += timedelta(seconds=seconds)
    assert at < START + timedelta(hours=1), "too many statements for one hour"
    return found


def expected(history: Iterable[Timed], whose: Callable[[Statement], Iterable[tuple[str | None, str | None]]]) -> Costs:
    """Return what each (asset, team) shall be charged, by who the test says a statement is for; several share equally."""
    costs: Costs = {}
    for each in history:
        owners = list(whose(each.statement))
        for owner in owners:
            costs[owner] = costs.get(owner, Decimal(0)) + each.cost / len(owners)
    return {owner: cost.quantize(Decimal("1e-9")) for owner, cost in costs.items() if cost}


def charged(
    folder: Path, history: list[Timed], assets: list[Mapping[str, Any]], teams: list[str]
) -> tuple[Costs, set[str]]:
    """Sync the history in `folder` and return the cost by (asset, team) of all that is no idle time, and the methods that spoke."""
    folder.mkdir(exist_ok=True)
    _write_snowflake(folder / "snowflake", [each for each in history if each.statement.warehouse == "snowflake"])
    _write_bigquery(
        folder / "bigquery" / "region-us", [each for each in history if each.statement.warehouse == "bigquery"]
    )
    config = {
        "lake": "./lake",
        "database": "sqlite:///./costlens.db",
        "sources": [
            {
                "name": "prod",
                "type": "snowflake",
                "export": "snowflake",
                "rates": {"compute": str(PRICE_OF_CREDIT), "currency": "USD"},
            },
            {
                "name": "analytics",
                "type": "bigquery",
                "export": "bigquery",
                "regions": ["us"],
                "rates": {"on_demand": str(PRICE_OF_TIB)},
            },
        ],
        "assets": assets,
        "teams": "teams.yml",
    }
    used = {each.statement.warehouse for each in history}
    config["sources"] = [source for source in config["sources"] if source["type"] in used]  # type: ignore[index, union-attr]
    (folder / "costlens.yml").write_text(json.dumps(config))
    (folder / "teams.yml").write_text(json.dumps({"teams": [{"name": name} for name in teams]}))
    _costlens(folder, "sync", "--until", "2026-11-10", "--as-of", "2026-11-10")
    _costlens(folder, "export", "charges", "--out", "charges.csv")
    costs: Costs = {}
    methods = set()
    with (folder / "charges.csv").open() as file:
        for row in csv.DictReader(file):
            if row["category"] == "query":
                owner = (row["asset"] or None, row["team"] or None)
                costs[owner] = costs.get(owner, Decimal(0)) + Decimal(row["cost"])
                methods.add(row["attribution_method"])
    return {owner: cost.quantize(Decimal("1e-9")) for owner, cost in costs.items()}, methods


def _costlens(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-c", "from costlens.commands import main; main()", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _write_snowflake(folder: Path, history: list[Timed]) -> None:
    folder.mkdir(parents=True)
    shared = {"WAREHOUSE_ID": 1, "WAREHOUSE_NAME": "LOAD_WH"}
    queries, weights = [], []
    for each in history:
        statement, ended = each.statement, each.started_at + timedelta(seconds=each.seconds)
        times = {"START_TIME": _stamp(each.started_at), "END_TIME": _stamp(ended)}
        queries.append(
            {
                "QUERY_ID": statement.id,
                "QUERY_TEXT": _COMMENTS.sub("", statement.text),
                "QUERY_TYPE": "SELECT",
                "SESSION_ID": int(statement.session),
                "USER_NAME": "SVC",
                "ROLE_NAME": "R",
                "WAREHOUSE_SIZE": "X-Small",
                "WAREHOUSE_TYPE": "STANDARD",
                "CLUSTER_NUMBER": 1,
                "QUERY_TAG": statement.tag or "",
                "EXECUTION_STATUS": statement.status,
                "EXECUTION_TIME": each.seconds * 1000,
                **shared,
                **times,
            }
        )
        own = str(each.seconds * CREDITS_PER_SECOND)
        weights.append({"QUERY_ID": statement.id, "CREDITS_ATTRIBUTED_COMPUTE": own, **shared, **times})
    total = sum((each.seconds * CREDITS_PER_SECOND for each in history), Decimal(0))
    hour = {"START_TIME": _stamp(START), "END_TIME": _stamp(START + timedelta(hours=1)), **shared}
    used = {"CREDITS_USED_COMPUTE": str(total + IDLE_CREDITS), "CREDITS_USED_CLOUD_SERVICES": 0}
    metering = [{**hour, **used, "CREDITS_ATTRIBUTED_COMPUTE_QUERIES": str(total)}]
    _lines(folder / "query_history.jsonl", queries)
    _lines(folder / "query_attribution_history.jsonl", weights)
    _lines(folder / "warehouse_metering_history.jsonl", metering)


def _write_bigquery(folder: Path, history: list[Timed]) -> None:
    folder.mkdir(parents=True)
    jobs = []
    for each in history:
        statement, started = each.statement, each.started_at.isoformat()
        billed = each.seconds * BYTES_PER_SECOND
        failed = {"reason": "invalidQuery", "location": "query", "debug_info": "", "message": ""}
        jobs.append(
            {
                "project_id": "shop-prod",
                "job_id": statement.id,
                "creation_time": started,
                "start_time": started,
                "end_time": (each.started_at + timedelta(seconds=each.seconds)).isoformat(),
                "job_type": "QUERY",
                "statement_type": "SELECT",
                "user_email": "svc@example.org",
                "cache_hit": False,
                "error_result": failed if statement.status == "FAIL" else None,
                "total_bytes_processed": billed,
                "total_bytes_billed": billed,
                "total_slot_ms": each.seconds * 1000,
                "labels": [{"key": key, "value": value} for key, value in statement.labels.items()],
                "query": _COMMENTS.sub("", statement.text),
            }
        )
    _lines(folder / "jobs.jsonl", jobs)


def _lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.000 +0000"
