"""Reads JSON text inside pipeline expressions, by functions that DuckDB has built in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

if TYPE_CHECKING:
    import ibis.expr.types as ir

_LABELS = '[{"key":"VARCHAR","value":"VARCHAR"}]'
_TABLES = '[{"project_id":"VARCHAR","dataset_id":"VARCHAR","table_id":"VARCHAR"}]'
_TABLE = dt.Struct({"project_id": "string", "dataset_id": "string", "table_id": "string"})

_text_at = ibis.udf.scalar.builtin(
    lambda document, path: None, name="json_extract_string", signature=((dt.string, dt.string), dt.string)
)
_labels_in = ibis.udf.scalar.builtin(
    lambda document, shape: None,
    name="from_json",
    signature=((dt.string, dt.string), dt.Array(dt.Struct({"key": "string", "value": "string"}))),
)
_tables_in = ibis.udf.scalar.builtin(
    lambda document, shape: None, name="from_json", signature=((dt.string, dt.string), dt.Array(_TABLE))
)
_quoted = ibis.udf.scalar.builtin(lambda text: None, name="to_json", signature=((dt.string,), dt.string))


def text_at(document: ir.StringValue, path: str) -> ir.StringValue:
    """Return the text at a JSON path such as `$.reason`, null where there is none."""
    return _text_at(document, path)


def label_object(labels: ir.StringValue) -> ir.StringValue:
    """Turn `[{"key": k, "value": v}, ...]` into `{k: v, ...}`, null where there are no labels."""
    pairs = _labels_in(labels, _LABELS).map(
        lambda label: _quoted(label.key) + ibis.literal(":") + _quoted(ibis.coalesce(label.value, ""))
    )
    return _enclosed(pairs, "{}")


def table_list(tables: ir.StringValue) -> ir.StringValue:
    """Turn a JSON list of table references into a JSON list of `project.dataset.table`, null where there are none."""
    names = _tables_in(tables, _TABLES).map(
        lambda table: _quoted(relation(table.project_id, table.dataset_id, table.table_id))
    )
    return _enclosed(names, "[]")


def relation(project: ir.StringValue, dataset: ir.StringValue, table: ir.StringValue) -> ir.StringValue:
    """Return `project.dataset.table`; a partition such as `$20261031` belongs to its table."""
    return project + ibis.literal(".") + dataset + ibis.literal(".") + table.re_replace(r"\$.*$", "")


def _enclosed(values: ir.ArrayValue, marks: Sequence[str]) -> ir.StringValue:
    joined = values.join(",")
    return joined.nullif("").notnull().ifelse(ibis.literal(marks[0]) + joined + ibis.literal(marks[1]), ibis.null(str))
