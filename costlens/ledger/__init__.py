"""The ledger: a lake of facts and results, and a database whose newest snapshot says which of it counts.

A sync replaces partitions of many tables and then writes one database row. Readers start from that row and open every
table at the version it names, so they see all of a sync or nothing of it, whatever is killed when.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import duckdb
import sqlalchemy as sa

from costlens.engine import Engine
from costlens.errors import LedgerError, Problem, UsageError
from costlens.estate import Estate
from costlens.ledger import anomalies as _anomaly_tables  # noqa: F401 (its tables belong to the ledger's metadata)
from costlens.ledger import closes as _close_tables  # noqa: F401 (likewise)
from costlens.ledger import jobs as _job_tables  # noqa: F401
from costlens.ledger import outbox as _outbox_tables  # noqa: F401
from costlens.ledger import partitions, snapshots
from costlens.ledger.database import Database, ledgers
from costlens.ledger.lake import Lake, select
from costlens.ledger.migrations import migrate
from costlens.ledger.snapshots import Snapshot
from costlens.ledger.writer import Writer

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Ledger", "Maintenance", "Snapshot", "Writer"]

Result = TypeVar("Result")

LEASE_SECONDS = 60.0
KEEP_DAYS = 7.0
FULL_VACUUM_HOURS = 24


@dataclass(frozen=True)
class Maintenance:
    """What `Ledger.maintain` did."""

    snapshots_dropped: int
    files_deleted: int
    snapshot: int | None


class Ledger:
    """An open ledger; a context manager. Reading needs no lease and never waits for a writer."""

    def __init__(self, lake: Lake, database: Database, *, lease_seconds: float) -> None:
        self.lake = lake
        self.database = database
        self._lease_seconds = lease_seconds

    @classmethod
    def open(
        cls,
        lake: str,
        database: str,
        *,
        storage_options: Mapping[str, str] | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Ledger:
        """Open the ledger in a lake (folder, s3://, gs://, abfss://) and a database URL, made or upgraded as needed.

        A run that dies blocks others for `lease_seconds`. Raises LedgerError.
        """
        opened = Database(database)
        try:
            migrate(opened)
            with opened.read() as connection:
                owner = connection.execute(sa.select(ledgers.c.id)).scalar_one()
            return cls(Lake(lake, storage_options, owner), opened, lease_seconds=lease_seconds)
        except LedgerError:
            opened.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()

    def snapshot(self, number: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """Return the newest snapshot, the one of that number, or the newest priced not after `as_of`.

        Raises LedgerEmpty where nothing was synced yet, LedgerError where the one asked for is not kept.
        """
        return snapshots.find(self.database, number, as_of)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return all snapshots kept, oldest first."""
        return snapshots.every(self.database)

    def table(
        self,
        name: str,
        snapshot: Snapshot,
        engine: Engine,
        *,
        source: str | None = None,
        days: Collection[int] | None = None,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> ir.Table:
        """Return a table as it is in a snapshot, in pipeline types, as a view of the engine.

        Narrowed to a source, to `days` (since 1970), to days in [since, until), to `columns`: only the files of those
        days are opened. Columns that an older ledger lacks are null.
        """
        selection = select(source, days, since, until)
        return partitions.read(self.lake, name, snapshot.versions.get(name), engine, selection, columns)

    def read(self, function: Callable[[Snapshot], Result]) -> Result:
        """Call `function` with the newest snapshot, and once more with the then newest if a file has gone meanwhile."""
        try:
            return function(self.snapshot())
        except (duckdb.IOException, OSError, LedgerError) as error:
            if isinstance(error, LedgerError) and error.permanent:
                raise
        try:
            return function(self.snapshot())
        except (duckdb.IOException, OSError) as error:
            raise self.lake.unreadable(error) from error

    def write(self, run_id: str, holder: str, *, wait: float = 600.0) -> Writer:
        """Return the writer to enter with `with`: it waits for the commit lease, LedgerError after `wait` seconds."""
        return Writer(self.lake, self.database, run_id, holder, lease_seconds=self._lease_seconds, wait=wait)

    def cursors(self) -> dict[tuple[str, str], datetime]:
        """Return, per (source, feed), the instant up to which it was pulled."""
        return snapshots.load_cursors(self.database)

    def dirty(self) -> frozenset[tuple[str, int]]:
        """Return the (source, day) whose results are still to be computed."""
        return snapshots.load_dirty(self.database)

    def problems(self, snapshot: Snapshot | None = None) -> tuple[Problem, ...]:
        """Return the problems of a snapshot, by default the newest."""
        return snapshots.load_problems(self.database, (snapshot or self.snapshot()).id)

    def estate(self, snapshot: Snapshot | None = None) -> Estate:
        """Return the assets, teams, ownership and rules that a snapshot was made with, by default the newest."""
        return snapshots.load_estate(self.database, (snapshot or self.snapshot()).estate)

    def maintain(
        self,
        *,
        run_id: str = "maintain",
        holder: str = "maintain",
        retention_hours: int = 24,
        keep_days: float = KEEP_DAYS,
        full: bool = False,
    ) -> Maintenance:
        """Drop snapshots older than `keep_days` (the newest stays) and delete the files that none left can read.

        A file goes `retention_hours` after it was replaced. `full` also deletes what killed runs left unnamed. Days are
        always replaced whole, so there are no small files to gather.
        """
        if full and retention_hours < FULL_VACUUM_HOURS:
            raise UsageError(
                f"a full clean-up keeps at least {FULL_VACUUM_HOURS} h: files of a running sync look unused"
            )
        with self.write(run_id, holder) as writer:
            if writer.base is None:
                return Maintenance(0, 0, None)
            base, limit = writer.base, snapshots.before(keep_days)
            old = [s.id for s in self.snapshots() if s.at < limit and s.id != base.id]
            with self.database.write() as connection:
                snapshots.drop(connection, old)
            deleted = writer.vacuum(self.snapshots(), retention_hours=retention_hours, full=full)
            if not deleted:
                return Maintenance(len(old), 0, base.id)
            info = {**base.info, "maintained": base.id}
            made = writer.commit(base.as_of, problems=self.problems(base), dirty=self.dirty(), info=info)
            return Maintenance(len(old), deleted, made.id)
