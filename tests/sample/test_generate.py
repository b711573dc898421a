"""The sample can be made again, is small, and is where the package says."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from costlens_sample import folder
from costlens_sample.as_of import export_as_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, "-m", "costlens_sample.generate", str(target)], check=True)
    return target


def files(root: Path) -> list[Path]:
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path.suffix in (".parquet", ".json", ".yml"))


def test_the_generator_makes_what_is_shipped(made: Path) -> None:
    assert files(made) == files(folder())
    for path in files(made):
        if path.suffix == ".parquet":
            assert pq.read_table(made / path).equals(pq.read_table(folder() / path)), path
        else:
            assert (made / path).read_text("utf-8") == (folder() / path).read_text("utf-8"), path


def test_it_is_small() -> None:
    assert sum((folder() / path).stat().st_size for path in files(folder())) < 5_000_000


def shown(target: Path, view: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(target / view).to_pylist()
    return rows


def test_an_export_as_of_an_instant_lacks_what_had_not_come(tmp_path: Path) -> None:
    late = datetime(2026, 10, 21, 20, tzinfo=timezone.utc)
    export_as_of(late, tmp_path)
    ended = [row["END_TIME"] for row in shown(tmp_path, "snowflake/query_history.parquet")]
    assert max(ended) < late
    assert not [e for e in ended if datetime(2026, 10, 21, 14, tzinfo=timezone.utc) <= e < late.replace(hour=15)]
    restated = {
        row["USAGE_DATE"].day: row["CREDITS_BILLED"]
        for row in shown(tmp_path, "snowflake/metering_daily_history.parquet")
        if row["SERVICE_TYPE"] == "WAREHOUSE_METERING" and row["USAGE_DATE"].month == 10
    }
    export_as_of(late.replace(day=23), tmp_path)
    now = {
        row["USAGE_DATE"].day: row["CREDITS_BILLED"]
        for row in shown(tmp_path, "snowflake/metering_daily_history.parquet")
        if row["SERVICE_TYPE"] == "WAREHOUSE_METERING" and row["USAGE_DATE"].month == 10
    }
    assert {day for day in restated if now[day] != restated[day]} == {20}
    assert now[20] - restated[20] == Decimal("3.75")


def test_an_export_after_everything_came_is_the_sample(tmp_path: Path) -> None:
    export_as_of(datetime(2026, 12, 1, tzinfo=timezone.utc), tmp_path)
    for path in files(tmp_path):
        assert pq.read_table(tmp_path / path).equals(pq.read_table(folder() / path)), path
    assert len(files(tmp_path)) == len([path for path in files(folder()) if len(path.parts) > 1])
