"""The test room: a clean environment, no network but loopback, warnings are errors (pyproject.toml)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.together import Together

# The suite says the same of the same code, on a slow machine too; `make explore` looks for examples that nobody has seen.
# Nothing is timed, not even how long it takes to think of an example: a busy machine is no fault.
UNTIMED = [HealthCheck.too_slow]
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=UNTIMED)
settings.register_profile("explore", deadline=None, max_examples=500, suppress_health_check=UNTIMED)
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Say how tests are handed out to workers."""
    from tests.together import Together

    return Together(config, log)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's shell may have set, so that a test sees what a user's machine shows."""
    for name in list(os.environ):
        if name.startswith(("COSTLENS_", "SNOWFLAKE_", "GOOGLE_", "DBT_", "AIRFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "America/Los_Angeles")  # nothing may depend on the machine's zone
