"""Threads that make expressions side by side get right answers, and nothing is kept of what has ended."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from typing import Any

import ibis
import pytest
from ibis.common.bases import Comparable

from costlens import engine

COLUMNS = {"a": "int64", "b": "int64"}
assert engine  # it installs what is tested here


class Slow(dict[int, dict[int, bool]]):
    """What Ibis found equal; between finding a place in it and writing there others have their turn."""

    def setdefault(self, key: int, default: dict[int, bool] | None = None, /) -> Any:
        found = super().setdefault(key, {} if default is None else default)
        time.sleep(0)
        return found


def test_threads_compare_and_forget_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda fault: faults.append(repr(fault.exc_value)))
    monkeypatch.setattr(Comparable, "__cache__", Slow(Comparable.__cache__))
    shared = [ibis.table(COLUMNS, name="t") for _ in range(3)]

    def work(number: int) -> None:
        for turn in range(400):
            mine, other = ibis.table(COLUMNS, name="t"), shared[(turn + number) % 3]
            same = mine.op() == other.op() and (mine.a + 1).op() == (other.a + 1).op()
            if not same or ibis.table(COLUMNS, name=f"u{turn % 3}").op() == other.op():
                faults.append("a wrong answer")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    shared.clear()
    gc.collect()
    assert faults == []
    alive = {id(one) for one in gc.get_objects() if isinstance(one, Comparable)}
    assert Comparable.__cache__.keys() <= alive


def test_a_process_ends_in_silence_with_objects_left() -> None:
    made = "a.x == b.x; kept.append((a.x + 1 == b.x, a.op() == b.op(), (a.x + 1).op() == (b.x + 1).op()))"
    program = f"import ibis; from costlens import engine; kept = []; a, b = (ibis.table(dict(x='int64'), name='t') for _ in 'ab'); {made}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
