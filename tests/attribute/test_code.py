"""Method `code`: shapes that nothing else spoke of are found in a repository, as it was in the week of the query."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from costlens.engine import Engine
from costlens.estate import Asset, Estate, Team
from costlens.masking import mask_text
from costlens.settings.attribution import Settings
from costlens.trace import Repository, Store
from costlens.trace.code import Code
from tests.attribute.world import TODAY, answers_of, facts_of

MODEL = """select order_id, customer_id, sum(amount) as amount, max(paid_at) as paid_at
from {{ source('raw', 'payments') }} where status = 'settled' group by order_id, customer_id"""
ORDERS = mask_text(MODEL.replace("{{ source('raw', 'payments') }}", "RAW.RAW.PAYMENTS"))
JOB = """def purge(run, day):
    run(f"select device_id, count(*) as events, min(seen_at) as first_seen from raw.raw.devices where day < '{day}' group by device_id")
"""
DEVICES = mask_text(
    "select device_id, count(*) as events, min(seen_at) as first_seen from raw.raw.devices where day < '2026-01-01' group by device_id"
)
ESTATE = Estate(
    assets=(Asset("marts/orders", path="models/orders.sql"), Asset("marts/other", path="models/other.sql")),
    teams=(Team("platform", aliases=("@acme/data-platform",)),),
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "analytics"
    (path / "dbt" / "models").mkdir(parents=True)
    (path / "jobs").mkdir()
    (path / "dbt" / "models" / "orders.sql").write_text(MODEL)
    (path / "jobs" / "purge.py").write_text(JOB)
    (path / "CODEOWNERS").write_text("/jobs/ @acme/data-platform\n")
    return path


def told(code: Code, *, day: int = TODAY, **query: Any) -> dict[str, Any]:
    """Attribute one query, with both texts known by their shapes."""
    shapes = [{"day": day, "shape": "s1", "text": ORDERS}, {"day": day, "shape": "s2", "text": DEVICES}]
    queries = [{"query_id": "q", "day": day, **query}]
    with Engine(threads=1) as engine:
        facts = facts_of(engine, {"queries": queries, "shapes": shapes})
        (row,) = answers_of(engine, facts, ESTATE, Settings(), [day], code)
    return row


def test_a_file_that_is_an_assets_gives_the_asset(repo: Path) -> None:
    row = told(Code([Repository(repo)], Store()), shape="s1")
    assert (row["asset"], row["method"], row["confidence"]) == ("marts/orders", "code", 0.9)
    assert row["code_ref"] == "dbt/models/orders.sql:1"
    assert row["evidence"][0]["text"] == "analytics/dbt/models/orders.sql:1"
    assert "settled" not in str(row)


def test_else_the_owner_of_the_file_gives_the_team(repo: Path) -> None:
    row = told(Code([Repository(repo)], Store()), shape="s2")
    assert (row["asset"], row["rule_team"], row["method"]) == (None, "platform", "code")
    assert row["evidence"][0]["text"] == "analytics/jobs/purge.py:2 in purge"


def test_a_place_that_is_nobodys_is_told_and_gives_nothing(repo: Path) -> None:
    (repo / "CODEOWNERS").unlink()
    row = told(Code([Repository(repo)], Store()), shape="s2")
    assert (row["asset"], row["rule_team"], row["method"]) == (None, None, "none")
    assert row["code_ref"] == "jobs/purge.py:2"


def test_better_evidence_wins(repo: Path) -> None:
    row = told(Code([Repository(repo)], Store()), shape="s1", tag='{"asset":"marts/other"}')
    assert (row["asset"], row["method"]) == ("marts/other", "tag")


def test_the_version_of_the_rules_tells_the_state_of_the_code(repo: Path) -> None:
    code = Code([Repository(repo)], Store())
    without = told(Code((), Store()), shape="s1")
    assert without["method"] == "none"
    assert told(code, shape="s1")["rules_version"] == f"{without['rules_version']}-{code.state(TODAY)}"


def git(path: Path, *arguments: str, at: datetime) -> None:
    stamp = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in (
        ("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", at.isoformat()))}  # fmt: skip
    environment = {**os.environ, **stamp, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=path, env=environment, check=True, capture_output=True)


def test_a_commit_changes_its_own_week_and_what_follows_only(repo: Path) -> None:
    today = datetime(1970, 1, 1, 12, tzinfo=timezone.utc) + timedelta(days=TODAY)
    git(repo, "init", "--quiet", at=today)
    git(repo, "add", ".", at=today)
    git(repo, "commit", "--quiet", "-m", "First", at=today - timedelta(days=60))
    days = [*range(TODAY - 30, TODAY + 1)]
    before = Code([Repository(repo)], Store())
    states = before.states(days)
    assert before.changed(days, states) == set()
    assert told(before, shape="s1")["asset"] == "marts/orders"
    git(repo, "rm", "--quiet", "dbt/models/orders.sql", at=today)
    git(repo, "commit", "--quiet", "-m", "Gone", at=today)
    after = Code([Repository(repo)], Store())
    changed = after.changed(days, states)
    assert changed == {day for day in days if day > TODAY - 7 and (day + 3) // 7 == (TODAY + 3) // 7}
    assert told(after, shape="s1")["asset"] is None
    assert told(after, day=TODAY - 14, shape="s1")["asset"] == "marts/orders"
    assert Code((), Store()).changed(days, states) == set(days)
