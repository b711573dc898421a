"""Processes that write and read a ledger, to be killed and paused; run as a program, it forks one per line it is sent.

Forking from a program that has imported everything and done nothing starts a process in milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis import _

from costlens.engine import Engine
from costlens.errors import LeaseLost, LedgerEmpty, LedgerError
from costlens.ledger import Ledger, Snapshot, Writer
from costlens.ledger.database import Database
from costlens.ledger.lake import schema
from costlens.ledger.leases import Lease

AS_OF = datetime(2026, 11, 1, tzinfo=timezone.utc)
DAYS = range(20_000, 20_010)


def lines(table: str, amounts: dict[int, Decimal], parts: int) -> pa.Table:
    """Return rows of a table that sum to the amount of each day."""
    kept = schema_of(table)
    values = [
        {**dict.fromkeys(kept.names), "source": "prod", "day": day, "units": amount / parts}
        for day, amount in amounts.items()
        for part in range(parts)
    ]
    return pa.Table.from_pylist(values, schema=kept)


def schema_of(table: str) -> pa.Schema:
    from costlens.model import TABLES

    return schema(TABLES[table])


def put(writer: Writer, seed: int, half: Path | None = None, lingers: float = 0) -> None:
    """Replace some days of two tables whose sums must agree: usage in one row a day, charges in eight.

    Between the two it makes the file `half` and lingers for some seconds, as a real run does, or until it is killed there.
    """
    chance = random.Random(seed)
    amounts = {day: Decimal(chance.randrange(8_000)) for day in chance.sample(DAYS, 3)}
    writer.replace("usage", "prod", list(amounts), lines("usage", amounts, 1))
    if half:
        half.touch()
        time.sleep(lingers)
    writer.replace("charges", "prod", list(amounts), lines("charges", amounts, 8))


def totals(ledger: Ledger, engine: Engine, snapshot: Snapshot) -> tuple[Decimal, Decimal]:
    """Return the two sums that must agree."""
    found = []
    for name in ("usage", "charges"):
        table = ledger.table(name, snapshot, engine, columns=["units"])
        found.append(Decimal(engine.rows(table.aggregate(total=table.units.sum()))[0]["total"] or 0))
    return found[0], found[1]


def write(lake: str, database: str, lease: float, seed: int, times: int, begun: str, lingers: float = 0.05) -> None:
    """Commit again and again; say when the lease was first held, the first commit half done, and done."""
    with Ledger.open(lake, database, lease_seconds=lease) as ledger:
        for number in range(times):
            with suppress(LeaseLost), ledger.write(f"{seed}-{number}", f"writer {seed}", wait=60) as writer:
                Path(begun).touch()
                put(writer, seed + number, Path(f"{begun}.half"), lingers)
                writer.commit(AS_OF)
                Path(f"{begun}.done").touch()


def read(lake: str, database: str, result: str, stop: str, least: int) -> None:
    """Read until told to stop, more than so often; write down how often, and every pair of sums that did not agree."""
    count, unbalanced = 0, []
    with Ledger.open(lake, database) as ledger:
        while count <= least or not Path(stop).exists():
            with Engine(memory="200MB", threads=1) as engine:
                try:
                    usage, charges = ledger.read(partial(totals, ledger, engine))
                except LedgerEmpty:
                    continue
                finally:
                    time.sleep(0.01)
            count += 1
            if usage != charges:
                unbalanced.append([str(usage), str(charges)])
    Path(result).write_text(json.dumps({"reads": count, "unbalanced": unbalanced}))


def pause(lake: str, database: str, result: str, step: str, ready: str, go: str) -> None:
    """Say `ready` before a step, wait for `go` (or be stopped meanwhile), go on, and write down what came of it."""

    def wait_before(name: str) -> None:
        if name == step:
            Path(ready).touch()
            while not Path(go).exists():
                time.sleep(0.01)

    amounts = {DAYS[0]: Decimal(1_000_000)}
    with Ledger.open(lake, database, lease_seconds=0.5) as ledger:
        try:
            with ledger.write("paused", "paused writer") as writer:
                wait_before("usage")
                writer.replace("usage", "prod", list(amounts), lines("usage", amounts, 1))
                wait_before("charges")
                writer.replace("charges", "prod", list(amounts), lines("charges", amounts, 8))
                wait_before("commit")
                writer.commit(AS_OF)
            outcome = "committed"
        except LeaseLost as error:
            outcome = f"LeaseLost: {error}"
    Path(result).write_text(outcome)


def hold(_: str, database: str, result: str, ready: str, go: str) -> None:
    """Renew a lease in a transaction, say `ready` before its end and wait there; write down what came of it."""
    opened = Database(database)
    try:
        with Lease(opened, "frozen", seconds=1, wait=0) as lease, opened.write() as connection:
            lease.confirm(connection)
            Path(ready).touch()
            while not Path(go).exists():
                time.sleep(0.01)
        outcome = "committed"
    except LedgerError as error:
        outcome = f"{type(error).__name__}: {error}"
    Path(result).write_text(outcome)


def open_only(lake: str, database: str, at: float) -> None:
    """Open the ledger at a moment that others chose too."""
    time.sleep(max(0.0, at - time.time()))
    Ledger.open(lake, database).close()


ROLES: dict[str, Callable[..., None]] = {"write": write, "read": read, "pause": pause, "hold": hold, "open": open_only}


def serve() -> None:
    """Fork a process per request and answer with its number; answer a number with how it ended."""
    for late in ("pandas", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"):
        import_module(late)
    ibis.to_sql(ibis.table({"a": "int64"}, name="t").filter(_.a > 1), dialect="duckdb")
    for line in sys.stdin:
        request: Any = json.loads(line)
        if isinstance(request, int):
            print(os.waitpid(request, 0)[1], flush=True)
            continue
        process = os.fork()
        if process == 0:
            os._exit(_run(request))
        print(process, flush=True)


def _run(request: Sequence[Any]) -> int:
    try:
        ROLES[request[0]](*request[1:])
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve()
