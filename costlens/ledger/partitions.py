"""Reading and replacing partitions: which way the rows go between DuckDB and the files of a Delta table."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.transaction import AddAction

from costlens.dayfiles import DayFile, lake_sql, lone_days, write_days
from costlens.engine import Engine, from_lake, schema_of
from costlens.ledger.lake import PARTITION, Lake, Selection, iso, schema
from costlens.model import TABLES, Column, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir


def read(
    lake: Lake,
    name: str,
    version: int | None,
    engine: Engine,
    selection: Selection,
    columns: Sequence[str] | None,
    delta: DeltaTable | None = None,
) -> ir.Table:
    """Return the selected partitions of a table version as a table of the engine; version None = never written.

    `delta` is the table at that version, where it is open.
    """
    table = TABLES[name]
    files = () if version is None else lake.select(name, version, selection, delta)
    if lake.folder is not None or not files:
        paths = [str(Path(lake.uri(name)) / file.path) for file in files]
        try:
            return engine.files(table, paths, columns=columns)
        except duckdb.Error as error:
            raise lake.unreadable(error) from error
    with lake.errors(name):
        rows = lake.open(name, version).to_pyarrow_dataset()
    days, sources = {iso(file.day) for file in files}, {file.source.replace("'", "''") for file in files}
    # The range is there because DuckDB hands it down to the reader, which then leaves other days' files alone.
    chosen = f"day between '{min(days)}' and '{max(days)}' and day in ({_list(days)}) and source in ({_list(sources)})"
    return of_arrow(rows, table, engine, columns, chosen)


def of_arrow(
    rows: Any, table: Table, engine: Engine, columns: Sequence[str] | None = None, chosen: str = "true"
) -> ir.Table:
    """Return Arrow rows in the lake's types as a table of the engine; columns they lack are null."""
    held, name = engine.name(f"{table.name}_arrow"), engine.name(table.name)
    wanted = [c for c in table.columns if columns is None or c.name in columns]
    there = set(rows.schema.names)
    engine.connection.register(held, rows)
    picked = ", ".join(f"{_from_lake(c, c.name in there)} as {_quote(c.name)}" for c in wanted)
    engine.connection.execute(f"create temp view {_quote(name)} as select {picked} from {_quote(held)} where {chosen}")
    return ibis.table(schema_of(wanted), name=name)


@dataclass(frozen=True)
class Replacement:
    """New rows for the partitions (source, day in days) of a table: an expression of an engine, in pipeline types.

    Files that are `ready` hold all rows of their day already: a lake in a folder takes them as they are.
    """

    table: Table
    source: str
    days: frozenset[int]
    rows: ir.Table
    engine: Engine
    ready: tuple[DayFile, ...] = ()

    def write(self, lake: Lake, delta: DeltaTable, note: CommitProperties) -> None:
        """Write the rows in one commit that follows `delta`'s version, and move `delta` on to it.

        Raises LeaseLost where another run wrote that version, ValueError where a row lies outside the partitions.
        """
        if lake.folder is not None:
            self._write_files(lake, delta, note)
        else:
            self._write_store(lake, delta, note)

    def _write_files(self, lake: Lake, delta: DeltaTable, note: CommitProperties) -> None:
        """Let DuckDB write the files and name them in one Delta commit; what is not named does not exist."""
        folder = Path(lake.uri(self.table.name))
        try:
            written = [*self._taken(folder), *self._copied(folder)]
        except (duckdb.IOException, OSError) as error:
            raise lake.unwritable(self.table.name, error) from error
        there = {(file.partition["source"], file.partition["day"]) for file in written}
        stray = there - {(self.source, iso(day)) for day in self.days}
        if stray:
            for file in written:
                file.path.unlink()
            raise ValueError(f"{self.table.name}: a row of {min(stray, key=str)} is outside the partitions to replace")
        if not written and not lake.select(self.table.name, delta.version(), Selection(self.source, self.days), delta):
            return
        with lake.errors(self.table.name):
            _settle(file.path for file in written)
            delta.create_write_transaction(
                [_added(file) for file in written],
                "overwrite",
                schema(self.table),
                PARTITION,
                partition_filters=[
                    ("source", "=", self.source),
                    ("day", "in", [iso(day) for day in sorted(self.days)]),
                ],
                commit_properties=note,
            )
            lake.advance(self.table.name, delta)
            _settle([folder / "_delta_log" / f"{delta.version():020}.json"])

    def _taken(self, folder: Path) -> list[DayFile]:
        return [_take(file, folder) for file in self.ready]

    def _copied(self, folder: Path) -> list[DayFile]:
        """Write the rows of the days of which no file is ready."""
        days = self.days - lone_days(self.ready).keys()
        if not days:
            return []
        rows = self.rows.filter(self.rows.day.isin(sorted(days))) if self.ready else self.rows
        return write_days(self.engine, rows, self.table, folder, days=len(days))

    def _write_store(self, lake: Lake, delta: DeltaTable, note: CommitProperties) -> None:
        """Stream the rows through deltalake's own writer, which knows the object store."""
        days = ", ".join(f"'{iso(day)}'" for day in sorted(self.days))
        source = self.source.replace("'", "''")
        rows = self.engine.connection.execute(lake_sql(self.engine, self.rows, self.table)).to_arrow_reader(100_000)
        with lake.errors(self.table.name):
            version = delta.version()
            write_deltalake(
                delta,
                rows,
                mode="overwrite",
                predicate=f"source = '{source}' and day in ({days})",
                partition_by=PARTITION,
                writer_properties=WriterProperties(compression="ZSTD"),
                commit_properties=note,
            )
            if delta.version() == version:
                lake.advance(self.table.name, delta)


def _take(file: DayFile, folder: Path) -> DayFile:
    """Have a file below `folder` too, under its own place: a second name of it, or a copy where it lies on another disk."""
    target = folder / file.place
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(file.path)
    except OSError:
        shutil.copyfile(file.path, target)
    return replace(file, path=target)


def _settle(paths: Iterable[Path]) -> None:
    """Have files and their names on the disk before anything relies on them: a power cut forgets in any order."""
    settled = set(paths)
    for path in (*sorted(settled), *sorted({path.parent for path in settled})):
        held = os.open(path, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)


def _added(file: DayFile) -> AddAction:
    return AddAction(
        path=file.place,
        size=file.size,
        partition_values=file.partition,
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _from_lake(column: Column, there: bool) -> str:
    return from_lake(column, _quote(column.name)) if there else "null"


def _list(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
