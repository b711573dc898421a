"""Reading and replacing partitions: which way the rows go between DuckDB and the files of a Delta table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.transaction import AddAction

from costlens.engine import Engine, from_lake, schema_of, to_lake
from costlens.ledger.lake import PARTITION, Lake, Selection, iso, schema
from costlens.model import TABLES, Column, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

# DuckDB keeps a file open per partition, up to 100; past that it closes them early and leaves several small ones, or
# runs out of memory holding rows back.
_DAYS_AT_ONCE = 90


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
    """New rows for the partitions (source, day in days) of a table: an expression of an engine, in pipeline types."""

    table: Table
    source: str
    days: frozenset[int]
    rows: ir.Table
    engine: Engine

    def sql(self) -> str:
        """Return the rows' SQL in the lake's types; columns that the expression lacks are null."""
        there = set(self.rows.columns)
        columns = ", ".join(
            f"{to_lake(c, _quote(c.name) if c.name in there else 'null')} as {_quote(c.name)}"
            for c in self.table.columns
        )
        return f"select {columns} from ({self.engine.sql(self.rows)})"

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
            written = self._copy(folder)
        except duckdb.IOException as error:
            raise lake.unwritable(self.table.name, error) from error
        stray = {(row[5]["source"], row[5]["day"]) for row in written} - {(self.source, iso(day)) for day in self.days}
        if stray:
            for row in written:
                Path(row[0]).unlink()
            raise ValueError(f"{self.table.name}: a row of {min(stray, key=str)} is outside the partitions to replace")
        if not written and not lake.select(self.table.name, delta.version(), Selection(self.source, self.days), delta):
            return
        with lake.errors(self.table.name):
            _settle(row[0] for row in written)
            delta.create_write_transaction(
                [_added(row, folder) for row in written],
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
            _settle([str(folder / "_delta_log" / f"{delta.version():020}.json")])

    def _copy(self, folder: Path) -> list[tuple[Any, ...]]:
        """Write one file per partition; return path, rows, bytes, footer bytes, statistics and partition of each."""
        connection, target = self.engine.connection, str(folder).replace("'", "''")
        many = len(self.days) > _DAYS_AT_ONCE
        # Sorted, each partition is complete when the next begins. The partition columns are written too: a file then says
        # itself where it belongs and needs no log.
        return connection.execute(
            f"copy ({self.sql()}{' order by source, day' if many else ''}) to '{target}' (format parquet, "
            "compression zstd, compression_level 1, partition_by (source, day), write_partition_columns true, append true, "
            "filename_pattern 'part-{uuid}', return_stats true)"
        ).fetchall()

    def _write_store(self, lake: Lake, delta: DeltaTable, note: CommitProperties) -> None:
        """Stream the rows through deltalake's own writer, which knows the object store."""
        days = ", ".join(f"'{iso(day)}'" for day in sorted(self.days))
        source = self.source.replace("'", "''")
        rows = self.engine.connection.execute(self.sql()).to_arrow_reader(100_000)
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


def _settle(paths: Iterable[str]) -> None:
    """Have files and their names on the disk before anything relies on them: a power cut forgets in any order."""
    settled = {Path(path) for path in paths}
    for path in (*sorted(settled), *sorted({path.parent for path in settled})):
        held = os.open(path, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)


def _added(row: tuple[Any, ...], folder: Path) -> AddAction:
    path, rows, size, _, _, partition = row
    return AddAction(
        path=Path(path).relative_to(folder).as_posix(),
        size=int(size),
        partition_values=dict(partition),
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": int(rows)}),
    )


def _from_lake(column: Column, there: bool) -> str:
    return from_lake(column, _quote(column.name)) if there else "null"


def _list(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
