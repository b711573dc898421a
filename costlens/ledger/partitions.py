"""Reading and replacing partitions: which way the rows go between DuckDB and the files of a Delta table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
import pyarrow as pa
from deltalake import CommitProperties, WriterProperties, write_deltalake
from deltalake.transaction import AddAction

from costlens.engine import Engine, from_lake, schema_of, to_lake
from costlens.errors import LedgerError
from costlens.ledger.lake import PARTITION, Lake, Selection, iso, partition_filters, schema
from costlens.model import TABLES, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: What can be written: an expression of an engine (pipeline types), or Arrow rows or Parquet files in the lake's types.
Rows = "ir.Table | pa.Table | pa.RecordBatchReader | Sequence[Path]"

# DuckDB keeps a file open per partition up to a limit, past which it closes and opens files again: many small ones.
_DAYS_AT_ONCE = 90


def read(
    lake: Lake, name: str, version: int | None, engine: Engine, selection: Selection, columns: Sequence[str] | None
) -> ir.Table:
    """Return the selected partitions of a table version as a table of the engine; version None = never written."""
    table = TABLES[name]
    files = () if version is None else lake.select(name, version, selection)
    if lake.folder is not None or not files:
        paths = [str(Path(lake.uri(name)) / file.path) for file in files]
        try:
            return engine.files(table, paths, columns=columns)
        except duckdb.Error as error:
            raise _unreadable(lake, name, error) from error
    delta = lake.open(name, version)
    days, sources = sorted({iso(file.day) for file in files}), sorted({file.source for file in files})
    with lake.errors(name):
        rows = delta.to_pyarrow_dataset(partitions=[("source", "in", sources), ("day", "in", days)])
    return _view(engine, table, rows, columns)


def selection(source: str | None, days: Collection[int] | None, since: int | None, until: int | None) -> Selection:
    """Return the partitions meant by the parameters of `Ledger.table`."""
    return Selection(source, None if days is None else frozenset(days), since, until)


def _unreadable(lake: Lake, name: str, error: duckdb.Error) -> LedgerError:
    line = " ".join(str(error).split())
    return LedgerError(f"lake {lake.name}: table {name}: {line[:300]}", permanent=False)


def replace(
    lake: Lake,
    name: str,
    version: int,
    source: str,
    days: Collection[int],
    expression: ir.Table,
    engine: Engine,
    note: CommitProperties,
) -> int:
    """Put the rows of an expression in place of the partitions (source, day in days) and return the new version.

    Raises LeaseLost where the head is no longer `version`, ValueError where a row lies outside the partitions.
    """
    write = _write_files if lake.folder is not None else _write_store
    return write(lake, name, version, source, days, expression, engine, note)


def _write_files(
    lake: Lake,
    name: str,
    version: int,
    source: str,
    days: Collection[int],
    expression: ir.Table,
    engine: Engine,
    note: CommitProperties,
) -> int:
    """Let DuckDB write the files and name them in one Delta commit; what is not named does not exist."""
    folder = Path(lake.uri(name))
    written = _copy(engine, TABLES[name], expression, folder, ordered=len(days) > _DAYS_AT_ONCE)
    wanted = {(source, iso(day)) for day in days}
    stray = sorted({(row[5]["source"], row[5]["day"]) for row in written} - wanted, key=str)
    if stray:
        for row in written:
            Path(row[0]).unlink()
        raise ValueError(f"{name}: rows of {stray[0]} among those of {source} and {len(days)} days")
    if not written and not lake.select(name, version, Selection(source, frozenset(days))):
        return version
    with lake.errors(name):
        lake.open(name, version).create_write_transaction(
            [_added(row, folder) for row in written],
            "overwrite",
            schema(TABLES[name]),
            PARTITION,
            partition_filters=partition_filters(source, days),
            commit_properties=note,
        )
    return version + 1


def _copy(engine: Engine, table: Table, expression: ir.Table, folder: Path, *, ordered: bool) -> list[tuple[Any, ...]]:
    """Write one file per partition; return path, rows, bytes, footer bytes, statistics and partition of each."""
    order = " order by source, day" if ordered else ""
    # The partition columns are written too: a file then says itself where it belongs, and can be read without the log.
    return engine.connection.execute(
        f"copy ({_lake_sql(engine, table, expression)}{order}) to '{str(folder).replace(chr(39), chr(39) * 2)}' "
        "(format parquet, compression zstd, partition_by (source, day), write_partition_columns true, "
        "append true, filename_pattern 'part-{uuid}', return_stats true)"
    ).fetchall()


def _lake_sql(engine: Engine, table: Table, expression: ir.Table) -> str:
    there = set(expression.columns)
    columns = ", ".join(
        f"{to_lake(c, _quote(c.name) if c.name in there else 'null')} as {_quote(c.name)}" for c in table.columns
    )
    return f"select {columns} from ({engine.sql(expression)})"


def _added(row: tuple[Any, ...], folder: Path) -> AddAction:
    path, rows, size, _, _, partition = row
    return AddAction(
        path=os.path.relpath(path, folder).replace(os.sep, "/"),
        size=int(size),
        partition_values=dict(partition),
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": int(rows)}),
    )


def _write_store(
    lake: Lake,
    name: str,
    version: int,
    source: str,
    days: Collection[int],
    expression: ir.Table,
    engine: Engine,
    note: CommitProperties,
) -> int:
    """Stream the rows through deltalake's own writer, which knows the object store."""
    table = TABLES[name]
    listed = ", ".join(f"'{iso(day)}'" for day in sorted(days))
    text = source.replace("'", "''")
    rows = engine.connection.execute(_lake_sql(engine, table, expression)).to_arrow_reader(100_000)
    with lake.errors(name):
        write_deltalake(
            lake.open(name, version),
            rows,
            mode="overwrite",
            predicate=f"source = '{text}' and day in ({listed})",
            partition_by=PARTITION,
            writer_properties=WriterProperties(compression="ZSTD"),
            commit_properties=note,
        )
    return version + 1


def expression_of(rows: pa.Table | pa.RecordBatchReader | Sequence[Path], table: Table, engine: Engine) -> ir.Table:
    """Return Arrow rows or Parquet files that are in the lake's types as an expression of the engine."""
    if isinstance(rows, pa.Table | pa.RecordBatchReader):
        return _view(engine, table, rows, None)
    return engine.files(table, list(rows))


def _view(engine: Engine, table: Table, rows: Any, columns: Sequence[str] | None) -> ir.Table:
    """Register Arrow rows in the lake's types and return them in pipeline types; columns they lack are null."""
    held, name = engine.name(f"{table.name}_arrow"), engine.name(table.name)
    wanted = [c for c in table.columns if columns is None or c.name in columns]
    there = set(rows.schema.names)
    engine.connection.register(held, rows)
    picked = ", ".join(
        f"{from_lake(c, _quote(c.name)) if c.name in there else 'null'} as {_quote(c.name)}" for c in wanted
    )
    engine.connection.execute(f"create temp view {_quote(name)} as select {picked} from {_quote(held)}")
    return ibis.table(schema_of(wanted), name=name)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
