"""The whole way: the sample is loaded as `costlens demo` loads it, and gives the answer that it must."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests import shared

from .reading import read

SOURCES = ("encore-prod", "encore-analytics")
#: What the answer does not share out: it is checked apart.
APART = ("idle", "adjustment", "transfer")


def run(*command: str) -> None:
    tool = Path(sys.executable).parent / "costlens"
    done = subprocess.run([str(tool), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def charges(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Return a connection whose table `charges` holds October's charges, one row per charge and share of an asset."""
    config, _ = shared.demo(tmp_path_factory)
    out = config.parent / "charges.parquet"
    run("export", "charges", "--config", str(config), "--out", str(out))
    connection = duckdb.connect()
    connection.execute(f"create table charges as select * from '{out}'")
    connection.execute("create table october as select * from charges where billing_period = '2026-10'")
    return connection


def sums(charges: duckdb.DuckDBPyConnection, *by: str) -> dict[Any, float]:
    names = ", ".join(by)
    found = charges.execute(f"select {names}, sum(cost)::double from october group by {names}").fetchall()
    return {row[:-1] if len(by) > 1 else row[0]: row[-1] for row in found}


def test_all_that_is_billed_is_charged(charges: duckdb.DuckDBPyConnection, answer: dict[str, Any]) -> None:
    charged = sums(charges, "source")
    for source in SOURCES:
        assert charged[source] == pytest.approx(float(answer[source]["billed_total"]), abs=0.05)


@pytest.mark.parametrize("source", SOURCES)
def test_teams_pay_what_evidence_finds(charges: duckdb.DuckDBPyConnection, answer: dict[str, Any], source: str) -> None:
    """Within 0.5 %: queries that cross hours are spread by time, and the free tebibyte of a day falls on all alike."""
    got: dict[tuple[str, str], float] = defaultdict(float)
    for (of, team, category), cost in sums(charges, "source", "team", "category").items():
        if of == source and category not in APART:
            got[(team or "none", category)] += cost
    expected = {(team, c): cost for team, part in answer[source]["found"].items() for c, cost in part.items()}
    assert set(got) == set(expected)
    for key, cost in expected.items():
        assert got[key] == pytest.approx(cost, rel=0.005, abs=0.05), key


@pytest.mark.parametrize("source", SOURCES)
def test_idle_is_what_machines_waited(charges: duckdb.DuckDBPyConnection, answer: dict[str, Any], source: str) -> None:
    idle = sums(charges, "source", "category")[(source, "idle")]
    assert idle == pytest.approx(answer[source]["idle"], rel=0.0005)


def test_pools_hold_the_credits_that_were_metered(charges: duckdb.DuckDBPyConnection, answer: dict[str, Any]) -> None:
    rows = charges.execute(
        "select pool, category, sum(units) from october where source = 'encore-prod' and unit = 'credits' "
        "and category in ('query', 'idle') and status <> 'estimated' group by pool, category"
    ).fetchall()
    parts = {(pool, category): units for pool, category, units in rows}
    for pool, metered in answer["encore-prod"]["pools"].items():
        if pool != "CLOUD_SERVICES_ONLY":
            total = parts.get((pool, "query"), 0) + parts.get((pool, "idle"), 0)
            assert float(total) == pytest.approx(float(metered["compute"]), abs=1e-6), pool
            if metered["own"] is not None:
                assert float(parts.get((pool, "query"), 0)) == pytest.approx(float(metered["own"]), abs=1e-6), pool


def test_every_query_with_evidence_is_its_teams_and_its_assets(charges: duckdb.DuckDBPyConnection) -> None:
    rows = charges.execute(
        "select distinct source, query_id, asset, team from charges where query_id is not null"
    ).fetchall()
    truth = {(row["source"], row["query_id"]): row for row in read("truth")}
    wrong = []
    for source, query_id, asset, team in rows:
        true = truth[(source, query_id)]
        expected = None if true["evidence"] == "none" else true["team"]
        if team != expected:
            wrong.append((query_id, team, expected))
        if true["evidence"] in ("tag", "comment", "parent") and asset != true["asset"]:
            wrong.append((query_id, asset, true["asset"]))
    assert len(rows) > 24_000
    assert not wrong, (len(wrong), wrong[:5])
