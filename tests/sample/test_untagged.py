"""Nobody tagged anything: what evidence alone attributes of the sample, how right it is, and how the rest is fixed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens.ledger import Ledger
from costlens.reading import run_sql
from costlens_sample import folder
from tests.sample.untagged import load, name_groups, scores, share, strip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("untagged")
    strip(path)
    return path


@pytest.fixture(scope="module")
def ledger(home: Path) -> Iterator[Ledger]:
    with load(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def scored(home: Path, ledger: Ledger) -> duckdb.DuckDBPyConnection:
    return scores(home, ledger)


def _run(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, [arguments[0], "--config", str(home / "costlens.yml"), *arguments[1:]])
    assert done.exit_code == 0, done.output
    return done.output


def test_nothing_that_anybody_said_is_left(ledger: Ledger) -> None:
    said = run_sql(ledger, ledger.snapshot(), "select count(tag) + count(labels) + count(mark) as n from queries")
    assert list(said["n"]) == [0]


def test_more_than_nine_tenths_of_spend_find_their_asset_or_team_and_rightly(scored: duckdb.DuckDBPyConnection) -> None:
    _, claimed, right, asset = share(scored)
    assert claimed >= 0.91
    assert right >= 0.99
    assert asset >= 0.80


def test_persons_are_known_by_the_roles_that_they_hold(
    home: Path, tmp_path: Path, scored: duckdb.DuckDBPyConnection
) -> None:
    """One line a team names the role of its members; of those whom no line reaches or two reach nothing is claimed."""
    shutil.copytree(home, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".costlens"))
    name_groups(tmp_path)
    with load(tmp_path) as synced:
        told = scores(tmp_path, synced)
    spend, claimed, right, _ = share(told)
    assert spend == pytest.approx(share(scored)[0])  # no money moved
    assert claimed >= 0.95
    assert right >= 0.99


def test_what_is_built_finds_its_very_asset(scored: duckdb.DuckDBPyConnection) -> None:
    _, claimed, _, asset = share(scored, "tool in ('dbt', 'dagster', 'fivetran', 'airflow')")
    assert claimed >= 0.99
    assert asset >= 0.99


def test_purpose_and_environment_of_spend_are_told_rightly(
    home: Path, ledger: Ledger, scored: duckdb.DuckDBPyConnection
) -> None:
    told = run_sql(
        ledger,
        ledger.snapshot(),
        "select subject_id, max(purpose) as purpose, max(environment) as environment from attributions group by 1",
    )
    scored.register("told", told)
    right = scored.execute(
        """select sum(cost) filter (purpose = true_purpose) / sum(cost), sum(cost) filter (environment = true_environment) / sum(cost)
        from scored join told on query_id = subject_id"""
    ).fetchone()
    assert right is not None
    assert right[0] >= 0.95
    assert right[1] >= 0.95


def test_why_tells_all_that_spoke(home: Path, ledger: Ledger) -> None:
    found = run_sql(
        ledger,
        ledger.snapshot(),
        "select min(subject_id) as id from attributions where method = 'target' and evidence like '%principal%'",
    )
    answer = json.loads(_run(home, "why", found["id"][0], "--json"))
    assert [entry["method"] for entry in answer["evidence"]][:1] == ["target"]
    assert answer["evidence"][0]["wins"] is True
    assert answer["deed"]["targets"]
    text = _run(home, "why", found["id"][0])
    assert "who pays" in text
    assert "=> target" in text


def test_the_rest_is_persons_whose_team_no_one_wrote_down_and_naming_few_reaches_the_goal(
    home: Path, ledger: Ledger
) -> None:
    """A person's team cannot be known from what the person reads; the largest are named, as a person would who reads the list."""
    truth = {row["query_id"]: row["team"] for row in pq.read_table(folder() / "truth.parquet").to_pylist()}
    groups = [
        group
        for group in json.loads(_run(home, "unattributed", "--month", "2026-10", "--json"))
        if group["kind"] == "user"
    ]
    before = (home / "teams.yml").read_text()
    for group in groups[:8]:
        listed = json.loads(_run(home, "unattributed", "--month", "2026-10", "--json"))
        number = next(each["number"] for each in listed if each["name"] == group["name"])
        said = _run(
            home,
            "unattributed",
            "--month",
            "2026-10",
            "--apply",
            str(number),
            "--team",
            truth[group["sample"]],
            "--yes",
        )
        assert f"+  - {{user: {group['name']}}}" in said or f"{{user: {group['name']}}}" in said
    assert (home / "teams.yml").read_text() != before
    with load(home) as synced:
        _, claimed, right, _ = share(scores(home, synced))
    assert claimed >= 0.95
    assert right >= 0.99
