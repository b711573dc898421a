"""What each query did: verb, relations written and read, and where it stood, as one text that many queries share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from costlens.estates.relations import parts_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SEPARATOR = "\x1e"  # JSON escapes it
_EMPTY = "[]"
#: What the deed of a query depends on.
KIND = ("source", "day", "shape", "database", "schema", "modified", "accessed")


@dataclass(frozen=True)
class Deed:
    """One kind of statement in one place; names as the statement or the vendor spells them."""

    verb: str
    targets: tuple[str, ...]
    sources: tuple[str, ...]
    temporary: tuple[str, ...]
    marks: tuple[str, ...]
    database: str | None
    schema: str | None

    @property
    def lasting(self) -> tuple[str, ...]:
        """The targets that outlive the session."""
        if not self.temporary:
            return self.targets
        temporary = {self.full(name) for name in self.temporary}
        return tuple(name for name in self.targets if self.full(name) not in temporary)

    def full(self, name: str) -> tuple[str, ...]:
        """Return a relation's name, completed by where the query stood."""
        parts = parts_of(name)
        if len(parts) == 1 and self.schema:
            parts = (self.schema.lower(), *parts)
        if len(parts) == 2 and self.database:
            parts = (self.database.lower(), *parts)
        return parts


def deeds_of(facts: Mapping[str, ir.Table]) -> ir.Table:
    """Return (source, day, query_id, thread, started_at, writes, deed) of `queries` with their `lineage`.

    The deed is null where nothing is known. A thread is a session, or the jobs of a script.
    """
    rows, targets, deed = _told(said_by_vendor(facts), facts["lineage"])
    return rows.select(
        "source",
        "day",
        "query_id",
        thread=ibis.coalesce(rows.session_id, rows.root_id, rows.parent_id, rows.query_id),
        started_at=ibis.coalesce(rows.started_at, rows.submitted_at, rows.ended_at),
        writes=targets != _EMPTY,
        deed=deed,
    )


def kinds_of(facts: Mapping[str, ir.Table]) -> ir.Table:
    """Return (KIND, deed): the distinct ways in which `queries` did something, few beside the queries."""
    rows, _, deed = _told(said_by_vendor(facts).select(*KIND).distinct(), facts["lineage"])
    return rows.select(*KIND, deed=deed)


def said_by_vendor(facts: Mapping[str, ir.Table]) -> ir.Table:
    """Return `queries` with `modified` and `accessed`: what the vendor says was written and read."""
    rows = facts["queries"]
    if "accesses" not in facts:
        return rows.mutate(modified=rows.targets, accessed=rows.reads)
    said = facts["accesses"].group_by("source", "query_id")
    said = said.agg(told_targets=ibis._.targets.max(), told_reads=ibis._.reads.max())
    rows = rows.left_join(said, ["source", "query_id"])
    return rows.mutate(
        modified=ibis.coalesce(rows.targets, rows.told_targets), accessed=ibis.coalesce(rows.reads, rows.told_reads)
    )


def _told(rows: ir.Table, lineage: ir.Table) -> tuple[ir.Table, ir.StringValue, ir.StringValue]:
    """Return rows with their shape's lineage, what they write, and their deed: the vendor's word comes before the text's."""
    told = lineage.select("source", "day", "shape", "verb", "temporary", "marks", wrote="targets", looked_at="sources")
    rows = rows.left_join(told, ["source", "day", "shape"])
    targets = ibis.coalesce(rows.modified, rows.wrote, _EMPTY)
    sources = ibis.coalesce(rows.accessed.nullif(_EMPTY), rows.looked_at, _EMPTY)
    is_known = rows.verb.notnull() | rows.modified.notnull() | rows.accessed.notnull()
    parts = (
        rows.verb.fill_null(""),
        targets,
        sources,
        rows.temporary.fill_null(_EMPTY),
        rows.marks.fill_null(_EMPTY),
        rows["database"].fill_null(""),
        rows["schema"].fill_null(""),
    )
    text = parts[0]
    for part in parts[1:]:
        text = text + _SEPARATOR + part
    return rows, targets, ibis.ifelse(is_known, text, ibis.null("string"))


def read_deed(text: str) -> Deed:
    """Read the text of a deed."""
    verb, targets, sources, temporary, marks, database, schema = text.split(_SEPARATOR)
    wrote, looked_at, temporal, marked = (tuple(json.loads(part)) for part in (targets, sources, temporary, marks))
    return Deed(verb, wrote, looked_at, temporal, marked, database or None, schema or None)
