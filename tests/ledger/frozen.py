"""Stop a process as a paused host would: it does nothing more, and does not know it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa


def freeze(process: int, database: str, folder: Path) -> None:
    """Stop a process; on SQLite at a moment at which it does not write: nothing can take a file's lock from it.

    `folder` is what a relative path of an SQLite URL starts from.
    """
    url = sa.make_url(database)
    last = time.monotonic() + 30
    while True:
        os.kill(process, signal.SIGSTOP)
        while any(_state(thread) != "T" for thread in Path(f"/proc/{process}/task").iterdir()):
            time.sleep(0.001)
        if url.get_backend_name() != "sqlite" or not _is_locked(folder / str(url.database)):
            return
        assert time.monotonic() < last, "the process never stops writing"
        os.kill(process, signal.SIGCONT)
        time.sleep(0.02)


def _state(thread: Path) -> str:
    try:
        return (thread / "stat").read_text().rpartition(") ")[2][0]
    except OSError:  # it has ended since it was listed
        return ""


def _is_locked(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
        connection.execute("rollback")
        return False
