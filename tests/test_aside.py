"""Two threads on one engine: each its own tables, one memory."""

from __future__ import annotations

import subprocess
import sys
import threading

import duckdb
import ibis
import pytest

from costlens.engine import Engine

INTERRUPTED = """
import os, signal, threading
import duckdb
from costlens.errors import is_interrupt

signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    duckdb.execute("select count(*) from range(3000000000) t(i), range(20) where hash(i) = 1")
except BaseException as error:
    print(is_interrupt(error))
"""
COUNTED = "select count(*) from (select distinct hash(i) from range(300000) t(i))"


def _made(engine: Engine, number: int) -> list[int]:
    rows = engine.materialise(ibis.literal(number).name("n").as_table(), "made")
    return [row["n"] for row in engine.rows(rows)]


def test_each_has_tables_of_its_own_under_the_same_names() -> None:
    with Engine() as engine:
        with engine.aside(lambda other: [_made(other, 1) for _ in range(20)]) as work:
            mine = [_made(engine, 2) for _ in range(20)]
        assert (work.result(), mine) == ([[1]] * 20, [[2]] * 20)
        assert _made(engine, 3) == [3]


def test_what_fails_aside_is_told_by_its_result_and_the_engine_goes_on() -> None:
    with Engine() as engine:
        with engine.aside(lambda other: other.connection.execute("select * from nothing").fetchall()) as work:
            assert _made(engine, 2) == [2]
        with pytest.raises(duckdb.Error, match="nothing"):
            work.result()
        assert _made(engine, 3) == [3]


def test_what_fails_in_the_block_waits_for_what_is_aside() -> None:
    done = threading.Event()

    def work(other: Engine) -> None:
        other.connection.execute(COUNTED)
        done.set()

    with Engine() as engine:
        with pytest.raises(duckdb.Error, match="nothing"), engine.aside(work):
            engine.connection.execute("select * from nothing")
        assert done.is_set()
        assert _made(engine, 3) == [3]


@pytest.mark.parametrize("ahead", [False, True])
def test_who_leaves_by_an_interrupt_does_not_wait_for_what_is_aside(ahead: bool) -> None:
    begun = threading.Event()

    def work(other: Engine) -> None:
        while True:
            _made(other, 1)
            begun.set()

    with Engine(ahead=ahead) as engine:
        with pytest.raises(KeyboardInterrupt), engine.aside(work) as unending:
            raise KeyboardInterrupt if begun.wait() else AssertionError
        with pytest.raises(duckdb.InterruptException):
            unending.result()
        assert _made(engine, 3) == [3]


def test_ctrl_c_within_a_statement_is_known_as_one() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
