"""Pulling an orchestrator into the ledger: what it says is attributed whenever it comes, and one that fails stops no other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens.orchestration import pull
from tests.sync.conftest import CONFIG, NOW, Company, small_export, unbalanced

DBT = "assets: [{dbt: {manifest: manifest.json, log: 'logs/*.log'}}, {yaml: assets.yml}]"
NODES = ("model.encore.stg_braze__events", "model.encore.stg_stripe__charges")
#: What attribution says, and the money it leads to.
TOLD = """
    select day, subject_id, asset, rule_team, share, method, confidence, purpose, evidence from attributions
    where subject_kind = 'query' order by all
"""
DAILY = "select day, pool, asset, rule_team, method, purpose, cost, queries from daily order by all"


def company_at(folder: Path) -> Company:
    folder.mkdir()
    company = Company(folder, CONFIG.replace("assets: [{dbt: {manifest: manifest.json}}, {yaml: assets.yml}]", DBT))
    (folder / "logs").mkdir()
    return company


def pull_all(company: Company) -> None:
    config = company.config
    with company.ledger() as ledger:
        for orchestrator in config.orchestrators:
            pull(config, ledger, orchestrator, until=NOW)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_export(tmp_path_factory.mktemp("two_days") / "export", "{t} >= '2026-10-01' and {t} < '2026-10-03'")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, export: Path) -> Company:
    """The company without any log."""
    company = company_at(tmp_path_factory.mktemp("plain") / "company")
    (company.folder / "export").symlink_to(export)
    company.sync()
    return company


@pytest.fixture(scope="module")
def untold(plain: Company) -> list[tuple[str, datetime]]:
    """Queries whose asset nobody knows, with their ends: forty over two days."""
    found = plain.sql(
        "select query_id, ended_at from attributions join queries on subject_id = query_id "
        "where asset is null order by md5(query_id) limit 40"
    )
    assert len({at.date() for _, at in found}) == 2
    return sorted(found, key=lambda one: one[1])


def log_lines(queries: Sequence[tuple[str, datetime]]) -> list[str]:
    """A dbt log in which the queries are statements of two nodes by turns, in runs of ten."""
    lines = []
    for number, (query, at) in enumerate(queries):
        node = {"unique_id": NODES[number % 2], "node_started_at": (at - timedelta(minutes=1)).isoformat()}
        info = {"name": "SQLQueryStatus", "invocation_id": f"run{number // 10}", "thread": "t", "ts": at.isoformat()}
        lines.append(json.dumps({"data": {"query_id": query, "node_info": node}, "info": info}) + "\n")
    return lines


def state_of(company: Company) -> tuple[Any, ...]:
    return tuple(tuple(map(tuple, company.sql(query))) for query in (TOLD, DAILY))


def arrivals(company: Company, lines: Sequence[str], export: Path, how: str) -> None:
    """Let log and queries arrive in an order, with a sync after each part."""
    log, link = company.folder / "logs" / "dbt.log", company.folder / "export"
    parts: Iterator[tuple[str, ...]] = iter([tuple(lines)])
    if how == "queries first":
        link.symlink_to(export)
        company.sync()
    elif how == "in parts, later runs first":
        link.symlink_to(export)
        parts = iter([tuple(lines[25:]), tuple(lines[7:30]), tuple(lines[:9])])
    for number, part in enumerate(parts):
        (log if how != "in parts, later runs first" else log.with_name(f"{number}.log")).write_text("".join(part))
        pull_all(company)
        if link.exists():
            company.sync()
    if not link.exists():
        link.symlink_to(export)
        company.sync()


def test_what_arrives_when_makes_no_difference(
    tmp_path: Path, plain: Company, untold: list[tuple[str, datetime]], export: Path
) -> None:
    states = []
    for number, how in enumerate(("queries first", "log first", "in parts, later runs first")):
        company = company_at(tmp_path / f"company{number}")
        arrivals(company, log_lines(untold), export, how)
        assert company.charges() == plain.charges(), "no money moves"
        states.append(state_of(company))
        assert states[-1] == states[0], how
    with company.ledger() as ledger:
        asset_of = {asset.dbt_node: asset.key for asset in ledger.estate().assets}
        assert unbalanced(ledger, ledger.snapshot()) == []
    by_run = dict(company.sql("select subject_id, asset from attributions where method = 'run'"))
    assert by_run == {query: asset_of[NODES[number % 2]] for number, (query, _) in enumerate(untold)}
    company.sync(since=NOW - timedelta(days=60))
    assert state_of(company) == states[0], "a sync of everything anew says the same"


def test_a_pull_of_the_same_again_commits_nothing(tmp_path: Path, untold: list[tuple[str, datetime]]) -> None:
    company = company_at(tmp_path / "company")
    (company.folder / "logs" / "a.log").write_text("".join(log_lines(untold)))
    pull_all(company)
    rows = company.sql("select * from materializations order by all")
    assert len({row[0] for row in rows}) == 1
    assert rows[0][0] == "dbt", "the facts of an orchestrator are a source of their own"
    (company.folder / "logs" / "b.log").write_text("".join(reversed(log_lines(untold))))
    with company.ledger() as ledger:
        before = ledger.snapshot().id
    pull_all(company)
    with company.ledger() as ledger:
        assert ledger.snapshot().id == before
    assert company.sql("select * from materializations order by all") == rows


def test_one_that_fails_stops_no_other_and_is_told(tmp_path: Path, export: Path) -> None:
    company = company_at(tmp_path / "company")
    (company.folder / "export").symlink_to(export)
    logs = company.folder / "logs"
    (logs / "a.log").write_text("no json at all\n")
    found = CliRunner().invoke(main, ["sync", "--config", str(company.path)])
    assert found.exit_code == 0, found.output
    assert "dbt: nothing new" in found.output
    assert "dbt: 1 problem: `costlens check` lists them" in found.output
    assert "prod: " in found.output
    told = CliRunner().invoke(main, ["check", "--config", str(company.path)]).output
    assert f"dbt: log from {logs}/a.log: 1 × line is no JSON" in told
    (logs / "a.log").write_text("".join(itertools.islice(["\n"], 1)))
    CliRunner().invoke(main, ["sync", "--config", str(company.path), "--source", "dbt"])
    assert "no JSON" not in CliRunner().invoke(main, ["check", "--config", str(company.path)]).output
