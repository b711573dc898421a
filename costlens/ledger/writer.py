"""The writer: replaces partitions under the commit lease, then makes them the state in one database transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from deltalake import CommitProperties, DeltaTable

from costlens.dayfiles import DayFile
from costlens.engine import Engine
from costlens.errors import LedgerEmpty, Problem
from costlens.estate import Estate
from costlens.ledger import snapshots
from costlens.ledger.database import Database
from costlens.ledger.lake import Lake, select
from costlens.ledger.leases import Lease
from costlens.ledger.partitions import Replacement, of_arrow, read
from costlens.ledger.snapshots import Cursors, Snapshot
from costlens.model import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


class Writer:
    """One run's right to change the ledger; a context manager. What it replaces counts once `commit` returns.

    On entry it takes the lease and puts every table whose head is newer than the last snapshot back to that snapshot:
    what a killed run left never happened.
    """

    def __init__(
        self, lake: Lake, database: Database, run_id: str, holder: str, *, lease_seconds: float, wait: float
    ) -> None:
        self._lake = lake
        self._database = database
        self._run_id = run_id
        self._holder = holder
        self._seconds = lease_seconds
        self._wait = wait
        self._stack = ExitStack()
        self._tables: dict[str, DeltaTable] = {}
        self.base: Snapshot | None = None

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            self._lease = stack.enter_context(
                Lease(self._database, self._holder, seconds=self._seconds, wait=self._wait)
            )
            self._note = CommitProperties(
                custom_metadata={"run_id": self._run_id, "token": str(self._lease.token)},
                max_commit_retries=0,  # exactly the next version, or not at all
            )
            try:
                self.base = snapshots.find(self._database, None, None)
            except LedgerEmpty:
                self.base = None
            for name in TABLES:
                self._tables[name] = self._start(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def _start(self, name: str) -> DeltaTable:
        version = self.base.versions.get(name, 0) if self.base else 0
        delta = self._lake.prepare(name)
        if delta.version() != version:
            self._lease.check()
            self._lake.restore(name, delta, version, self._note)
        return delta

    @overload
    def replace(
        self,
        name: str,
        source: str,
        days: Collection[int],
        rows: ir.Table,
        engine: Engine,
        ready: Collection[DayFile] = (),
    ) -> None: ...
    @overload
    def replace(
        self, name: str, source: str, days: Collection[int], rows: pa.Table | pa.RecordBatchReader | Sequence[Path]
    ) -> None: ...
    def replace(
        self,
        name: str,
        source: str,
        days: Collection[int],
        rows: Any,
        engine: Engine | None = None,
        ready: Collection[DayFile] = (),
    ) -> None:
        """Put `rows` in place of the partitions (source, day in days) of a table, in one commit of the lake.

        `rows` is an expression of `engine` in pipeline types, or Arrow rows or Parquet files in the lake's types;
        columns of the model that they lack are null, and no rows empty the partitions. Days count from 1970. Files that
        are `ready` hold all rows of their day, as `rows` tells them too.
        Raises LeaseLost where another run has taken over, ValueError where a row lies outside the partitions named.
        """
        if not days:
            return
        table, delta = TABLES[name], self._tables[name]
        self._lease.check()
        self._lake.evolve(name, delta, self._note)
        with ExitStack() as stack:
            if engine is None:
                engine = stack.enter_context(Engine())
                rows = engine.files(table, list(rows)) if isinstance(rows, Sequence) else of_arrow(rows, table, engine)
            Replacement(table, source, frozenset(days), rows, engine, tuple(ready)).write(self._lake, delta, self._note)

    def table(
        self,
        name: str,
        engine: Engine,
        *,
        source: str | None = None,
        days: Collection[int] | None = None,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> ir.Table:
        """Return a table as this writer has it now, before it is committed; parameters as in `Ledger.table`."""
        selection = select(source, days, since, until)
        delta = self._tables[name]
        return read(self._lake, name, delta.version(), engine, selection, columns, delta)

    def days(self, name: str, source: str) -> set[int]:
        """Return the days on which a source has rows in a table, as this writer has it now; no file is opened."""
        delta = self._tables[name]
        files = self._lake.select(name, delta.version(), select(source, None, None, None), delta)
        return {file.day for file in files}

    def commit(
        self,
        as_of: datetime,
        *,
        cursors: Cursors | None = None,
        problems: Sequence[Problem] = (),
        dirty: Collection[tuple[str, int]] = (),
        info: dict[str, Any] | None = None,
        estate: Estate | None = None,
    ) -> Snapshot:
        """Make what was replaced the ledger's newest snapshot, together with everything given, or raise LeaseLost.

        `cursors` moves those given; `problems` are all problems of this state; `dirty` are all (source, day) that are
        still to be computed; without `estate` the last one stays.
        """
        with self._database.write() as connection:
            self._lease.confirm(connection)
            digest = self.base.estate if self.base else None
            if estate is not None:
                digest = snapshots.save_estate(connection, estate)
            made = snapshots.insert(connection, self._run_id, as_of, self._versions(), info or {}, digest)
            snapshots.save_cursors(connection, cursors or {})
            snapshots.save_dirty(connection, dirty)
            snapshots.save_problems(connection, made.id, problems)
        self.base = made
        return made

    def _versions(self) -> dict[str, int]:
        return {name: delta.version() for name, delta in self._tables.items()}

    def vacuum(self, kept: Sequence[Snapshot], *, retention_hours: int, full: bool) -> int:
        """Delete files that no kept snapshot needs, and return how many; for `Ledger.maintain`."""
        deleted = 0
        for name, delta in self._tables.items():
            self._lease.check()
            keep = {snapshot.versions[name] for snapshot in kept if name in snapshot.versions}
            deleted += self._lake.vacuum(name, delta, keep, retention_hours=retention_hours, full=full, note=self._note)
            self._lake.trim(name, delta, min(keep, default=0))
        return deleted
