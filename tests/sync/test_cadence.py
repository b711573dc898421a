"""However often one syncs, live or from exports, rows that come late, out of order or restated lead to the same charges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from costlens.connector import Connector
from costlens.sync import Request, sync
from costlens_snowflake import Snowflake, SnowflakeSettings
from tests.sync.arriving import Live, World
from tests.sync.conftest import Company, unbalanced

CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
assets: [{dbt: {manifest: manifest.json}}, {yaml: assets.yml}]
teams: teams.yml
"""
#: Where a first sync of the live account starts: it has nothing older.
FIRST = datetime(2026, 10, 17, tzinfo=timezone.utc)
#: Every cadence ends with a sync here, after a day without one: it goes back three days from the last that did.
END = datetime(2026, 10, 24, 8, tzinfo=timezone.utc)
LIVE = {
    "6 h": [END - timedelta(hours=hours) for hours in (*range(78, 47, -6), 0)],
    "24 h": [END - timedelta(hours=hours) for hours in (72, 48, 24, 0)],
    "100 h": [END - timedelta(hours=hours) for hours in (124, 24, 0)],
}
Charges = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def world() -> World:
    """Two days: rows come before, between and after the pulls of every cadence, the last of them 70 hours late."""
    return World("2026-10-19", "2026-10-21")


def charges_of(home: Path, syncs: Iterator[tuple[datetime, Connector]]) -> Charges:
    """Sync at each instant and return the charges after the last."""
    home.mkdir(exist_ok=True)
    company = Company(home, CONFIG)
    config = company.config
    for now, connector in syncs:
        with company.ledger() as ledger:
            sync(config, ledger, connector, Request(now=now, as_of=now, since=FIRST))
            assert unbalanced(ledger, ledger.snapshot()) == []
    return company.charges()


def live(home: Path, world: World, instants: Sequence[datetime]) -> Charges:
    return charges_of(home, ((now, Live(world, now)) for now in instants))


def exported(home: Path, world: World, instants: Sequence[datetime]) -> Charges:
    def syncs() -> Iterator[tuple[datetime, Connector]]:
        for now in instants:
            world.export(home / "export", now)
            yield now, Snowflake(SnowflakeSettings(name="prod", type="snowflake", export=home / "export"))

    return charges_of(home, syncs())


@pytest.fixture(scope="module")
def once(world: World, tmp_path_factory: pytest.TempPathFactory) -> Charges:
    """Return what one sync at the end charges."""
    return live(tmp_path_factory.mktemp("once"), world, [END])


def test_rows_are_late_restated_and_long(world: World, once: Charges) -> None:
    def count(query: str) -> int:
        row = world.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    late = "select count(*) from query_history where shown > end_time::timestamptz + interval {} hour"
    assert count(late.format(50)) > 10
    assert count(late.format(61)) == 0
    assert count("select count(*) from warehouse_metering_history where hidden < '2099-01-01'") > 10
    long = count("select count(*) from query_history where end_time - start_time = interval 40 hour")
    assert long == 1
    assert max(Counter(row[5] for row in once if row[5] != "<NA>").values()) >= 40
    assert len(once) > 1000


@pytest.mark.parametrize("cadence", LIVE)
def test_a_live_account_is_charged_alike_at_every_cadence(
    cadence: str, world: World, once: Charges, tmp_path: Path
) -> None:
    assert live(tmp_path, world, LIVE[cadence]) == once


def test_an_export_is_charged_as_the_live_account(world: World, once: Charges, tmp_path: Path) -> None:
    assert exported(tmp_path / "often", world, LIVE["100 h"]) == once
    assert exported(tmp_path / "once", world, [END]) == once


def test_files_that_come_by_the_hour_are_charged_as_one(world: World, once: Charges, tmp_path: Path) -> None:
    """A new file is read from its first row's hour on: rows before it stay, those that come late are in a file of their own."""
    instants = [END - timedelta(hours=hours) for hours in (76, 74.25, 30, 0)]

    def syncs() -> Iterator[tuple[datetime, Connector]]:
        for number, (since, now) in enumerate(pairwise([FIRST, *instants])):
            world.export_part(tmp_path / "export", number, since, now)
            yield now, Snowflake(SnowflakeSettings(name="prod", type="snowflake", export=tmp_path / "export"))

    assert charges_of(tmp_path / "ledger", syncs()) == once


def test_every_hour_of_a_day_charges_as_once(tmp_path: Path) -> None:
    world = World("2026-10-20 08:00", "2026-10-20 14:00")
    start = datetime(2026, 10, 20, 12, 30, tzinfo=timezone.utc)
    hourly = [start + timedelta(hours=hours) for hours in range(6)]
    end = start + timedelta(hours=80)
    assert live(tmp_path / "hourly", world, [*hourly, end]) == live(tmp_path / "once", world, [end])
