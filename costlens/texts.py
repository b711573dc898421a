"""Takes the literals out of queries on their way in: texts become shapes, tags and labels are masked, tools' marks are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.engine import Engine
from costlens.masking import mark_of, mask_labels, mask_tag, mask_text, shape_of
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir


def with_texts(rows: ir.Table, dialect: str, engine: Engine, keep_keys: Sequence[str]) -> tuple[ir.Table, ir.Table]:
    """Return (queries, shapes) of rows that carry `text`, `shape_hint`, and `tag` and `labels` as the vendor gave them.

    Each distinct tag, label set, comment and shape is looked at once in Python; the rows meet the results in joins. Texts are
    never materialised: they stay in the reader's chunk or file.
    """
    given = rows.mutate(comment=comment_of(rows.text))
    # Of the rows as they come: of joined ones an engine would join all to find the few values that there are.
    tags = _values(given, "tag", engine, lambda tag: mask_tag(tag, keep_keys))
    labels = _values(given, "labels", engine, lambda labels: mask_labels(labels, keep_keys))
    marks = _values(given, "comment", engine, lambda comment: mark_of(comment, dialect))
    rows = _shaped(given.drop("mark", "shape"), dialect, engine)
    shapes = _shapes(rows, dialect, engine)
    rows = _mapped(rows.drop("text"), "tag", "tag", tags)
    rows = _mapped(rows, "labels", "labels", labels)
    return _mapped(rows, "comment", "mark", marks), shapes


def _shaped(rows: ir.Table, dialect: str, engine: Engine) -> ir.Table:
    """Add `shape`: the vendor's hash where it gives one, else our own of the text."""
    unhinted = rows.filter(rows.shape_hint.isnull()).select(text="text").distinct()
    own = _map(unhinted, "text", engine, lambda text: shape_of(text, dialect))
    rows = rows.mutate(own_text=ibis.ifelse(rows.shape_hint.isnull(), rows.text, ibis.null("string")))
    rows = rows.left_join(own, rows.own_text == own.value).drop("value", "own_text")
    return rows.mutate(shape=ibis.coalesce(rows.shape_hint, rows.result)).drop("result", "shape_hint")


def comment_of(text: ir.StringValue) -> ir.StringValue:
    """Return the comment that begins or ends a text, where tools put their mark; a line end where there is none.

    By plain searches, few of them where there is no comment: this looks at every text of a pull. What it takes for a comment in a
    literal is no tool's mark.
    """
    nothing = ibis.literal("")
    lead = ibis.cases(
        (_begins(text, "/*"), text.substr(0, text.find("*/") + 2)),
        (_begins(text, "--"), text.split("\n")[0]),
        else_=nothing,
    )
    backwards = text.reverse()
    last_line = ibis.ifelse(text.contains("\n"), text.right(backwards.find("\n")), text)
    trail = ibis.cases(
        (_ends(text, "*/"), text.right(backwards.find("*/") + 2)),
        (~text.contains("--"), nothing),
        (last_line.contains("--"), last_line.substr(last_line.find("--"))),
        else_=nothing,
    )
    has_none = ~(text.contains("--") | text.contains("/*") | text.contains("*/"))
    return ibis.cases((has_none, ibis.literal("\n")), else_=lead + "\n" + trail)


def _begins(text: ir.StringValue, mark: str) -> ir.BooleanValue:
    """Tell whether a text begins with a mark, after a little white space. Few texts begin with any: only those are cut."""
    is_spaced = reduce(or_, [text.startswith(space) for space in " \t\n\r\v\f"])
    return ibis.cases((is_spaced, text.left(8).lstrip().startswith(mark)), else_=text.startswith(mark))


def _ends(text: ir.StringValue, mark: str) -> ir.BooleanValue:
    """Tell whether a text ends with a mark, before a little white space and semicolons."""
    is_spaced = reduce(or_, [text.endswith(space) for space in "; \t\n\r\f"])
    stripped = text.right(12).re_replace(r"[\s;]+$", "")
    return ibis.cases((is_spaced, stripped.endswith(mark)), else_=text.endswith(mark))


def _shapes(rows: ir.Table, dialect: str, engine: Engine) -> ir.Table:
    known = rows.filter(rows.shape.notnull() & rows.text.notnull())
    # The least id first, its text after: an engine that keeps the text of the least while it groups keeps them all, and one that
    # does both at once holds all texts between.
    least = engine.materialise(known.group_by("shape").agg(query_id=known.query_id.min()), "least")
    sample = known.semi_join(least, ["shape", "query_id"])
    sample = sample.group_by("shape").agg(text=sample.text.min())  # the row of an id may have come twice
    texts = _map(sample, "text", engine, lambda text: mask_text(text, dialect), key="shape")
    seen = known.group_by(["day", "shape", "database", "schema"]).agg(query_id=known.query_id.min())
    joined = seen.left_join(texts, seen.shape == texts.value).drop("value")
    return joined.rename(text="result")


def _values(rows: ir.Table, column: str, engine: Engine, function: Callable[[str], str | None]) -> ir.Table:
    """Return (value, result) of a function of a column's distinct values."""
    return _map(rows.select(column).distinct(), column, engine, function)


def _mapped(rows: ir.Table, column: str, name: str, values: ir.Table) -> ir.Table:
    """Replace a column by what its values became, under a name."""
    joined = rows.left_join(values, rows[column] == values.value).drop("value", column)
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
