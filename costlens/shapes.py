"""Keeps what shapes tell beside the facts: their lineage, read once, and on which days evidence of it speaks."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import pyarrow as pa

from costlens.attribute import SPEAK_FOR_SHAPE
from costlens.attribute.deeds import deeds_of
from costlens.attribute.follow import REACH_DAYS
from costlens.attribute.shape import reached, window, within
from costlens.attribute.tools import Tools
from costlens.engine import Engine
from costlens.lineage import VERSION
from costlens.lineage.shapes import lineage_of
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Writer

#: A text seen in this many days before or after is not read again.
_REMEMBERED_DAYS = 8
#: What the vendor says of a query is known by the query's start: it is looked for so many days before its end.
ACCESS_REACH_DAYS = 2


class Shapes:
    """The shapes of one source within an open writer."""

    def __init__(self, writer: Writer, engine: Engine, source: str, dialect: str, tools: Tools) -> None:
        self._writer, self._engine = writer, engine
        self._source, self._dialect, self._tools = source, dialect, tools
        #: Of what reads texts: another one reads them again.
        self.version = f"{VERSION}-{tools.version}"

    def read(self, changed: Collection[int], *, before: str | None) -> set[int]:
        """Read the shapes of changed days, all days where another version read them `before`; return the days."""
        days = set(changed) if before == self.version else self._writer.days("shapes", self._source)
        if not days:
            return set()
        near = {day + step for day in days for step in range(-_REMEMBERED_DAYS, _REMEMBERED_DAYS + 1)}
        with self._engine.scratch():
            rows = lineage_of(
                self._stored("shapes", days),
                self._stored("lineage", near),
                self._dialect,
                self.version,
                self._tools.marks,
                self._engine,
            )
            self._writer.replace("lineage", self._source, days, rows, self._engine)
        return days

    def deeds(self, days: Collection[int]) -> ir.Table:
        """Return what the queries of some days, and of the days beside them, did."""
        near = beside(days)
        facts = {name: self._stored(name, near) for name in ("queries", "lineage")}
        accessed = {day - step for day in near for step in range(ACCESS_REACH_DAYS + 1)}
        if accessed & self._writer.days("accesses", self._source):
            facts["accesses"] = self._stored("accesses", accessed)
        return deeds_of(facts)

    def accessed(self, days: Collection[int]) -> set[int]:
        """Return the days on which queries ended of which the vendor says something on `days`."""
        return {day + step for day in days for step in range(ACCESS_REACH_DAYS + 1)}

    def followed(self, days: set[int]) -> set[int]:
        """Return the days beside `days` whose queries may have fed what a thread wrote on one of `days`."""
        if not days:
            return set()
        deeds = self.deeds(days)
        writing = deeds.filter(deeds.writes)
        here = writing.filter(writing.day.isin(sorted(days))).select("thread").distinct()
        there = writing.filter(~writing.day.isin(sorted(days))).semi_join(here, "thread")
        return {row["day"] for row in self._engine.rows(there.select("day").distinct())}

    def assets(self, days: Collection[int]) -> ir.Table:
        """Return what shapes were for on all days whose evidence speaks of some days."""
        windows = [window(day) for day in days]
        lows, highs = zip(*windows, strict=True) if windows else ((0,), (-1,))
        return self._stored("shape_assets", range(min(lows), max(highs) + 1))

    def note_assets(self, days: Collection[int]) -> set[tuple[int, str]]:
        """Keep what shapes were for on days that were attributed; return each (day, shape) that was for something else before.

        Where no other day could be spoken of nothing is compared: a first sync need not look at each of its shapes.
        """
        others = (reached(days) & self._writer.days("lineage", self._source)) - set(days)
        told = self._stored("attributions", days)
        told = told.filter(told.asset.notnull() & (told.subject_kind == "query") & told.method.isin(SPEAK_FOR_SHAPE))
        queries = self._stored("queries", days).select("source", "day", "shape", query_id="query_id")
        queries = queries.filter(queries["shape"].notnull())
        joined = queries.join(
            told.select("source", "day", "asset", query_id="subject_id"), ["source", "day", "query_id"]
        )
        with self._engine.scratch():
            new = joined.select("source", "day", "shape", "asset").distinct()
            new = self._engine.materialise(new, "new_shape_assets")
            changed = self._changed(new, days) if others else set()
            if changed or not others:
                self._writer.replace("shape_assets", self._source, days, new, self._engine)
        return changed

    def _changed(self, new: ir.Table, days: Collection[int]) -> set[tuple[int, str]]:
        old = self._stored("shape_assets", days).select(*new.columns)
        differing = old.difference(new).union(new.difference(old)).select("day", "shape").distinct()
        return {(row["day"], row["shape"]) for row in self._engine.rows(differing)}

    def spoken_of(self, changed: set[tuple[int, str]], seen: Collection[int]) -> set[int]:
        """Return the days that have queries of changed shapes within reach, but for `seen` where all changes were known."""
        days = (reached({day for day, _ in changed}) & self._writer.days("lineage", self._source)) - set(seen)
        if not days:
            return set()
        with self._engine.scratch():
            columns = (Column("changed_on", "integer"), Column("shape", "text"))
            numbers, names = zip(*sorted(changed), strict=True)
            arrow = pa.table({"changed_on": pa.array(numbers, pa.int64()), "shape": pa.array(names, pa.string())})
            table = self._engine.register(arrow, "changed_shapes", columns)
            seen_on = self._stored("lineage", days).select("day", "shape").distinct()
            pairs = seen_on.join(table, "shape").select("day", "changed_on").distinct()
            rows = self._engine.rows(pairs)
        return {row["day"] for row in rows if within(row["day"], row["changed_on"])}

    def _stored(self, name: str, days: Collection[int]) -> ir.Table:
        return self._writer.table(name, self._engine, source=self._source, days=days)


def beside(days: Collection[int]) -> set[int]:
    """Return days and those near enough that what a thread writes is followed from one to the other."""
    return {day + step for day in days for step in range(-REACH_DAYS, REACH_DAYS + 1)}
