"""`pip install costlens`, and nothing else: the core with wrapt tags and runs commands, and says what the rest needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import wrapt

from costlens.tagging.boot import SITE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that sees this checkout and wrapt, and no other package."""
    folder = tmp_path_factory.mktemp("core")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (folder / "libraries").mkdir()
    (folder / "libraries" / "costlens").symlink_to(ROOT / "costlens")
    (folder / "libraries" / "wrapt").symlink_to(Path(wrapt.__file__).parent)
    return folder / "bin" / "python"


def run(python: Path, *arguments: str | Path, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
    folders = [python.parents[1] / "libraries", *([beside] if beside else [])]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    return subprocess.run(
        [python, "-m", "costlens", *arguments], env=settings, capture_output=True, text=True, check=False
    )


def test_a_command_is_run_for_its_asset(python: Path) -> None:
    code = "import costlens.tagging as t, sys; print(t.current().assets, t.current().team, 'costlens.startup' in sys.modules)"
    done = run(python, "run", "--asset", "etl/orders", "--team", "growth", "--", python, "-c", code)
    assert (done.stdout, done.stderr) == ("('etl/orders',) growth True\n", "")
    assert str(SITE).endswith("costlens/tagging/site")


def test_its_exit_code_is_the_commands(python: Path) -> None:
    assert run(python, "run", "--asset", "x", "--", "sh", "-c", "exit 7").returncode == 7


def test_what_cannot_be_run_is_said(python: Path) -> None:
    done = run(python, "run", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (2, "costlens: no-such-command: command not found on PATH\n")


def test_other_commands_say_what_they_need(python: Path) -> None:
    done = run(python, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("costlens: click is not installed")
    assert "pip install 'costlens[all]'" in done.stderr


def test_beside_an_orchestrator_that_brings_click(python: Path, tmp_path: Path) -> None:
    (tmp_path / "click").symlink_to(Path(click.__file__).parent)
    done = run(python, "run", "--asset", "x", "--", "sh", "-c", "exit 7", beside=tmp_path)
    assert (done.returncode, done.stderr) == (7, "")
    done = run(python, "status", beside=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0][:10], done.stderr.count("\n")) == (1, "costlens: ", 1)
    assert "click" not in done.stderr
