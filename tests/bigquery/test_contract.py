"""The connector keeps the contract that all connectors keep."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from costlens.testing import ConnectorContract
from costlens_bigquery import BigQuery


class TestBigQuery(ConnectorContract):
    connector = BigQuery
    summed = frozenset({"jobs_timeline", "reservations_timeline", "streaming_timeline", "write_api_timeline"})
    partial: ClassVar = {"jobs": "jobs that still run"}

    @pytest.fixture(autouse=True)
    def _exported(self, export: Path) -> None:
        type(self).export = export
