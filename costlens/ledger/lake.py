"""The lake: one Delta table per model table, in a folder or an object store, opened at the version a snapshot names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
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
        self.files = lru_cache(maxsize=512)(self._files)

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

    def prepare(self, name: str) -> int:
        """Create the table if it is missing and return its head; refuse a lake that another database owns."""
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
                    # An old snapshot needs old log files, however old: `maintain` decides, not a timer.
                    configuration={"delta.enableExpiredLogCleanup": "false"},
                    storage_options=self._options or None,
                )
            if delta.metadata().description != self._owner:
                raise LedgerError(
                    f"lake {self.name}: belongs to another database; set `database` to the one it was written with, "
                    "or `lake` to an empty folder"
                )
            return int(delta.version())

    def restore(self, name: str, version: int, note: CommitProperties) -> int:
        """Make the head hold what `version` holds, and return the head."""
        delta = self.open(name)
        if delta.version() < version:
            raise LedgerError(
                f"lake {self.name}: table {name} is at version {delta.version()}, the last snapshot needs {version}; "
                "restore the lake from a backup as new as the database"
            )
        if delta.version() > version:
            with self.errors(name):
                delta.restore(version, commit_properties=note)
        return int(delta.version())

    def evolve(self, name: str, version: int, note: CommitProperties) -> int:
        """Add the columns of the model that the table lacks, and return the version that has them."""
        delta = self.open(name, version)
        with self.errors(name):
            there = {field.name for field in delta.schema().fields}
            missing = [field for field in schema(TABLES[name]) if field.name not in there]
            if not missing:
                return version
            delta.alter.add_columns([Field.from_arrow(field) for field in missing], commit_properties=note)
        return version + 1

    def vacuum(
        self, name: str, version: int, keep: list[int], *, retention_hours: int, full: bool, note: CommitProperties
    ) -> tuple[int, int]:
        """Delete files that neither `version` nor those in `keep` need; return how many, and the version after it.

        `full` also deletes files that no version ever named. Versions in `keep` stay readable, whatever their age.
        """
        delta = self.open(name, version)
        options: dict[str, Any] = {
            "retention_hours": retention_hours,
            "enforce_retention_duration": False,
            "full": full,
            "keep_versions": sorted({*keep, version}),
        }
        with self.errors(name):
            if not delta.vacuum(dry_run=True, **options):
                return 0, version
            deleted = delta.vacuum(dry_run=False, commit_properties=note, **options)
            delta.update_incremental()
            delta.create_checkpoint()
        return len(deleted), int(delta.version())

    def select(self, name: str, version: int, selection: Selection) -> tuple[File, ...]:
        """Return the files of a table version that hold the selected partitions."""
        return tuple(file for file in self.files(name, version) if selection.has(file))

    def _files(self, name: str, version: int) -> tuple[File, ...]:
        with self.errors(name):
            rows = pa.table(self.open(name, version).get_add_actions(flatten=True)).to_pylist()
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
            raise LeaseLost(
                f"lake {self.name}: another run wrote table {name}; nothing of this run counts, start it again"
            ) from error
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise LedgerError(f"lake {self.name}: table {name}: {self._line(error)}", permanent=False) from error

    def _line(self, error: BaseException) -> str:
        line = " ".join(str(error).split())
        for secret in self._options.values():
            line = line.replace(secret, "***") if len(secret) > 5 else line
        return line if len(line) < 300 else line[:300] + "…"


class _Missing(LedgerError):
    """The table was never created."""


def _local(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).resolve()
    return None if "://" in uri else Path(uri).resolve()


def partition_filters(source: str, days: Collection[int]) -> list[tuple[str, str, Any]]:
    """Return the filter that names the partitions (source, day in days)."""
    return [("source", "=", source), ("day", "in", [iso(day) for day in sorted(days)])]
