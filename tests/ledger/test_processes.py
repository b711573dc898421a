"""Kills, pauses and crowds: whatever happens to a writing process, every reader sees books that balance."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from costlens.engine import Engine
from costlens.ledger import Ledger
from costlens.ledger.leases import Lease
from costlens.model import TABLES
from tests.ledger.conftest import fresh_postgresql
from tests.ledger.frozen import freeze
from tests.ledger.worker import AS_OF, put, totals

KILLS = {"sqlite": 28, "postgresql": 16}
#: A reader looks more often than this, however slow it is.
READS = 20


class Crowd:
    """Starts processes of `worker.py`."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("worker.py")
        self._server = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, role: str, *arguments: Any) -> int:
        return self._ask([role, *arguments])

    def wait(self, process: int) -> int:
        """Return the exit code of a process, negative for the signal that ended it."""
        return os.waitstatus_to_exitcode(self._ask(process))

    def close(self) -> None:
        self._server.communicate()

    def _ask(self, request: Any) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    started = Crowd()
    yield started
    started.close()


def wait_for(path: Path) -> None:
    last = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < last, f"{path.name} did not come"
        time.sleep(0.005)


def test_kills_never_show_unbalanced_books(
    place: tuple[str, str], tmp_path: Path, crowd: Crowd, engine: Engine
) -> None:
    chance = random.Random(20261101)
    stop, results = tmp_path / "stop", [tmp_path / f"read{number}" for number in range(2)]
    with Ledger.open(*place, lease_seconds=0.3) as ledger:
        with ledger.write("first", "test") as writer:
            put(writer, 0)
            writer.commit(AS_OF)
        readers = [crowd.start("read", *place, str(result), str(stop), READS) for result in results]
        orphans: list[bool] = []
        for number in range(KILLS[sa.make_url(place[1]).get_backend_name()]):
            point, longest = [("", 0.25), (".half", 0.04), (".done", 0.25)][number % 3]
            lingers = 30 if point == ".half" else 0.05
            begun = str(tmp_path / f"begun{number}")
            process = crowd.start("write", *place, 0.3, number * 1000, 1000, begun, lingers)
            wait_for(tmp_path / f"begun{number}{point}")
            time.sleep(chance.uniform(0, longest))
            os.kill(process, signal.SIGKILL)
            assert crowd.wait(process) == -signal.SIGKILL
            newest = ledger.snapshot()
            orphans.append(
                any(ledger.lake.open(name).version() > newest.versions[name] for name in ("usage", "charges"))
            )
        stop.touch()
        assert [crowd.wait(reader) for reader in readers] == [0, 0]
        found = [json.loads(result.read_text()) for result in results]
        assert [result["unbalanced"] for result in found] == [[], []]
        assert min(result["reads"] for result in found) > READS
        assert sum(orphans) >= len(orphans) // 3, "the kills must have hit writers in the middle"
        assert newest.id > 5, "and writers must have got somewhere"
        with ledger.write("last", "test") as writer:
            put(writer, 7)
            after = writer.commit(AS_OF)
        usage, charges = totals(ledger, engine, after)
        assert usage == charges > 0


def test_a_run_after_a_kill_gives_the_state_of_a_run_without(
    place: tuple[str, str], tmp_path: Path, crowd: Crowd, engine: Engine
) -> None:
    ready, go = tmp_path / "ready", tmp_path / "go"
    process = crowd.start("pause", *place, str(tmp_path / "result"), "commit", str(ready), str(go))
    wait_for(ready)
    os.kill(process, signal.SIGKILL)
    crowd.wait(process)
    states = []
    for lake, database in (place, (str(tmp_path / "clean"), f"sqlite:///{tmp_path / 'clean.db'}")):
        with Ledger.open(lake, database, lease_seconds=0.5) as ledger:
            with ledger.write("again", "test") as writer:
                put(writer, 1)
                made = writer.commit(AS_OF)
            states.append({name: sorted(map(str, engine.rows(ledger.table(name, made, engine)))) for name in TABLES})
    assert states[0] == states[1]
    assert states[0]["charges"]


def test_a_host_that_freezes_while_it_writes_does_not_keep_the_lease(
    postgresql: str, tmp_path: Path, crowd: Crowd
) -> None:
    """Its transaction holds the lease's row, and no network tells the server: the server itself has to end it."""
    # Where nobody ends it, waiting for its row fails after 40 s instead of never.
    url = sa.make_url(fresh_postgresql(postgresql)).update_query_dict({"options": "-c lock_timeout=40s"})
    place = (str(tmp_path / "lake"), url.render_as_string(hide_password=False))
    result, ready, go = tmp_path / "result", tmp_path / "ready", tmp_path / "go"
    with Ledger.open(*place) as ledger:
        process = crowd.start("hold", *place, str(result), str(ready), str(go))
        wait_for(ready)
        freeze(process, place[1], tmp_path)
        try:
            lease = Lease(ledger.database, "other", seconds=30, wait=40)
        finally:
            go.touch()
            os.kill(process, signal.SIGCONT)
        with lease:
            assert crowd.wait(process) == 0
            assert "idle-in-transaction timeout" in result.read_text()
            lease.check()


@pytest.mark.parametrize("step", ["usage", "charges", "commit"])
def test_a_paused_writer_that_lost_its_lease_is_fenced(
    place: tuple[str, str], tmp_path: Path, crowd: Crowd, engine: Engine, step: str
) -> None:
    result, ready, go = tmp_path / "result", tmp_path / "ready", tmp_path / "go"
    with Ledger.open(*place, lease_seconds=0.5) as ledger:
        process = crowd.start("pause", *place, str(result), step, str(ready), str(go))
        wait_for(ready)
        freeze(process, place[1], tmp_path)
        with ledger.write("second", "test") as writer:
            put(writer, 3)
            made = writer.commit(AS_OF)
        go.touch()
        os.kill(process, signal.SIGCONT)
        assert crowd.wait(process) == 0
        assert result.read_text().startswith("LeaseLost: ")
        assert ledger.snapshot() == made
        with ledger.write("third", "test") as writer:
            put(writer, 4)
            made = writer.commit(AS_OF)
        usage, charges = totals(ledger, engine, made)
        assert usage == charges < 1_000_000


def test_writers_take_turns(place: tuple[str, str], tmp_path: Path, crowd: Crowd, engine: Engine) -> None:
    writers = [crowd.start("write", *place, 20, seed, 4, str(tmp_path / "begun")) for seed in (1, 100, 200)]
    assert [crowd.wait(writer) for writer in writers] == [0, 0, 0]
    with Ledger.open(*place) as ledger:
        made = ledger.snapshots()
        assert len(made) == 12
        for snapshot in made:
            usage, charges = totals(ledger, engine, snapshot)
            assert usage == charges
        versions = [snapshot.versions["usage"] for snapshot in made]
        assert versions == sorted(set(versions))


def test_a_new_ledger_may_be_opened_by_many_at_once(place: tuple[str, str], crowd: Crowd) -> None:
    at = time.time() + 0.3
    processes = [crowd.start("open", *place, at) for _ in range(6)]
    assert [crowd.wait(process) for process in processes] == [0] * 6
    with Ledger.open(*place) as ledger, ledger.database.read() as connection:
        assert connection.execute(sa.text("select count(*) from ledger")).scalar() == 1
