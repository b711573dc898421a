"""Writes rows as the Parquet files of an export, with the vendor's own column names and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]

_LABELS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
_TABLE = pa.struct([("project_id", pa.string()), ("dataset_id", pa.string()), ("table_id", pa.string())])

TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "time": pa.timestamp("ms", tz="UTC"),
    "date": pa.date32(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "credits": pa.decimal128(38, 9),
    "thousandths": pa.decimal128(38, 3),
    "cents": pa.decimal128(38, 2),
    "labels": _LABELS,
    "table": _TABLE,
    "tables": pa.list_(_TABLE),
}


def schema(text: str, extra: Mapping[str, pa.DataType] | None = None) -> pa.Schema:
    """Read `NAME type` lines; `extra` names types that only one view has."""
    kinds = {**TYPES, **(extra or {})}
    pairs = (line.split() for line in text.strip().splitlines())
    return pa.schema([(name, kinds[kind]) for name, kind in pairs])


def write(path: Path, columns: pa.Schema, rows: Sequence[Row]) -> None:
    """Write rows in the given order; a key that is no column is an error, a missing one is null."""
    unknown = {key for row in rows for key in row} - set(columns.names)
    if unknown:
        raise KeyError(f"{path.name}: {sorted(unknown)} are no columns")
    arrays = [
        pa.array([_value(row.get(column.name), column.type) for row in rows], type=column.type) for column in columns
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_arrays(arrays, schema=columns)
    pq.write_table(table, path, compression="zstd", compression_level=12, row_group_size=1_000_000)


def _value(value: Any, kind: pa.DataType) -> Any:
    """Round to the places of a decimal column."""
    if value is not None and pa.types.is_decimal(kind):
        return Decimal(value).quantize(Decimal(1).scaleb(-kind.scale))
    return value


def iso(instant: datetime) -> str:
    """Return an instant as text, for keys and JSON."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
