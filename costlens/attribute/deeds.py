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
    """Return (source, day, query_id, thread, started_at, deed) of `queries` with their `lineage`; deed is null where nothing is known.

    What the vendor says was written or read comes before what the text says. A thread is a session, or the jobs of a script.
    """
    rows, lineage = facts["queries"], facts["lineage"]
    told = lineage.select("source", "day", "shape", "verb", "temporary", "marks", wrote="targets", looked_at="sources")
    joined = rows.left_join(told, ["source", "day", "shape"])
    vendor_targets, vendor_reads = joined.targets, joined.reads
    if "accesses" in facts:
        said = facts["accesses"].group_by("source", "query_id")
        said = said.agg(modified=ibis._.targets.max(), accessed=ibis._.reads.max())
        joined = joined.left_join(said, ["source", "query_id"])
        vendor_targets = ibis.coalesce(joined.targets, joined.modified)
        vendor_reads = ibis.coalesce(joined.reads, joined.accessed)
    targets = ibis.coalesce(vendor_targets, joined.wrote, _EMPTY)
    sources = ibis.coalesce(vendor_reads.nullif(_EMPTY), joined.looked_at, _EMPTY)
    is_known = joined.verb.notnull() | vendor_targets.notnull() | vendor_reads.notnull()
    parts = (
        joined.verb.fill_null(""),
        targets,
        sources,
        joined.temporary.fill_null(_EMPTY),
        joined.marks.fill_null(_EMPTY),
        joined["database"].fill_null(""),
        joined["schema"].fill_null(""),
    )
    text = parts[0]
    for part in parts[1:]:
        text = text + _SEPARATOR + part
    return joined.select(
        "source",
        "day",
        "query_id",
        thread=ibis.coalesce(joined.session_id, joined.root_id, joined.parent_id, joined.query_id),
        started_at=ibis.coalesce(joined.started_at, joined.submitted_at, joined.ended_at),
        writes=targets != _EMPTY,
        deed=ibis.ifelse(is_known, text, ibis.null("string")),
    )


def read_deed(text: str) -> Deed:
    """Read the text of a deed."""
    verb, targets, sources, temporary, marks, database, schema = text.split(_SEPARATOR)
    wrote, looked_at, temporal, marked = (tuple(json.loads(part)) for part in (targets, sources, temporary, marks))
    return Deed(verb, wrote, looked_at, temporal, marked, database or None, schema or None)
