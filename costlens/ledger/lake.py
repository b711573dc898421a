"""The lake: one Delta table per model table, in a folder or an object store, opened at the version a snapshot names."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from costlens.errors import LeaseLost, LedgerError
from costlens.model import TABLES, Table

PARTITION = ["source", "day"]
_EPOCH = date(1970, 1, 1)
_CONFIGURATION: dict[str, str | None] = {
    # An old snapshot needs old log files and deleted files' names, however old: `maintain` decides, not a timer.
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 60 days",
    # With a hundred commits between checkpoints, the default, opening a table takes twice as long.
    "delta.checkpointInterval": "20",
}
#: Of how many table versions the files are kept in mind.
_LISTED = 512
_FILE = ["path", "partition.source", "partition.day", "num_records"]
_ARROW = {
    "text": pa.string(),
    "instant": pa.timestamp("us", "UTC"),
    "day": pa.date32(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class File:
    """One Parquet file of a table version; `path` is relative to the table, `day` counts from 1970."""

    path: str
    source: str
    day: int
    rows: int


@dataclass(frozen=True)
class Selection:
    """Which partitions: of a source, of some days, of days in [since, until); None = all."""

    source: str | None = None
    days: frozenset[int] | None = None
    since: int | None = None
    until: int | None = None

    def has(self, file: File) -> bool:
        return (
            (self.source is None or file.source == self.source)
            and (self.days is None or file.day in self.days)
            and (self.since is None or file.day >= self.since)
            and (self.until is None or file.day < self.until)
        )


def select(source: str | None, days: Collection[int] | None, since: int | None, until: int | None) -> Selection:
    """Return the partitions meant by the parameters of `Ledger.table`."""
    return Selection(source, None if days is None else frozenset(days), since, until)


def schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table in the lake."""
    return pa.schema([(column.name, _ARROW[column.type]) for column in table.columns])


def iso(day: int) -> str:
    """Return a day as Delta writes it in partition values."""
    return (_EPOCH + timedelta(days=day)).isoformat()


class Lake:
    """The folder of tables. Every write names the version it must follow; who comes second gets LeaseLost."""

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None, owner: str) -> None:
        self.folder = _local(uri)
        self._uri = str(self.folder) if self.folder else uri.rstrip("/")
        self._options = dict(storage_options or {})
        self._owner = f"costlens ledger {owner}"
        self._listed: OrderedDict[tuple[str, int], tuple[File, ...]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The lake's place as shown to a person, without keys that a URL may carry."""
        return re.sub(r"//[^/@]*@", "//***@", self._uri.partition("?")[0])

    def uri(self, name: str) -> str:
        return f"{self._uri}/{name}"

    def open(self, name: str, version: int | None = None) -> DeltaTable:
        """Open a table at a version, or at its head."""
        with self.errors(name):
            return DeltaTable(self.uri(name), version=version, storage_options=self._options or None)

    def prepare(self, name: str) -> DeltaTable:
        """Open a table at its head, made if it is missing; refuse a lake that another database owns."""
        with self.errors(name):
            try:
                delta = self.open(name)
            except _Missing:
                delta = DeltaTable.create(
                    self.uri(name),
                    schema(TABLES[name]),
                    mode="ignore",
                    partition_by=PARTITION,
                    description=self._owner,
                    configuration=_CONFIGURATION,
                    storage_options=self._options or None,
                )
            if delta.metadata().description != self._owner:
                raise LedgerError(
                    f"lake {self.name}: belongs to another database; set `database` to the one it was written with, "
                    "or `lake` to an empty folder"
                )
            return delta

    def restore(self, name: str, delta: DeltaTable, version: int, note: CommitProperties) -> None:
        """Make the head, which `delta` is at, hold what `version` holds."""
        head = delta.version()
        if head < version:
            raise LedgerError(
                f"lake {self.name}: table {name} is at version {head}, but the last snapshot needs {version}; "
                "set `lake` to where it was, or restore a backup as new as the database"
            )
        if head > version:
            with self.errors(name):
                delta.restore(version, commit_properties=note)

    def evolve(self, name: str, delta: DeltaTable, note: CommitProperties) -> None:
        """Add the columns of the model that the table lacks."""
        with self.errors(name):
            there = {field.name for field in delta.schema().fields}
            missing = [field for field in schema(TABLES[name]) if field.name not in there]
            if missing:
                delta.alter.add_columns([Field.from_arrow(field) for field in missing], commit_properties=note)

    def advance(self, name: str, delta: DeltaTable) -> None:
        """Move `delta` on to the version that was just written, which must be its next; else LeaseLost."""
        version = delta.version()
        with self.errors(name):
            delta.update_incremental()
        if delta.version() != version + 1:
            raise self._overtaken(name)

    def vacuum(
        self,
        name: str,
        delta: DeltaTable,
        keep: Collection[int],
        *,
        retention_hours: int,
        full: bool,
        note: CommitProperties,
    ) -> int:
        """Delete files that neither `delta` nor the versions in `keep` need, and return how many.

        A file goes `retention_hours` after it was replaced; `full` also takes files that no version ever named.
        """
        options: dict[str, Any] = {
            "retention_hours": retention_hours,
            "enforce_retention_duration": False,
            "full": full,
            "keep_versions": sorted({*keep, delta.version()}),
        }
        with self.errors(name):
            found = delta.vacuum(dry_run=True, **options)
            # A replaced file stays listed for weeks after it was deleted, and each clean-up costs two commits.
            if self.folder is not None:
                found = [path for path in found if (self.folder / name / path).exists()]
            if found:
                delta.vacuum(dry_run=False, commit_properties=note, **options)
                delta.update_incremental()
        return len(found)

    def trim(self, name: str, delta: DeltaTable, oldest: int) -> None:
        """Delete the log before `oldest`, the first version needed; object stores keep it (they list from the end)."""
        if self.folder is None:
            return
        log = self.folder / name / "_delta_log"
        before = sorted(path for path in log.glob("[0-9]*") if int(path.name[:20]) < oldest)
        if not before:
            return
        with self.errors(name):
            self.open(name, oldest).create_checkpoint()
            delta.create_checkpoint()
            for path in before:
                path.unlink()

    def select(
        self, name: str, version: int, selection: Selection, delta: DeltaTable | None = None
    ) -> tuple[File, ...]:
        """Return the files of a table version that hold the selected partitions; `delta` is the table at it, where it is open."""
        return tuple(file for file in self.files(name, version, delta) if selection.has(file))

    def files(self, name: str, version: int, delta: DeltaTable | None = None) -> tuple[File, ...]:
        """Return the files of a table version; those of the last versions asked for are known."""
        found = self._listed.get((name, version))
        if found is None:
            found = self._files(name, delta or self.open(name, version))
            with self._lock:
                self._listed[name, version] = found
                if len(self._listed) > _LISTED:
                    self._listed.popitem(last=False)
        return found

    def _files(self, name: str, delta: DeltaTable) -> tuple[File, ...]:
        with self.errors(name):
            # Without the statistics, of which there are three a column; by a stream, since pa.table loads pandas.
            found = delta.get_add_actions(flatten=True).select(_FILE)
            rows = pa.RecordBatchReader.from_stream(found).read_all().to_pylist()
        return tuple(
            sorted(
                (
                    File(
                        unquote(row["path"]),
                        row["partition.source"],
                        (row["partition.day"] - _EPOCH).days,
                        row["num_records"] or 0,
                    )
                    for row in rows
                ),
                key=lambda file: (file.day, file.source, file.path),
            )
        )

    @contextmanager
    def errors(self, name: str) -> Iterator[None]:
        """Turn the failures of files and stores into one line without the store's keys."""
        try:
            yield
        except TableNotFoundError as error:
            raise _Missing(
                f"lake {self.name}: table {name} is not there; was `lake` moved, or is its setting wrong?"
            ) from error
        except CommitFailedError as error:
            raise self._overtaken(name) from error
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise LedgerError(f"lake {self.name}: table {name}: {self._line(error)}", permanent=False) from error

    def unreadable(self, error: BaseException) -> LedgerError:
        """Return the error for a file that is gone or damaged."""
        return LedgerError(
            f"lake {self.name}: {self._line(error)}; restore the file from a backup, or sync its days again",
            permanent=False,
        )

    def unwritable(self, name: str, error: BaseException) -> LedgerError:
        """Return the error for files that could not be written."""
        line = f"lake {self.name}: table {name}: {self._line(error)}; make room or make the folder writable"
        return LedgerError(line, permanent=False)

    def _overtaken(self, name: str) -> LeaseLost:
        return LeaseLost(
            f"lake {self.name}: another run wrote table {name}; nothing of this run counts, start it again"
        )

    def _line(self, error: BaseException) -> str:
        line = " ".join(str(error).split())
        for secret in self._options.values():
            line = line.replace(secret, "***") if len(secret) > 5 else line
        return line if len(line) < 300 else line[:300] + "…"


class _Missing(LedgerError):
    """The table was never created, or the log of the version asked for was tidied away."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


def _local(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).resolve()
    return None if "://" in uri else Path(uri).resolve()
