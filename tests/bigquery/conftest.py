"""The made-up project as an export, once per run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bigquery.folder import write


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported views."""
    return write(tmp_path_factory.mktemp("bigquery") / "export")
