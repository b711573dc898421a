"""Takes the literals out of queries on their way in: texts become shapes, tags and labels are masked, tools' marks are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.engine import Engine
from costlens.masking import mark_of, mask_labels, mask_tag, mask_text, shape_of
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Tools put their mark in a comment that begins or ends the text; this much of either end is looked at.
_END = 3000
_COMMENT = r"(?:/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|--[^\n]*)"


def with_texts(rows: ir.Table, dialect: str, engine: Engine, keep_keys: Sequence[str]) -> tuple[ir.Table, ir.Table]:
    """Return (queries, shapes) of rows that carry `text`, `shape_hint`, and `tag` and `labels` as the vendor gave them.

    Each distinct tag, label set, comment and shape is looked at once in Python; the rows meet the results in joins. Texts are
    never materialised: they stay in the reader's chunk or file.
    """
    rows = rows.mutate(
        lead=rows.text.left(_END).re_extract(rf"^\s*({_COMMENT})", 1),
        trail=rows.text.right(_END).re_extract(rf"({_COMMENT})\s*;?\s*$", 1),
    ).mutate(
        comment=lambda t: ibis.ifelse((t.lead + t.trail).length() > 0, t.lead + "\n" + t.trail, ibis.null("string"))
    )
    rows = rows.drop("mark", "shape", "lead", "trail")
    rows = _mapped(rows, "tag", "tag", engine, lambda tag: mask_tag(tag, keep_keys))
    rows = _mapped(rows, "labels", "labels", engine, lambda labels: mask_labels(labels, keep_keys))
    rows = _mapped(rows, "comment", "mark", engine, lambda comment: mark_of(comment, dialect)).drop("comment")
    unhinted = rows.filter(rows.shape_hint.isnull()).select(text="text").distinct()
    own = _map(unhinted, "text", engine, lambda text: shape_of(text, dialect))
    rows = rows.mutate(own_text=ibis.ifelse(rows.shape_hint.isnull(), rows.text, ibis.null("string")))
    rows = rows.left_join(own, rows.own_text == own.value).drop("value", "own_text")
    rows = rows.mutate(shape=ibis.coalesce(rows.shape_hint, rows.result)).drop("result", "shape_hint")
    return rows.drop("text"), _shapes(rows, dialect, engine)


def _shapes(rows: ir.Table, dialect: str, engine: Engine) -> ir.Table:
    known = rows.filter(rows.shape.notnull() & rows.text.notnull())
    sample = known.group_by("shape").agg(text=known.text.argmin(known.query_id))
    texts = _map(sample, "text", engine, lambda text: mask_text(text, dialect), key="shape")
    seen = known.group_by(["day", "shape", "database", "schema"]).agg(query_id=known.query_id.min())
    joined = seen.left_join(texts, seen.shape == texts.value).drop("value")
    return joined.rename(text="result")


def _mapped(rows: ir.Table, column: str, name: str, engine: Engine, function: Callable[[str], str | None]) -> ir.Table:
    """Replace a column by a function of its distinct values."""
    distinct = rows.filter(rows[column].notnull()).select(column).distinct()
    values = _map(distinct, column, engine, function)
    joined = rows.left_join(values, rows[column] == values.value).drop("value")
    if name == column:
        joined = joined.drop(column)
    return joined.rename({name: "result"})


def _map(
    distinct: ir.Table, column: str, engine: Engine, function: Callable[[str], str | None], key: str | None = None
) -> ir.Table:
    """Return (value, result) for the distinct values of a column; `key` names a column that stands for the value."""
    values: list[str] = []
    results: list[str | None] = []
    reader = engine.connection.execute(engine.sql(distinct)).to_arrow_reader(20_000)
    for batch in reader:
        columns = batch.to_pydict()
        for stands_for, value in zip(columns[key or column], columns[column], strict=True):
            if value is not None:
                values.append(stands_for)
                results.append(function(value))
    arrow = pa.table({"value": pa.array(values, pa.string()), "result": pa.array(results, pa.string())})
    return engine.register(arrow, f"{column}_map", (Column("value", "text"), Column("result", "text")))
