"""The line that issued a statement, and the version of its code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from costlens.tagging import caller, statement
from costlens.tagging.context import Context, refine


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    caller.user_place.cache_clear()
    caller.version.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *settings, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "load orders.py").write_text("def issue(ask):\n    # a comment\n    return ask()\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def issued_by(path: Path) -> tuple[str | None, str | None]:
    """Ask for the caller from a function that stands in another file."""
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names["issue"](caller.caller)  # type: ignore[no-any-return]


def test_path_and_line_are_the_repositorys(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert issued_by(repository / "jobs" / "load orders.py") == ("jobs/load orders.py:3", head[:12])


def test_version_of_a_detached_head_a_packed_ref_and_a_worktree(repository: Path, tmp_path_factory: Any) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert caller.version(str(repository)) == head[:12]
    worktree = tmp_path_factory.mktemp("work") / "tree"
    git(repository, "worktree", "add", "-q", str(worktree), "-b", "other")
    assert caller.version(str(worktree)) == head[:12]
    git(repository, "checkout", "-q", "--detach")
    caller.version.cache_clear()
    assert caller.version(str(repository)) == head[:12]


def test_the_environments_version_comes_first(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    assert caller.version(str(repository)) == "f" * 40
    assert caller.version(None) == "f" * 40


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "\xff", "ref: ../secret", "main"])
def test_a_damaged_repository_has_no_version(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "secret").write_text("a password")
    (tmp_path / ".git" / "HEAD").write_bytes(head.encode("latin-1"))
    assert caller.version(str(tmp_path)) is None


def test_libraries_and_cells_are_passed_over(tmp_path: Path) -> None:
    library = tmp_path / "site-packages" / "lib.py"
    library.parent.mkdir()
    library.write_text("def issue(ask):\n    return ask()\n")
    line, _ = issued_by(library)
    assert line is not None
    assert line.startswith("tests/tagging/test_caller.py:")
    assert caller.user_place("<stdin>") is None
    assert caller.user_place("/tmp/ipykernel_77/1234.py") is None
    assert caller.user_place(caller.__file__) is None
    assert caller.user_place(subprocess.__file__) is None


def test_outside_a_repository_the_path_is_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert caller.user_place(str(tmp_path / "job.py")) == ("job.py", None)
    assert caller.user_place("/srv/elsewhere/job.py") == ("/srv/elsewhere/job.py", None)


def test_a_dbt_node_is_a_file_of_its_own() -> None:
    node = Context(node="model.p.x", line="models/x.sql:1", version="abc")
    undo = refine(lambda _: node)
    assert statement.subject() == (node, "models/x.sql:1", "abc")
    undo()


def test_what_the_orchestrator_knows_stands_where_no_frame_is_the_users() -> None:
    known = Context(assets=("a/b",), line="dags/nightly.py:7", version="abc")
    undo = refine(lambda _: known)
    (line,) = [found[1] for found in [statement.subject()] if found]
    assert (line or "").startswith("tests/tagging/test_caller.py:")
    with ThreadPoolExecutor(1) as pool:  # all frames of its thread are the standard library's
        found = pool.submit(statement.subject).result()
    undo()
    assert found == (known, "dags/nightly.py:7", "abc")
