"""A page says what is wrong and what to do: no configuration, no ledger, an empty one, a broken lake."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from costlens_dashboard.frame import PAGES

from .conftest import Open

EVERY_PAGE = pytest.mark.parametrize("page", [entry.name for entry in PAGES])
CONFIG = "lake: ./lake\ndatabase: sqlite:///./costlens.db\n"


@EVERY_PAGE
def test_no_configuration(show: Open, tmp_path: Path, page: str) -> None:
    app = show(tmp_path / "costlens.yml", page)
    assert not app.exception
    assert app.title[0].value == "The configuration cannot be used"
    assert "costlens init" in app.code[0].value


@EVERY_PAGE
def test_nothing_synced(show: Open, tmp_path: Path, page: str) -> None:
    (tmp_path / "costlens.yml").write_text(CONFIG)
    app = show(tmp_path / "costlens.yml", page)
    assert not app.exception
    assert app.title[0].value == "Nothing was synced yet"
    assert "costlens sync" in app.code[1].value


@EVERY_PAGE
def test_a_lake_that_is_gone_comes_back(show: Open, demo: Path, tmp_path: Path, page: str) -> None:
    shutil.copytree(demo.parent, tmp_path / "copy")
    lake = tmp_path / "copy" / ".costlens" / "lake"
    lake.rename(lake.with_name("elsewhere"))
    shutil.rmtree(lake.with_name(".lake-dashboard"), ignore_errors=True)
    app = show(tmp_path / "copy" / "costlens.yml", page)
    assert not app.exception
    assert app.title[-1].value == "The ledger cannot be read"
    assert "was `lake` moved" in app.code[0].value
    lake.with_name("elsewhere").rename(lake)
    app.run()
    assert not app.exception
    assert app.title[0].value != "The ledger cannot be read"
