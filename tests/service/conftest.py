"""A company whose service can be started, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ledger.conftest import fresh_postgresql, postgresql
from tests.shared import once
from tests.sync.conftest import CONFIG, Company, small_export

__all__ = ["postgresql"]

DAYS = "{t} >= '2026-10-01' and {t} < '2026-10-02 06:00'"
Make = Callable[..., Company]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of the sample, exported."""
    return once(tmp_path_factory, "service-export", lambda folder: small_export(folder, DAYS))


def company_of(folder: Path, export: Path, **sections: Any) -> Company:
    body = yaml.safe_load(CONFIG)
    body["sources"][0]["export"] = str(export)
    body["service"] = {"lease_seconds": 3, "grace_seconds": 2, "retry_seconds": 0.2}
    # A pull waits up to 30 s by chance, and upkeep comes at half past three: neither is what is tried.
    schedule = {"jitter_seconds": 0, "maintain": "never", **sections.pop("schedule", {})}
    return Company(folder, json.dumps({**body, "schedule": schedule, **sections}))


@pytest.fixture
def make(tmp_path: Path, export: Path) -> Make:
    """Make the company with sections of the configuration changed."""
    return partial(company_of, tmp_path, export)


@pytest.fixture(scope="session")
def _synced(tmp_path_factory: pytest.TempPathFactory, export: Path) -> Path:
    def sync(folder: Path) -> None:
        folder.mkdir()
        company_of(folder, export).sync()

    return once(tmp_path_factory, "service-synced", sync)


@pytest.fixture
def make_synced(make: Make, _synced: Path) -> Make:
    """Make the company with sections changed; its ledger is that of a sync, a copy of the same for all."""

    def made(**sections: Any) -> Company:
        company = make(**sections)
        shutil.copytree(_synced / "lake", company.folder / "lake")
        shutil.copy(_synced / "costlens.db", company.folder / "costlens.db")
        return company

    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, of either kind; SQLite's lies beside the configuration."""
    if request.param == "sqlite":
        return "sqlite:///./costlens.db"
    return fresh_postgresql(request.getfixturevalue("postgresql"))
