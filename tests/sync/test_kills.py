"""A sync may be killed at any instant, or meet another: what a reader sees always balances, and a later run puts all right."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb

from costlens.errors import LedgerEmpty
from tests.sync.conftest import Company, unbalanced

KILLS = 8
COMMAND = [sys.executable, "-c", "from costlens.commands import main; main()", "sync", "--as-of", "2026-11-12"]


def start(company: Company) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "--config", str(company.path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


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
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            with self.company.ledger() as ledger:
                try:
                    snapshot = ledger.snapshot()
                except LedgerEmpty:
                    continue
                self.wrong.extend(ledger.read(lambda newest: unbalanced(ledger, newest)))
                self.snapshots.add(snapshot.id)
                self.reads += 1


def test_killed_syncs_never_show_unbalanced_books_and_lose_nothing(company: Company) -> None:
    dice = random.Random(11)
    whole = company.folder / "whole"
    shutil.copytree(company.folder / "export", whole)
    company.sync()
    reader = Reader(company)
    reader.start()
    killed = 0
    try:
        for number in range(KILLS):
            restate(company, whole, number)
            process = start(company)
            # A run takes seconds: some are killed while they pull, some in the middle of a commit, some never.
            time.sleep(dice.uniform(1.0, 7.0))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.communicate()
    finally:
        reader.stopped.set()
        reader.join()
    assert killed >= KILLS // 2
    assert reader.reads >= KILLS
    assert reader.wrong == []
    after = start(company)
    errors = after.communicate()[1].decode()
    assert after.returncode == 0, errors
    through_kills = company.charges()
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync()
    assert company.charges() == through_kills


def test_two_syncs_at_once_make_one_ledger(company: Company) -> None:
    processes = [start(company), start(company)]
    errors = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    with company.ledger() as ledger:
        assert unbalanced(ledger, ledger.snapshot()) == []
    together = company.charges()
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    company.sync()
    assert company.charges() == together
