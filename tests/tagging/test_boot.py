"""`costlens run -- CMD`: every Python below the command tags its statements, and runs else as it would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlens.errors import UsageError
from costlens.tagging.boot import SITE, environment, exec_command

if TYPE_CHECKING:
    from tests.tagging.conftest import Wire

SCRIPT = """
import snowflake.connector
connection = snowflake.connector.connect(
    account="acme", user="u", password="p", host="localhost", port={port}, protocol="http"
)
print(connection.cursor().execute("select 1").fetchall())
connection.close()
"""
RUN = "import sys; from costlens.tagging.boot import exec_command; exec_command(sys.argv[1:], ['etl/orders'], 'growth')"


@pytest.fixture
def script(tmp_path: Path, wire: Wire) -> Path:
    path = tmp_path / "job.py"
    path.write_text(SCRIPT.format(port=wire.port))
    return path


def run(*argv: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **settings})


def test_an_unchanged_script(wire: Wire, script: Path) -> None:
    done = run(sys.executable, script)
    assert done.stdout == "[(1,)]\n"
    found = wire.cl("select 1") or {}
    assert (found["a"], found["t"], found["o"]) == (["etl/orders"], "growth", "sh")
    assert found["f"].endswith("job.py:6")


def test_a_script_below_a_shell(wire: Wire, script: Path) -> None:
    assert run("sh", "-c", f"{sys.executable} {script}; exit 7").returncode == 7
    assert (wire.cl("select 1") or {})["a"] == ["etl/orders"]


def test_by_module(wire: Wire, script: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "costlens.tagging",
        "--asset",
        "a",
        "--asset",
        "b",
        "--",
        sys.executable,
        str(script),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert (wire.cl("select 1") or {})["a"] == ["a", "b"]
    done = subprocess.run([*command[:3], "no-such-command"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "costlens: no-such-command: command not found on PATH\n"


def test_disabled(wire: Wire, script: Path) -> None:
    assert run(sys.executable, script, COSTLENS_DISABLED="1").stdout == "[(1,)]\n"
    assert wire.tag("select 1") is None


def test_the_users_own_sitecustomize_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    code = "import sys, sitecustomize; print(sitecustomize.__file__, 'costlens.startup' in sys.modules)"
    variables = environment({**os.environ, "PYTHONPATH": str(tmp_path)})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    assert done.stdout == f"mine\n{tmp_path / 'sitecustomize.py'} True\n"
    assert done.stderr == ""


def test_without_one_of_their_own_nothing_is_said() -> None:
    done = run(sys.executable, "-c", f"import sys; print({str(SITE)!r} in sys.path)")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_an_interpreter_without_costlens_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(sys.executable, "-S", "-c", "import sitecustomize; print('on')")
    assert (done.stdout, done.stderr) == ("on\n", "")


def test_the_environment_is_made_once() -> None:
    once = environment({"PYTHONPATH": "/a"}, ["x"])
    assert environment(once, "x") == once
    assert once["PYTHONPATH"] == f"{SITE}{os.pathsep}/a"
    assert environment({"COSTLENS_DISABLED": "1"}, ["x"]) == {"COSTLENS_DISABLED": "1"}


@pytest.mark.parametrize(("argv", "says"), [([], "nothing to run"), (["no-such-command"], "not found on PATH")])
def test_what_cannot_be_run_is_said(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        exec_command(argv)


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    with pytest.raises(UsageError, match=r"broken: cannot be run: Exec format error"):
        exec_command([str(broken)])
