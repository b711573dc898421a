"""A few days of the sample company as an export that a test may change, and the ledger that a sync makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import costlens_sample
from costlens.config import Config, load_config
from costlens.ledger import Ledger
from costlens.reading import run_sql
from costlens.sync import Request, Summary, sync
from costlens_snowflake import Snowflake
from tests.shared import once

CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
sources:
  - {name: prod, type: snowflake, export: ./export, rates: {compute: 2.85, currency: USD}}
assets: [{dbt: {manifest: manifest.json}}, {yaml: assets.yml}]
teams: teams.yml
"""
SINCE, UNTIL = "2026-10-01", "2026-10-05"
NOW = datetime(2026, 11, 12, tzinfo=timezone.utc)

#: What a charge is, apart from the order of rows.
CHARGES = """
    select day, hour, category, cause, pool_id, query_id, object_id, service, unit, units, cost, currency, status, method
    from charges order by all
"""


def copy_view(source: Path, target: Path, column: str, where: str) -> None:
    """Copy the rows of an exported view that fulfil a condition on its time column (`t`)."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        condition = where.replace("{t}", f"{column}::timestamptz")
        connection.execute(f"copy (select * from '{source}' where {condition}) to '{target}' (format parquet)")


def small_export(folder: Path, where: str = f"{{t}} >= '{SINCE}' and {{t}} < '{UNTIL}'") -> Path:
    """Write the sample's Snowflake views, cut to a few days, below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for view in Snowflake.views:
        source = costlens_sample.folder() / "snowflake" / f"{view.name}.parquet"
        if source.exists():
            copy_view(source, folder / source.name, view.time_column, where)
    return folder


class Company:
    """A folder with configuration and export, and what one does with it."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.folder = folder
        self.path = folder / "costlens.yml"
        self.path.write_text(config)
        for name in ("manifest.json", "assets.yml", "teams.yml"):
            shutil.copy(costlens_sample.folder() / name, folder / name)

    @property
    def config(self) -> Config:
        return load_config(self.path)

    def ledger(self) -> Ledger:
        return Ledger.open(self.config.root.lake, self.config.root.database)

    def sync(self, now: datetime = NOW, as_of: datetime | None = None, since: datetime | None = None) -> Summary:
        config = self.config
        request = Request(now=now, as_of=as_of or now, since=since, repair=since is not None)
        with self.ledger() as ledger:
            return sync(config, ledger, config.sources[0], request)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.ledger() as ledger:
            frame = run_sql(ledger, ledger.snapshot(), query)
        return [tuple(row) for row in frame.itertuples(index=False)]

    def charges(self) -> list[tuple[Any, ...]]:
        return [tuple(str(value) for value in row) for row in self.sql(CHARGES)]

    def total(self) -> Decimal:
        return Decimal(str(self.sql("select sum(cost)::varchar from charges")[0][0]))


@pytest.fixture
def company(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Company:
    """A company with four days of queries."""
    shutil.copytree(once(tmp_path_factory, "sync-export", small_export), tmp_path / "export")
    return Company(tmp_path)


@pytest.fixture
def synced(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Company:
    """The same company after a sync, in a copy of its own."""

    def sync_once(folder: Path) -> None:
        shutil.copytree(once(tmp_path_factory, "sync-export", small_export), folder / "export")
        Company(folder).sync()

    shutil.copytree(once(tmp_path_factory, "sync-synced", sync_once), tmp_path, dirs_exist_ok=True)
    return Company(tmp_path)


@pytest.fixture
def make_company(tmp_path: Path) -> Callable[[str], Company]:
    """Make companies by name, without an export."""

    def make(name: str) -> Company:
        (tmp_path / name / "export").mkdir(parents=True)
        return Company(tmp_path / name)

    return make


def unbalanced(ledger: Ledger, snapshot: Any) -> Sequence[tuple[Any, ...]]:
    """Return the pool-hours in which own and idle charges do not add up to what was metered, in one snapshot."""
    query = """
        with metered as (select pool_id, hour, sum(units) as units from metering group by all),
            charged as (
                select pool_id, hour, sum(units) as units from charges
                where hour is not null and category in ('query', 'idle') and status != 'estimated' and service = 'WAREHOUSE_METERING'
                group by all
            )
        select pool_id, hour, metered.units, charged.units from metered full join charged using (pool_id, hour)
        where coalesce(metered.units, 0) != coalesce(charged.units, 0)
    """
    return [tuple(row) for row in run_sql(ledger, snapshot, query).itertuples(index=False)]
