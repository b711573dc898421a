"""Lays out what is to be attributed: every query, object and pool as one row, its long texts as numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.attribute.deeds import KIND, said_by_vendor
from costlens.estates.relations import parts_of
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

#: Texts of a query that methods read: few are distinct, so a subject holds `<name>_no` and each text is read once.
TEXTS = ("tag", "labels", "mark")
OBJECT = "object"
#: Text of what a query did; told by `facts["kinds"]`.
DEED = "deed"
_LINKS = ("parent_id", "root_id", "session_id", "transaction_id", "shape")
#: What tells the deed, by names that those of `who` do not meet.
_KIND = {f"its_{name}": name for name in KIND if name not in ("source", "day", "shape")}
_SAME = {**{name: name for name in ("source", "day", "shape")}, **_KIND}
_NO_TRANSACTION = "0"  # Snowflake's word for none

Texts = dict[str, "ir.Table"]


def subjects_of(
    facts: Mapping[str, ir.Table], who: Collection[str], boundaries: Sequence[int], engine: Engine
) -> tuple[ir.Table, Texts]:
    """Return the subjects, and the distinct texts (value, no) by the column that they stood in.

    A subject has `subject` (its number), source, day, kind (query, object, pool), subject_id, era (how many of
    `boundaries`, days since 1970, its day has reached), the columns of `who`, the links between queries and the numbers
    of its texts.
    """
    texts = {name: _distinct(facts["queries"], name, engine) for name in TEXTS}
    rows = _queries(facts, who)
    for name in TEXTS:
        rows = _numbered(rows, name, texts[name])
    if "kinds" in facts:
        kinds = engine.materialise(facts["kinds"], "kinds")
        texts[DEED] = _distinct(kinds, DEED, engine)
        rows = _with_deed(rows, engine.materialise(_numbered(kinds, DEED, texts[DEED]), "kinds"))
    rows = rows.drop(*_KIND)
    parts = [_padded(rows, who)]
    if "usage" in facts:
        objects = engine.materialise(_objects(facts["usage"]), "objects")
        texts[OBJECT] = _distinct(objects, OBJECT, engine)
        parts.append(_padded(_placed(_numbered(objects, OBJECT, texts[OBJECT]), texts[OBJECT], engine), who))
    pools = [facts[name] for name in ("metering", "usage") if name in facts]
    parts += [_padded(_pools(pools), who)] if pools else []
    columns = sorted(parts[0].columns)
    every = ibis.union(*(part.select(columns) for part in parts)) if len(parts) > 1 else parts[0]
    era = sum(((every.day >= day).cast("int64") for day in boundaries), ibis.literal(0, "int64"))
    return engine.materialise(every.mutate(era=era, subject=ibis.row_number()), "subjects"), texts


def _distinct(rows: ir.Table, column: str, engine: Engine) -> ir.Table:
    values = rows.filter(rows[column].notnull()).select(value=rows[column]).distinct()
    return engine.materialise(values.mutate(no=ibis.row_number()), f"{column}_texts")


def _numbered(rows: ir.Table, column: str, texts: ir.Table) -> ir.Table:
    """Replace a text column by the number of its text."""
    joined = rows.left_join(texts, rows[column] == texts.value).drop("value", column)
    return joined.rename({f"{column}_no": "no"})


def _queries(facts: Mapping[str, ir.Table], who: Collection[str]) -> ir.Table:
    """Return the queries with what the vendor says of their parents, and with their client where a rule asks for it."""
    rows = said_by_vendor(facts)
    in_transaction = rows.transaction_id.notnull() & (rows.transaction_id != _NO_TRANSACTION)
    rows = rows.select(
        "source",
        "day",
        *(name for name in who if name != "client"),
        *TEXTS,
        "parent_id",
        "root_id",
        "shape",
        **{mine: rows[name] for mine, name in _KIND.items()},
        transaction_id=ibis.ifelse(in_transaction, rows.transaction_id, ibis.null("string")),
        session_id=ibis.ifelse(in_transaction | ("client" in who), rows.session_id, ibis.null("string")),
        subject_id=rows.query_id,
        kind=ibis.literal("query"),
    )
    if "query_usage" in facts:
        usage = facts["query_usage"]
        calls = usage.filter(usage.parent_id.notnull() | usage.root_id.notnull())
        calls = calls.group_by("source", "query_id").agg(called_by=calls.parent_id.max(), called_in=calls.root_id.max())
        rows = rows.left_join(calls, [rows.source == calls.source, rows.subject_id == calls.query_id])
        rows = rows.mutate(
            parent_id=ibis.coalesce(rows.parent_id, rows.called_by), root_id=ibis.coalesce(rows.root_id, rows.called_in)
        ).drop("called_by", "called_in", "query_id", "source_right")
    if "client" not in who or "sessions" not in facts:
        return rows.mutate(client=ibis.null("string")) if "client" in who else rows
    sessions = facts["sessions"]
    clients = sessions.group_by("source", "session_id").agg(client=sessions.application.max())
    return rows.left_join(clients, ["source", "session_id"]).drop("source_right", "session_id_right")


def _with_deed(rows: ir.Table, kinds: ir.Table) -> ir.Table:
    kinds = kinds.select("deed_no", **{f"kind_{name}": kinds[name] for name in KIND})
    return rows.left_join(kinds, [rows[mine].identical_to(kinds[f"kind_{name}"]) for mine, name in _SAME.items()]).drop(
        *(f"kind_{name}" for name in KIND)
    )


def _objects(usage: ir.Table) -> ir.Table:
    """Return what usage lines are for, one row an object and day; the pool where the object is one."""
    named = usage.filter(usage.object_id.notnull())
    grouped = named.group_by("source", "day", subject_id=named.object_id).agg(
        account=named.account.max(),
        pool=ibis.ifelse(named.pool_id.notnull(), named.object, ibis.null("string")).max(),
        object=ibis.coalesce(named.object, named.object_id).max(),
    )
    return grouped.mutate(kind=ibis.literal("object"))


def _placed(objects: ir.Table, texts: ir.Table, engine: Engine) -> ir.Table:
    """Add the database and schema that an object's name says; a name of one part is a database's."""
    read = engine.arrow(texts)
    parts = [parts_of(text) for text in read["value"].to_pylist()]
    columns = (Column("object_no", "integer"), Column("database", "text"), Column("schema", "text"))
    arrays = (
        read["no"],
        pa.array([p[0] if len(p) in (1, 3) else None for p in parts], pa.string()),
        pa.array([p[-2] if len(p) > 1 else None for p in parts], pa.string()),
    )
    table = pa.table({column.name: array for column, array in zip(columns, arrays, strict=True)})
    places = engine.register(table, "places", columns)
    return objects.left_join(places, "object_no").drop("object_no_right")


def _pools(metered: Sequence[ir.Table]) -> ir.Table:
    parts = [
        rows.filter(rows.pool_id.notnull()).select(
            "source",
            "day",
            "account",
            subject_id=rows.pool_id,
            pool=rows.pool if "pool" in rows.columns else ibis.null("string"),
        )
        for rows in metered
    ]
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    grouped = rows.group_by("source", "day", "subject_id").agg(account=rows.account.max(), pool=rows.pool.max())
    return grouped.mutate(kind=ibis.literal("pool"))


def _padded(rows: ir.Table, who: Collection[str]) -> ir.Table:
    """Add the columns that only queries have."""
    missing = dict.fromkeys((*who, *_LINKS), "string")
    missing |= dict.fromkeys((f"{name}_no" for name in (*TEXTS, DEED, OBJECT)), "int64")
    return rows.mutate(**{name: ibis.null(kind) for name, kind in missing.items() if name not in rows.columns})
