"""The test room: a clean environment, no network but loopback, warnings are errors (pyproject.toml)."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's shell may have set, so that a test sees what a user's machine shows."""
    for name in list(os.environ):
        if name.startswith(("COSTLENS_", "SNOWFLAKE_", "GOOGLE_", "DBT_", "AIRFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "America/Los_Angeles")  # nothing may depend on the machine's zone
