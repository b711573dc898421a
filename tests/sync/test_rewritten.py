"""Files of an export that are written anew with other rows, or go away: what of it the ledger still holds."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from typing import Any

import pytest

from costlens import exported
from costlens.windows import Window
from tests.sync.conftest import NOW, Company, copy_view

#: What pays and what is paid, and their time.
VIEWS = {
    "query_history": "end_time",
    "query_attribution_history": "end_time",
    "warehouse_metering_history": "start_time",
}
DAYS = "select day::varchar, count(*) from queries group by day order by day"
#: A moment within an hour, of rows within that hour on either side.
CUT = "2026-10-02 10:30"


@pytest.fixture
def parted(company: Company) -> Company:
    """The company whose queries and metering are exported as two files each: two days and two days."""
    export = company.folder / "export"
    for view, column in VIEWS.items():
        whole = export / f"{view}.parquet"
        (export / view).mkdir()
        copy_view(whole, export / view / "1.parquet", column, "{t} < '2026-10-03'")
        copy_view(whole, export / view / "2.parquet", column, "{t} >= '2026-10-03'")
        whole.unlink()
    company.sync()
    return company


def rewrite(company: Company, name: str, where: str) -> None:
    """Write a file of each view anew, with those of its rows that fulfil a condition."""
    for view, column in VIEWS.items():
        path = company.folder / "export" / view / name
        copy_view(path, path.with_name("new"), column, where)
        path.with_name("new").replace(path)


def anew(company: Company) -> list[tuple[Any, ...]]:
    """Return the charges of a new ledger of the same files."""
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync()
    return company.charges()


@pytest.mark.parametrize("where", ["{t} < '2026-10-03 06:00'", "{t} >= '2026-10-04'", "false"])
def test_a_file_that_lost_rows_at_its_ends_takes_them_from_the_ledger(parted: Company, where: str) -> None:
    before = parted.charges()
    rewrite(parted, "2.parquet", where)
    parted.sync()
    after = parted.charges()
    assert after != before
    assert after == anew(parted)


def test_a_file_that_went_away_leaves_its_days(parted: Company) -> None:
    charges = parted.charges()
    for view in VIEWS:
        (parted.folder / "export" / view / "1.parquet").unlink()
    assert parted.sync().days_priced == 0
    assert parted.charges() == charges
    rewrite(parted, "2.parquet", "{t} < '2026-10-04'")
    parted.sync()
    assert [day for day, _ in parted.sql(DAYS)][:2] == ["2026-10-01", "2026-10-02"]
    assert parted.sql(DAYS)[-1][0] == "2026-10-03"


def test_a_file_of_the_last_days_that_moves_on_leaves_history(parted: Company) -> None:
    export = parted.folder / "export"
    for view, column in VIEWS.items():
        whole, parts = parted.folder / f"{view}.parquet", export / view
        copy_view(parts / "*.parquet", whole, column, "true")
        shutil.rmtree(parts)
        copy_view(whole, export / f"{view}.parquet", column, "{t} < '2026-10-04'")
    charges = parted.charges()
    for where in ("{t} < '2026-10-04'", f"{{t}} >= '{CUT}'"):
        for view, column in VIEWS.items():
            copy_view(parted.folder / f"{view}.parquet", export / f"{view}.parquet", column, where)
        parted.sync()
    assert parted.charges() == charges


def test_a_view_that_could_not_be_read_in_between_still_loses_what_it_lost(parted: Company) -> None:
    path = parted.folder / "export" / "query_history" / "2.parquet"
    good = path.read_bytes()
    path.write_bytes(good[:1000])
    assert parted.sync().failures
    path.write_bytes(good)
    rewrite(parted, "2.parquet", "{t} < '2026-10-04'")
    for view in VIEWS:
        (parted.folder / "export" / view / "1.parquet").unlink()
    parted.sync()
    assert [day for day, _ in parted.sql(DAYS)] == ["2026-10-01", "2026-10-02", "2026-10-03"]


def test_of_an_older_snapshot_a_file_speaks_for_what_it_holds(parted: Company) -> None:
    """Snapshots of before knew files by size and time alone."""
    connector = parted.config.sources[0]
    old = {view: {name: state[:2] for name, state in files.items()} for view, files in exported.look(connector).items()}
    whole = Window(datetime(2015, 1, 1, tzinfo=timezone.utc), NOW, is_deep=True)
    missing = exported.windows_of(connector, old, exported.look(connector, old), whole)
    assert missing.keys().isdisjoint(old)
    rewrite(parted, "2.parquet", "{t} >= '2026-10-04'")
    windows = exported.windows_of(connector, old, exported.look(connector, old), whole)
    assert windows.keys() - missing.keys() == VIEWS.keys()
    assert {windows[view].since for view in VIEWS} == {datetime(2026, 10, 4, tzinfo=timezone.utc)}


def test_a_file_that_is_as_it_was_is_not_opened(parted: Company) -> None:
    connector = parted.config.sources[0]
    seen = exported.look(connector)
    assert len(seen["query_history"]["query_history/1.parquet"]) == 4
    marked = {view: {name: [*state[:2], 7, 8] for name, state in files.items()} for view, files in seen.items()}
    assert exported.look(connector, marked) == marked
