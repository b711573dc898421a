"""Runs compiled Ibis expressions on a DuckDB connection of our own, and is the one border between lake and pipeline types."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import duckdb
import ibis

from costlens import equality, fields
from costlens.compiling import compiled, no_rows
from costlens.errors import is_interrupt
from costlens.model import Column, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

#: Runs an expression and returns a table that holds its rows: how pipeline functions cut long expressions into steps.
Materialise = Callable[["ir.Table", str], "ir.Table"]

_Made = TypeVar("_Made")

equality.install()
fields.install()

IBIS_TYPES = {
    "text": "string",
    "json": "string",
    "instant": "int64",
    "day": "int32",
    "integer": "int64",
    "double": "float64",
    "decimal": "decimal(38, 12)",
    "boolean": "boolean",
}
_DUCKDB_LAKE_TYPES = {
    "text": "varchar",
    "json": "varchar",
    "instant": "timestamptz",
    "day": "date",
    "integer": "bigint",
    "double": "double",
    "decimal": "decimal(38, 12)",
    "boolean": "boolean",
}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def from_lake(column: Column, name: str) -> str:
    """Return SQL that turns a lake value into a pipeline value."""
    if column.type == "instant":
        return f"epoch_us({name})"
    if column.type == "day":
        return f"date_diff('day', date '1970-01-01', {name})::integer"
    return name


def to_lake(column: Column, name: str) -> str:
    """Return SQL that turns a pipeline value into a lake value."""
    if column.type == "instant":
        return f"make_timestamptz({name})"
    if column.type == "day":
        return f"(date '1970-01-01' + {name}::integer)"
    return f"{name}::{_DUCKDB_LAKE_TYPES[column.type]}"


class _Ahead:
    """A connection that runs statements without an answer in a thread of its own while the next expression is made.

    They run one after the other, in the order in which they came. Whatever else is done with the connection waits for them and
    raises the first error.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection, self._waiting = connection, list[Future[Any]]()
        self._thread = ThreadPoolExecutor(1, "costlens-ahead")

    def __getattr__(self, name: str) -> Any:
        self.settle()
        return getattr(self._connection, name)

    def later(self, statement: str) -> None:
        self._waiting.append(self._thread.submit(self._connection.execute, statement))

    def settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        wait(waiting)
        for statement in waiting:
            statement.result()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        running = [statement for statement in self._waiting if not statement.cancelled()]
        _interrupt(self._connection, running)
        self._waiting = []
        self._connection.close()


def _interrupt(connection: duckdb.DuckDBPyConnection, running: Sequence[Future[Any]]) -> None:
    """End what runs on a connection."""
    while wait(running, timeout=0.05).not_done:  # an interrupt between two statements ends none
        connection.interrupt()


class Engine:
    """One DuckDB connection with a memory limit and a folder to spill to; a context manager.

    An engine `beside` another shares its memory, its threads and its folder, not its tables; it is closed first. One `ahead` makes
    expressions while it runs those before.
    """

    def __init__(
        self,
        *,
        memory: str | None = None,
        threads: int | None = None,
        beside: Engine | None = None,
        ahead: bool = False,
    ) -> None:
        self._spill = None if beside else tempfile.TemporaryDirectory(prefix="costlens-", ignore_cleanup_errors=True)
        self._names = 0
        self._known_columns: dict[str, set[str]] = {}
        self._empty: set[str] = set()
        self.connection: duckdb.DuckDBPyConnection = (
            beside.connection.cursor() if beside else duckdb.connect(":memory:")
        )
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("set preserve_insertion_order = false")
        self.connection.execute("set enable_progress_bar = false")
        if self._spill:
            self.connection.execute(f"set temp_directory = '{self._spill.name}'")
            self.connection.execute(f"set memory_limit = '{memory or os.environ.get('COSTLENS_MEMORY', '1200MB')}'")
        if threads:
            self.connection.execute(f"set threads = {threads}")
        self._is_ahead = ahead
        if ahead:
            self.connection = cast("duckdb.DuckDBPyConnection", _Ahead(self.connection))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if not self._is_ahead:
            self.connection.interrupt()  # what Ctrl-C left would run on to its end, and closing would wait for it
        self.connection.close()
        if self._spill:
            self._spill.cleanup()

    @contextmanager
    def aside(self, work: Callable[[Engine], _Made]) -> Iterator[Future[_Made]]:
        """Do `work` in a thread of its own beside what the block does; the end of the block waits for it.

        It has an engine with temporary tables of its own, within this one's memory; ahead where this one is. Who leaves the block
        by Ctrl-C does not wait: the work is interrupted.
        """
        other = copy(self)
        other._empty, other._known_columns = set(self._empty), dict(self._known_columns)
        cursor = other.connection = self.connection.cursor()
        if self._is_ahead:
            other.connection = cast("duckdb.DuckDBPyConnection", _Ahead(cursor))
        with closing(other.connection), ThreadPoolExecutor(1, "costlens-aside") as pool:
            begun = pool.submit(work, other)
            try:
                yield begun
            except BaseException as error:
                if is_interrupt(error):
                    _interrupt(cursor, [begun])
                raise

    def name(self, hint: str) -> str:
        """Return a name that no other table of this connection has."""
        self._names += 1
        return f"{hint}_{self._names}"

    def sql(self, expression: ir.Table) -> str:
        """Compile an expression to DuckDB's SQL; a table of this engine that was made without a row has none for good."""
        return compiled(expression, self._empty) or no_rows(expression)

    def materialise(self, expression: ir.Table, hint: str) -> ir.Table:
        """Run an expression into a temporary table and return that table."""
        name = self.name(hint)
        sql = compiled(expression, self._empty)
        if sql is None:
            self._empty.add(name)
        self._run(f"create temp table {_quote(name)} as {sql or no_rows(expression)}")
        return ibis.table(expression.schema(), name=name)

    def _run(self, statement: str) -> None:
        """Run what has no answer, later where this engine is ahead."""
        held: object = self.connection
        held.later(statement) if isinstance(held, _Ahead) else self.connection.execute(statement)

    def forget(self, table: ir.Table) -> None:
        """Drop a table that `materialise` made, once what was asked of it before is done."""
        self._run(f"drop table if exists {_quote(table.get_name())}")

    def drop(self, table: ir.Table) -> None:
        """Forget a temporary table or view of this connection."""
        name = _quote(table.get_name())
        kind = self.connection.execute(
            f"select table_type from information_schema.tables where table_name = '{_literal(table.get_name())}'"
        ).fetchone()
        self.connection.execute(f"drop {'view' if kind and kind[0] == 'VIEW' else 'table'} if exists {name}")

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Drop the temporary tables that are made within the block, at its end."""
        before = self._tables()
        try:
            yield
        finally:
            for name in self._tables() - before:
                self.connection.execute(f"drop table if exists {_quote(name)}")

    def keep(self, table: ir.Table) -> None:
        """Drop the temporary tables of this connection but one, and so the memory that they take."""
        for name in self._tables() - {table.get_name()}:
            self.connection.execute(f"drop table {_quote(name)}")

    def _tables(self) -> set[str]:
        found = self.connection.execute("select table_name from duckdb_tables() where temporary").fetchall()
        return {row[0] for row in found}

    def reader(self, expression: ir.Table, table: Table) -> pa.RecordBatchReader:
        """Run an expression and stream its rows in the lake's types and the model's column order."""
        columns = ", ".join(f"{to_lake(c, _quote(c.name))} as {_quote(c.name)}" for c in table.columns)
        return self.connection.execute(f"select {columns} from ({self.sql(expression)})").to_arrow_reader(100_000)

    def write(self, expression: ir.Table, table: Table, path: Path) -> int:
        """Run an expression into one Parquet file in the lake's types, soon read again; return the number of rows."""
        columns = ", ".join(f"{to_lake(c, _quote(c.name))} as {_quote(c.name)}" for c in table.columns)
        row = self.connection.execute(
            f"copy (select {columns} from ({self.sql(expression)})) to '{_literal(path)}' (format parquet, compression lz4_raw)"
        ).fetchone()
        return int(row[0]) if row else 0

    def files(self, table: Table, paths: Sequence[str | Path], *, columns: Sequence[str] | None = None) -> ir.Table:
        """Return the rows of Parquet files in the lake's types; columns a file lacks are null, no file is an empty table."""
        wanted = [c for c in table.columns if columns is None or c.name in columns]
        name = self.name(table.name)
        if paths:
            listed = ", ".join(f"'{_literal(path)}'" for path in paths)
            there = self._columns_of(listed)
            picked = ", ".join(
                f"{from_lake(c, _quote(c.name)) if c.name in there else 'null'}::{_pipeline_type(c)} as {_quote(c.name)}"
                for c in wanted
            )
            body = f"select {picked} from read_parquet([{listed}], union_by_name=true, hive_partitioning=false)"
        else:
            picked = ", ".join(f"null::{_pipeline_type(c)} as {_quote(c.name)}" for c in wanted)
            body = f"select {picked} where false"
            self._empty.add(name)
        self.connection.execute(f"create temp view {_quote(name)} as {body}")
        return ibis.table(schema_of(wanted), name=name)

    def _columns_of(self, listed: str) -> set[str]:
        """Return the columns of Parquet files: files are written once, so those once looked at are not opened again."""
        if listed not in self._known_columns:
            described = self.connection.execute(
                f"describe select * from read_parquet([{listed}], union_by_name=true, hive_partitioning=false)"
            )
            self._known_columns[listed] = {row[0] for row in described.fetchall()}
        return self._known_columns[listed]

    def arrow(self, expression: ir.Table) -> pa.Table:
        """Run an expression and return all its rows in pipeline types."""
        return self.connection.execute(self.sql(expression)).to_arrow_table()

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """Run an expression and return its rows; for few rows."""
        return list(self.arrow(expression).to_pylist())

    def values(self, rows: Sequence[Sequence[object]], hint: str, columns: Sequence[Column]) -> ir.Table:
        """Return some thousands of Python rows, in pipeline types, as a table of this connection.

        As text in the statement: what takes Python's or Arrow's values otherwise loads pandas first, a third of a second.
        """
        picked = ", ".join(
            f"unnest(from_json('{_json([row[place] for row in rows])}', '[\"VARCHAR\"]'))::{_pipeline_type(column)} "
            f"as {_quote(column.name)}"
            for place, column in enumerate(columns)
        )
        name = self.name(hint)
        self.connection.execute(f"create temp table {_quote(name)} as select {picked}")
        if not rows:
            self._empty.add(name)
        return ibis.table(schema_of(columns), name=name)

    def register(self, rows: pa.Table, hint: str, columns: Sequence[Column]) -> ir.Table:
        """Return an Arrow table, whose values are in pipeline types, as a table of this connection."""
        held, name = self.name(f"{hint}_arrow"), self.name(hint)
        self.connection.register(held, rows)
        picked = ", ".join(f"{_quote(c.name)}::{_pipeline_type(c)} as {_quote(c.name)}" for c in columns)
        self.connection.execute(f"create temp table {_quote(name)} as select {picked} from {_quote(held)}")
        self.connection.unregister(held)
        if not rows.num_rows:
            self._empty.add(name)
        return ibis.table(schema_of(columns), name=name)


def schema_of(columns: Sequence[Column]) -> ibis.Schema:
    """Return the pipeline schema of columns."""
    return ibis.schema({c.name: IBIS_TYPES[c.type] for c in columns})


def unbound(table: Table, name: str | None = None) -> ir.Table:
    """Return an Ibis table of the model's columns, for writing expressions before there are rows."""
    return ibis.table(schema_of(table.columns), name=name or table.name)


def _pipeline_type(column: Column) -> str:
    return {"instant": "bigint", "day": "integer"}.get(column.type, _DUCKDB_LAKE_TYPES[column.type])


def _json(values: Sequence[object]) -> str:
    """Return values as a JSON list of texts, all ASCII, for between quotes of SQL."""
    return json.dumps([None if value is None else str(value) for value in values]).replace("'", "''")


def _literal(path: str | Path) -> str:
    return str(path).replace("'", "''")
