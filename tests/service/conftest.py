"""A company whose service can be started, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ledger.conftest import fresh_postgresql, postgresql
from tests.sync.conftest import CONFIG, Company, small_export

__all__ = ["postgresql"]

DAYS = "{t} >= '2026-10-01' and {t} < '2026-10-02 06:00'"
Make = Callable[..., Company]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of the sample, exported."""
    return small_export(tmp_path_factory.mktemp("export") / "export", DAYS)


@pytest.fixture
def make(tmp_path: Path, export: Path) -> Make:
    """Make the company with sections of the configuration changed."""

    def made(**sections: Any) -> Company:
        body = yaml.safe_load(CONFIG)
        body["sources"][0]["export"] = str(export)
        body["service"] = {"lease_seconds": 3, "grace_seconds": 2, "retry_seconds": 0.2}
        return Company(tmp_path, json.dumps({**body, **sections}))

    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, of either kind; SQLite's lies beside the configuration."""
    if request.param == "sqlite":
        return "sqlite:///./costlens.db"
    return fresh_postgresql(request.getfixturevalue("postgresql"))
