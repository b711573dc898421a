"""Parquet files that hold one source's day each, written by DuckDB: as they lie in the lake, and so ready to lie there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from costlens.engine import to_lake
from costlens.model import Column, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

# DuckDB keeps a file open per partition, up to 100; past that it closes them early and leaves several small ones, or
# runs out of memory holding rows back.
DAYS_AT_ONCE = 90
#: Rows of a row group: a thread that ends with fewer than about half of it has its rows written by one thread, at the very end.
GROUP = 20_480


@dataclass(frozen=True)
class DayFile:
    """One written file: `partition` are its source and day as Delta writes them, `place` its path below the folder, `size` in bytes."""

    path: Path
    place: str
    partition: dict[str, str | None]
    rows: int
    size: int


def write_days(engine: Engine, rows: ir.Table, table: Table, folder: Path, *, days: int) -> list[DayFile]:
    """Write rows, in pipeline types, of about so many `days` below a folder; columns of the model that they lack are null."""
    target = str(folder).replace("'", "''")
    # Sorted, each partition is complete when the next begins. The partition columns are written too: a file then says
    # itself where it belongs and needs no log.
    written = engine.connection.execute(
        f"copy ({lake_sql(engine, rows, table)}{' order by source, day' if days > DAYS_AT_ONCE else ''}) to '{target}' "
        "(format parquet, compression zstd, compression_level 1, partition_by (source, day), "
        f"write_partition_columns true, append true, filename_pattern 'part-{{uuid}}', return_stats true, row_group_size {GROUP})"
    ).fetchall()
    return [
        DayFile(Path(path), Path(path).relative_to(folder).as_posix(), dict(partition), int(count), int(size))
        for path, count, size, _, _, partition in written
    ]


def lake_sql(engine: Engine, rows: ir.Table, table: Table) -> str:
    """Return the SQL of rows in the lake's types and the model's columns."""
    there = set(rows.columns)
    columns = ", ".join(f"{_to_lake(c, c.name in there)} as {_quote(c.name)}" for c in table.columns)
    return f"select {columns} from ({engine.sql(rows)})"


def lone_days(files: Sequence[DayFile]) -> dict[int, DayFile]:
    """Return the days, counted from 1970, of which one file holds all rows."""
    by_day: dict[str | None, list[DayFile]] = {}
    for file in files:
        by_day.setdefault(file.partition["day"], []).append(file)
    epoch = date(1970, 1, 1)
    return {
        (date.fromisoformat(day) - epoch).days: held[0]
        for day, held in by_day.items()
        if day is not None and len(held) == 1
    }


def _to_lake(column: Column, there: bool) -> str:
    return to_lake(column, _quote(column.name) if there else "null")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
