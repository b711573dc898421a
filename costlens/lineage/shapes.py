"""Reads the shapes of days into the table `lineage`: each text once, whatever days it was seen on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.engine import Engine
from costlens.lineage import read_many
from costlens.model import LINEAGE, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

_TEXTS_AT_ONCE = 50_000
_READ = tuple(Column(name, "text") for name in ("digest", "verb", "targets", "sources", "temporary", "marks"))


def lineage_of(
    shapes: ir.Table,
    known: ir.Table,
    dialect: str,
    version: str,
    marks: Callable[[str], Sequence[str]],
    engine: Engine,
) -> ir.Table:
    """Return the LINEAGE rows of SHAPES rows: a row per day and shape.

    `known` are LINEAGE rows whose texts need not be read again; `marks` returns the words of a text that tell a tool.
    """
    told = shapes.filter(shapes.text.notnull())
    seen = told.group_by("source", "day", "shape").agg(text=told.text.min())
    seen = engine.materialise(seen.mutate(digest=seen.text.hexdigest("md5")), "seen")
    names = [column.name for column in _READ]
    same = known.filter(known.version == version)
    old = same.group_by("digest").agg(**{name: same[name].min() for name in names[1:]}).select(names)
    new = seen.anti_join(old, "digest").group_by("digest").agg(text=ibis._.text.min())
    rows = _read(new, dialect, marks, engine)
    both = engine.materialise(ibis.union(old.semi_join(seen, "digest"), rows.select(names)), "read")
    joined = seen.drop("text").join(both, "digest").mutate(version=ibis.literal(version))
    return joined.select(*LINEAGE.names)


def _read(texts: ir.Table, dialect: str, marks: Callable[[str], Sequence[str]], engine: Engine) -> ir.Table:
    columns: dict[str, list[str]] = {column.name: [] for column in _READ}
    for batch in engine.connection.execute(engine.sql(texts)).to_arrow_reader(_TEXTS_AT_ONCE):
        held = batch.to_pydict()
        columns["digest"] += held["digest"]
        columns["marks"] += [json.dumps([*marks(text)]) for text in held["text"]]
        for lineage in read_many(held["text"], dialect):
            columns["verb"].append(lineage.verb)
            for name in ("targets", "sources", "temporary"):
                columns[name].append(json.dumps(getattr(lineage, name), ensure_ascii=False))
    arrow = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return engine.register(arrow, "read_texts", _READ)
