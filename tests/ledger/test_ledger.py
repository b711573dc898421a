"""What a snapshot is: all of a commit or nothing, for every reader, on every database."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from costlens.engine import Engine
from costlens.errors import LedgerEmpty, LedgerError, Problem
from costlens.estate import Asset, Estate, Ownership, PrincipalRule, Team
from costlens.ledger import Ledger, Snapshot
from costlens.ledger.leases import holder_name, is_dead
from tests.ledger.conftest import AS_OF, rows, usage

HOUR = timedelta(hours=1)


def total(ledger: Ledger, snapshot: Snapshot, engine: Engine, **selection: object) -> Decimal | None:
    table = ledger.table("usage", snapshot, engine, **selection)  # type: ignore[arg-type]
    value = engine.rows(table.aggregate(total=table.units.sum()))[0]["total"]
    return None if value is None else Decimal(value)


def commit(ledger: Ledger, *units: tuple[int, str], source: str = "prod") -> Snapshot:
    with ledger.write("run", "test") as writer:
        writer.replace("usage", source, {day for day, _ in units}, usage(*units, source=source))
        return writer.commit(AS_OF)


def test_an_empty_ledger_says_so(ledger: Ledger) -> None:
    with pytest.raises(LedgerEmpty, match="run `costlens sync` first"):
        ledger.snapshot()


def test_a_commit_is_what_the_next_reader_sees(ledger: Ledger, engine: Engine) -> None:
    made = commit(ledger, (20_000, "1.5"), (20_001, "2"))
    assert ledger.snapshot() == made
    assert total(ledger, made, engine) == Decimal("3.5")


def test_what_was_not_committed_never_happened(ledger: Ledger, engine: Engine) -> None:
    first = commit(ledger, (20_000, "1"))
    with ledger.write("lost", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage((20_000, "99")))
    assert total(ledger, ledger.snapshot(), engine) == 1
    second = commit(ledger, (20_001, "2"))
    assert total(ledger, second, engine) == 3
    assert second.versions["usage"] > first.versions["usage"] + 1, "the orphan commit and its undoing stay in the log"


def test_only_the_partitions_named_are_replaced(ledger: Ledger, engine: Engine) -> None:
    commit(ledger, (20_000, "1"), (20_001, "2"))
    commit(ledger, (20_000, "10"), source="other")
    made = commit(ledger, (20_001, "5"))
    assert total(ledger, made, engine) == 16
    assert total(ledger, made, engine, source="prod") == 6
    assert total(ledger, made, engine, days=[20_000]) == 11
    assert total(ledger, made, engine, since=20_001) == 5
    assert total(ledger, made, engine, until=20_001, source="other") == 10
    assert total(ledger, made, engine, days=[]) is None


def test_no_rows_empty_the_partitions(ledger: Ledger, engine: Engine) -> None:
    commit(ledger, (20_000, "1"), (20_001, "2"))
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage())
        made = writer.commit(AS_OF)
    assert total(ledger, made, engine) == 2


def test_emptying_what_is_empty_writes_nothing(ledger: Ledger) -> None:
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage())
        assert writer.commit(AS_OF).versions["usage"] == 0


def test_a_row_outside_the_partitions_is_refused(ledger: Ledger) -> None:
    with ledger.write("run", "test") as writer, pytest.raises(ValueError, match="2024-10-05"):
        writer.replace("usage", "prod", [20_000], usage((20_000, "1"), (20_001, "1")))


def test_an_old_snapshot_reads_as_it_was(ledger: Ledger, engine: Engine) -> None:
    old = commit(ledger, (20_000, "1"))
    commit(ledger, (20_000, "7"))
    assert total(ledger, ledger.snapshot(old.id), engine) == 1
    with pytest.raises(LedgerError, match="no snapshot number 99"):
        ledger.snapshot(99)


def test_the_newest_snapshot_of_a_time(ledger: Ledger) -> None:
    made = []
    for hours in (0, 1, 2):
        with ledger.write("run", "test") as writer:
            made.append(writer.commit(AS_OF + hours * HOUR))
    assert ledger.snapshot(as_of=AS_OF + 1.5 * HOUR) == made[1]


def test_an_expression_in_pipeline_types_comes_back_the_same(ledger: Ledger, engine: Engine) -> None:
    values = {
        "day": date(2026, 10, 1),
        "query_id": "q'1",
        "user": 'a "b"',
        "ended_at": datetime(2026, 10, 1, 12, 0, 0, 123456, tzinfo=timezone.utc),
        "queued_ms": -1,
        "overhead_units": 0.1,
        "from_cache": True,
    }
    with ledger.write("run", "test") as writer:
        writer.replace("queries", "prod", [20_727], rows("queries", values))
        first = writer.commit(AS_OF)
    read = ledger.table("queries", first, engine)
    before = engine.rows(read)
    assert before[0]["ended_at"] == 1790856000123456
    assert before[0]["day"] == 20_727
    with ledger.write("run", "test") as writer:
        writer.replace("queries", "prod", [20_727], read, engine)
        second = writer.commit(AS_OF)
    assert engine.rows(ledger.table("queries", second, engine)) == before


def test_a_writer_reads_what_it_has_replaced(ledger: Ledger, engine: Engine) -> None:
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage((20_000, "4")))
        table = writer.table("usage", engine, source="prod")
        assert engine.rows(table.select("units"))[0]["units"] == 4


def test_state_goes_with_the_snapshot(ledger: Ledger) -> None:
    estate = Estate(
        assets=(Asset("marts/orders", relations=("DB.S.ORDERS",), owners=("a@example.org",)),),
        ownership=(Ownership("marts/orders", "growth", valid_from=date(2026, 1, 1)),),
        teams=(Team("growth", slack="#growth"),),
        rules=(PrincipalRule("growth", "role", "GROWTH_*", valid_to=date(2027, 1, 1)),),
        conflicts=("two teams own marts/orders",),
    )
    problem = Problem("prod", "queries", "end before start", "id 1", 3)
    with ledger.write("run", "test") as writer:
        first = writer.commit(
            AS_OF,
            cursors={("prod", "query_history"): AS_OF},
            problems=[problem],
            dirty={("prod", 20_000)},
            info={"a": 1},
        )
    assert ledger.estate() == Estate()
    with ledger.write("run", "test") as writer:
        assert writer.base == first
        second = writer.commit(AS_OF, cursors={("prod", "metering"): AS_OF + HOUR}, estate=estate)
    with ledger.write("run", "test") as writer:
        third = writer.commit(AS_OF, cursors={("prod", "metering"): AS_OF + 2 * HOUR})
    assert ledger.cursors() == {("prod", "query_history"): AS_OF, ("prod", "metering"): AS_OF + 2 * HOUR}
    assert ledger.dirty() == frozenset()
    assert ledger.problems(first) == (problem,)
    assert ledger.problems() == ()
    assert ledger.snapshot(first.id).info == {"a": 1}
    assert ledger.estate(first) == Estate()
    assert ledger.estate(second) == ledger.estate(third) == estate


def test_a_killed_process_of_this_host_blocks_nobody(ledger: Ledger) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    dead = f"{socket.gethostname()}:{gone.stdout.strip()}"
    with ExitStack() as left_open:
        left_open.enter_context(ledger.write("killed", dead))
        with ledger.write("next", holder_name(), wait=0) as writer:
            writer.commit(AS_OF)
    assert not is_dead(holder_name())
    assert not is_dead("elsewhere:1")
