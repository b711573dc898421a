"""A sync may be killed at any instant, or meet another: what a reader sees always balances, and a later run puts all right."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from costlens.errors import LedgerEmpty
from tests.forks import Forks, Run, forking
from tests.sync.conftest import Company, unbalanced

KILLS = 8
PATIENCE = 120


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forking(tmp_path_factory.mktemp("forks")) as made:
        yield made


def start(forks: Forks, company: Company) -> Run:
    return forks.start("sync", "--as-of", "2026-11-12", "--config", str(company.path))


def restate(company: Company, whole: Path, number: int) -> None:
    """Write another version of the export: a day's metering changes, some queries go, others come back."""
    export = company.folder / "export"
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select * replace (credits_used_compute * (1 + {number} / 10.0) as credits_used_compute)
                from '{whole / "warehouse_metering_history.parquet"}') to '{export / "warehouse_metering_history.parquet"}'"""
        )
        connection.execute(
            f"""copy (select * from '{whole / "query_history.parquet"}' where hash(query_id) % 20 != {number})
                to '{export / "query_history.parquet"}'"""
        )


class Reader(threading.Thread):
    """Looks at the newest snapshot again and again while others write."""

    def __init__(self, company: Company) -> None:
        super().__init__()
        self.company, self.reads, self.snapshots, self.wrong = company, 0, set[int](), list[object]()
        self.stopped, self._read = threading.Event(), threading.Condition()

    def run(self) -> None:
        while not self.stopped.wait(0.1):  # it leaves some of the machine to those who write
            with self.company.ledger() as ledger:
                try:
                    snapshot = ledger.snapshot()
                except LedgerEmpty:
                    continue
                self.wrong.extend(ledger.read(lambda newest: unbalanced(ledger, newest)))
                self.snapshots.add(snapshot.id)
            with self._read:
                self.reads += 1
                self._read.notify_all()

    def look(self) -> None:
        """Wait for a look that begins after this."""
        with self._read:
            wanted = self.reads + 2
            assert self._read.wait_for(lambda: self.reads >= wanted, PATIENCE), self.reads


def test_killed_syncs_never_show_unbalanced_books_and_lose_nothing(synced: Company, forks: Forks) -> None:
    dice = random.Random(11)
    whole = synced.folder / "whole"
    shutil.copytree(synced.folder / "export", whole)
    restate(synced, whole, KILLS)
    work = start(forks, synced).done()
    reader = Reader(synced)
    reader.start()
    killed = 0
    try:
        for number in range(KILLS):
            restate(synced, whole, number)
            # Some are killed while they pull, some while they price, some in the middle of a commit.
            killed += start(forks, synced).killed_after(dice.uniform(0.1, 1.0) * work)
            reader.look()
    finally:
        reader.stopped.set()
        reader.join()
    assert killed >= KILLS // 2
    assert reader.wrong == []
    start(forks, synced).done()
    through_kills = synced.charges()
    shutil.rmtree(synced.folder / "lake")
    (synced.folder / "costlens.db").unlink()
    synced.sync()
    assert synced.charges() == through_kills


def test_two_syncs_at_once_make_one_ledger(company: Company, forks: Forks) -> None:
    for run in [start(forks, company), start(forks, company)]:
        run.done()
    with company.ledger() as ledger:
        assert unbalanced(ledger, ledger.snapshot()) == []
    together = company.charges()
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync()
    assert company.charges() == together
