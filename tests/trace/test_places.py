"""The repository as it was when a query ran: bare, dirty, by branch; who wrote the line, and who owned it then."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from costlens.blame import Asked, Blame, as_json, as_lines
from costlens.commands import main
from costlens.estate import Estate, Team
from costlens.trace import FOUND, NEAR, Repository, Store

QUERY = """select device_id, event_name, count(*) as events, min(received_at) as first_seen
from {table} where received_day = '2026-10-01' group by device_id, event_name"""
JOB = '''def load(run):
    """Load a day: select nothing from anywhere where this is text."""
    run("""
        {query}
    """)
'''
MARCH, MAY, JULY = (datetime(2026, month, 1, 12, tzinfo=timezone.utc) for month in (3, 5, 7))


def git(path: Path, *arguments: str, at: datetime = MARCH, author: str = "Ada") -> str:
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in (
        ("NAME", author), ("EMAIL", f"{author.lower()}@example.org"), ("DATE", at.isoformat()))}  # fmt: skip
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=path, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """March: Ada reads raw.events. May: Grace reads raw.device_events and the owner changes."""
    path = tmp_path / "repo"
    (path / "jobs").mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    (path / "jobs" / "load.py").write_text(JOB.format(query=QUERY.format(table="raw.events")))
    (path / "CODEOWNERS").write_text("/jobs/ @acme/platform\n")
    git(path, "add", ".")
    git(path, "commit", "--quiet", "-m", "Load events")
    (path / "jobs" / "load.py").write_text(
        "# moved down\n\n" + JOB.format(query=QUERY.format(table="raw.device_events"))
    )
    (path / "CODEOWNERS").write_text("/jobs/ @acme/growth\n")
    git(path, "commit", "--quiet", "-am", "Events of devices", at=MAY, author="Grace")
    return path


def blame(path: Path, asked: Asked, branch: str | None = None) -> dict[str, object]:
    estate = Estate(teams=(Team("growth"), Team("platform")))
    with Store() as store:
        told = Blame([Repository(path, branch)], store, estate).of(asked)
        assert list(as_lines(told))
        row: dict[str, object] = json.loads(as_json(told))
        return row


def test_the_code_is_that_of_the_time(repo: Path) -> None:
    old, new = QUERY.format(table="raw.events"), QUERY.format(table="raw.device_events")
    april, june = datetime(2026, 4, 1, tzinfo=timezone.utc), datetime(2026, 6, 1, tzinfo=timezone.utc)
    row = blame(repo, Asked("q", old, april))
    assert (row["verdict"], row["line"], row["author"], row["team"]) == (FOUND, 4, "Ada", "platform")
    row = blame(repo, Asked("q", new, june))
    assert (row["verdict"], row["line"], row["author"], row["team"]) == (FOUND, 6, "Grace", "growth")
    assert row["name"] == "load"
    assert row["summary"] == "Events of devices"
    assert blame(repo, Asked("q", new, april))["verdict"] == NEAR
    assert blame(repo, Asked("q", old, june))["verdict"] == NEAR


def test_a_bare_repository_works(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    row = blame(tmp_path / "bare.git", Asked("q", QUERY.format(table="raw.device_events")))
    assert (row["verdict"], row["path"], row["line"], row["author"], row["owners"]) == (
        FOUND, "jobs/load.py", 6, "Grace", ["@acme/growth"])  # fmt: skip


def test_a_dirty_folder_is_read_as_it_lies(repo: Path) -> None:
    (repo / "new.sql").write_text(QUERY.format(table="raw.new_events"))
    (repo / "jobs" / "load.py").unlink()
    row = blame(repo, Asked("q", QUERY.format(table="raw.new_events")))
    assert (row["verdict"], row["path"], row["line"]) == (FOUND, "new.sql", 1)
    assert "author" not in row
    assert blame(repo, Asked("q", QUERY.format(table="raw.device_events")))["verdict"] == NEAR
    assert git(repo, "status", "--porcelain") == "D jobs/load.py\n?? new.sql"


def test_a_branch_is_read_without_a_checkout(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "feature")
    (repo / "jobs" / "load.py").write_text("")
    git(repo, "commit", "--quiet", "-am", "Gone", at=JULY)
    asked = Asked("q", QUERY.format(table="raw.device_events"))
    assert blame(repo, asked)["path"] is None
    assert blame(repo, asked, branch="main")["verdict"] == FOUND


def test_a_folder_of_a_repository_is_enough(repo: Path) -> None:
    row = blame(repo / "jobs", Asked("q", QUERY.format(table="raw.device_events")))
    assert (row["verdict"], row["path"], row["author"], row["owners"]) == (FOUND, "load.py", "Grace", ["@acme/growth"])


def test_the_index_on_disk_follows_changed_files(repo: Path, tmp_path: Path) -> None:
    asked = Asked("q", QUERY.format(table="raw.device_events"))
    cache = tmp_path / "cache" / "code.db"
    for _ in range(2):
        with Store(cache) as store:
            assert Blame([Repository(repo)], store).of(asked).trace.verdict == FOUND
    (repo / "jobs" / "load.py").write_text(JOB.format(query=QUERY.format(table="raw.other_events")))
    with Store(cache) as store:
        assert Blame([Repository(repo)], store).of(asked).trace.verdict == NEAR
    cache.write_bytes(b"no database")
    with Store(cache) as store:
        assert (
            Blame([Repository(repo)], store).of(Asked("q", QUERY.format(table="raw.other_events"))).trace.verdict
            == FOUND
        )


def test_people_read_lines_without_literals_or_control_codes(repo: Path, tmp_path: Path) -> None:
    (repo / "jobs" / "load.py").write_text(
        JOB.format(query=QUERY.format(table="raw.device_events").replace("2026-10-01", "secret-\x1b[31m"))
    )
    query = tmp_path / "q.sql"
    query.write_text(QUERY.format(table="raw.device_events").replace("2026-10-01", "secret-\x1b[31m"))
    done = CliRunner(env={"XDG_CACHE_HOME": str(tmp_path)}).invoke(
        main, ["blame", "--file", str(query), "--repo", str(repo)]
    )
    assert done.exit_code == 0, done.output
    assert "found     jobs/load.py:4 in load" in done.output
    assert "owner    @acme/growth" in done.output
    assert "secret" not in done.output
    assert "\x1b" not in done.output


def test_without_a_question_it_says_what_to_give(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["blame", "--repo", str(tmp_path)])
    assert done.exit_code == 1
    assert "--queries" in done.output


def test_without_a_repository_it_says_what_to_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.sql").write_text(QUERY)
    done = CliRunner().invoke(main, ["blame", "--file", "q.sql"])
    assert done.exit_code == 1
    assert "--repo" in done.output
