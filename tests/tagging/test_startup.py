"""An environment whose every Python tags: nothing is loaded before a driver is, and nothing is said where CostLens is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wrapt

from costlens import startup
from costlens.tagging import instrumented
from costlens.tagging.drivers import DRIVERS

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(wrapt.__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of an environment that sees this checkout through PYTHONPATH, with the start files in it."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    made = folder / "bin" / "python"
    done = run(made, "-m", "costlens.tagging", "--install")
    assert done.stdout.split() == ["wrote", str(next(folder.rglob("costlens.pth"))), "wrote", done.stdout.split()[-1]]
    return made


def run(python: Path, *arguments: str, sees: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "connectors", LIBRARIES))) if sees else ""
    environment = {**os.environ, "PYTHONPATH": path, **settings}
    return subprocess.run([python, *arguments], env=environment, capture_output=True, text=True, check=True)


def test_nothing_is_loaded_before_a_driver_is(python: Path) -> None:
    code = "import sys; print('costlens.tagging' in sys.modules, [type(each).__name__ for each in sys.meta_path][0])"
    assert run(python, "-c", code).stdout == "False Watch\n"
    code = "import sys, json, sqlalchemy; print('costlens.tagging' in sys.modules, 'Watch' in repr(sys.meta_path))"
    assert run(python, "-c", code).stdout == "True False\n"


def test_a_driver_is_patched(python: Path) -> None:
    code = "import snowflake.connector, costlens.tagging; print(costlens.tagging.instrumented())"
    assert "snowflake.connector.connection" in run(python, "-c", code).stdout


def test_off_is_off(python: Path) -> None:
    code = "import sys, sqlalchemy; print('costlens.tagging' in sys.modules, 'Watch' in repr(sys.meta_path))"
    assert run(python, "-c", code, COSTLENS_DISABLED="1").stdout == "False False\n"


def test_where_costlens_was_removed_nothing_is_said(python: Path) -> None:
    done = run(python, "-c", "print(1)", sees=False)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_half_an_installation_is_said_and_the_import_works(python: Path, tmp_path: Path) -> None:
    (tmp_path / "wrapt.py").write_text("raise ImportError('no wrapt here')")
    (tmp_path / "sqlalchemy.py").write_text("x = 1")
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    done = run(python, "-c", "import sqlalchemy; print(sqlalchemy.x)", PYTHONPATH=path)
    assert done.stdout == "1\n"
    assert "ImportError" in done.stderr


def test_it_is_taken_out_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    run(python, "-m", "costlens.tagging", "--install")
    assert run(python, "-m", "costlens.tagging", "--uninstall").stdout.count("removed") == 2
    assert not [*tmp_path.rglob("costlens.*")]
    assert run(python, "-m", "costlens.tagging", "--uninstall").stdout == ""


def test_what_is_imported_already_is_patched_at_once() -> None:
    assert "snowflake.connector" in sys.modules or __import__("snowflake.connector")
    startup.watch()
    assert "snowflake.connector.connection" in instrumented()


def test_what_is_watched_is_all_that_can_be_tagged() -> None:
    for driver in DRIVERS:
        assert any(f"{driver.module}.".startswith(f"{package}.") for package in startup.WATCHED), driver.module
