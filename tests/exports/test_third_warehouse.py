"""The door is open: a warehouse that is neither Snowflake nor BigQuery keeps the contract."""

from __future__ import annotations

import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from costlens.connector import SourceSettings, View
from costlens.engine import Engine
from costlens.exports import ExportReader
from costlens.testing import SINCE, UNTIL, ConnectorContract


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("costlens_lakehouse", Path(__file__).parent / "lakehouse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["costlens_lakehouse"] = module
    spec.loader.exec_module(module)
    return module


lakehouse = _load()
EXPORT = Path(__file__).parent / "lakehouse_export"


class TestLakehouse(ConnectorContract):
    connector = lakehouse.Lakehouse
    export = EXPORT
    summed = frozenset({"usage"})


def test_corrections_are_summed_by_the_extraction_query() -> None:
    connector = lakehouse.Lakehouse(SourceSettings(name="lake", type="lakehouse", export=EXPORT))
    with Engine() as engine:
        rows = ExportReader(connector, engine).rows(lakehouse.USAGE, SINCE, UNTIL)
        units = sorted(row["usage_quantity"] for row in engine.rows(rows))
    assert units == [Decimal(1), Decimal("4.25")]


class Loose(lakehouse.Lakehouse):  # type: ignore[misc, name-defined]
    """Breaks the contract in the ways that its tests are there to see."""

    @classmethod
    def sql(cls, view: View) -> str:
        return str(super().sql(view)).replace("end_time < :until", "date(end_time) <= :until")


class Broken(ConnectorContract):
    connector = Loose
    export = EXPORT
    summed = frozenset({"usage"})


@pytest.mark.parametrize(
    "check", ["test_sql_is_a_projection_and_a_filter", "test_sql_is_bounded_by_its_time"], ids=["functions", "bounds"]
)
def test_the_contract_sees_a_query_that_does_not_keep_it(check: str) -> None:
    with pytest.raises(AssertionError, match="history"):
        getattr(Broken(), check)()
