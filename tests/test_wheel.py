"""What the wheel ships: our packages with their data, nothing beside them, and entry points that lead somewhere."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Where packages lie in the checkout; in the wheel they all stand at the top.
SOURCES = (ROOT, ROOT / "connectors", ROOT / "dashboards", ROOT / "sample_data")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def test_only_our_packages_stand_at_the_top(wheel: zipfile.Path) -> None:
    names = {each.name for each in wheel.iterdir()}
    assert {"costlens", "costlens_snowflake", "costlens_bigquery", "costlens_sample"} <= names
    assert {name for name in names if not name.startswith("costlens")} == set()


def test_every_file_of_a_package_is_shipped(wheel: zipfile.Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    files = [ROOT / name for name in listed if name]
    wanted = {
        str(file.relative_to(source))
        for source in SOURCES
        for file in files
        if file.is_relative_to(source) and file.relative_to(source).parts[0].startswith("costlens") and file.exists()
    }
    assert {Path(name).suffix for name in wanted} >= {".sql", ".yml", ".csv", ".parquet", ".typed"}
    assert "costlens/ledger/migrations/versions/0001_first.py" in wanted
    assert wanted - set(wheel.root.namelist()) == set()


def test_entry_points_lead_to_modules_that_are_shipped(wheel: zipfile.Path) -> None:
    (metadata,) = (each for each in wheel.iterdir() if each.name.endswith(".dist-info"))
    points = configparser.ConfigParser()
    points.read_string((metadata / "entry_points.txt").read_text(encoding="utf-8"))
    assert points["console_scripts"]["costlens"] == "costlens.__main__:main"
    assert set(points["costlens.connectors"]) == {"bigquery", "snowflake"}
    for group in points.sections():
        for target in points[group].values():
            module = target.partition(":")[0].replace(".", "/")
            assert (wheel / module / "__init__.py").exists() or (wheel / f"{module}.py").exists()
