"""Keeps what shapes tell beside the facts: their lineage, read once, and on which days evidence of it speaks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.attribute import SPEAK_FOR_SHAPE
from costlens.attribute.deeds import deeds_of, kinds_of
from costlens.attribute.follow import REACH_DAYS
from costlens.attribute.shape import reached, window
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
#: Before the first step of an attribution, and after the last.
_NO_STEP, _STAYS = -1, 2**31


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

    def deeds(self, days: Collection[int]) -> dict[str, ir.Table]:
        """Return what the queries of some days, and of the days beside them, did: `deeds` and their `kinds`.

        Where the vendor says anything of them, `accesses` too.
        """
        near = beside(days)
        facts = {name: self._stored(name, near) for name in ("queries", "lineage")}
        accessed = {day - step for day in near for step in range(ACCESS_REACH_DAYS + 1)}
        has_accesses = bool(accessed & self._writer.days("accesses", self._source))
        accesses = {"accesses": self._stored("accesses", accessed)} if has_accesses else {}
        return {"deeds": deeds_of(facts | accesses), "kinds": kinds_of(facts | accesses), **accesses}

    def accessed(self, days: Collection[int]) -> set[int]:
        """Return the days on which queries ended of which the vendor says something on `days`."""
        return {day + step for day in days for step in range(ACCESS_REACH_DAYS + 1)}

    def followed(self, days: set[int]) -> set[int]:
        """Return the days beside `days` whose queries may have fed what a thread wrote on one of `days`."""
        if not days:
            return set()
        deeds = self.deeds(days)["deeds"]
        writing = deeds.filter(deeds.writes)
        here = writing.filter(writing.day.isin(sorted(days))).select("thread").distinct()
        there = writing.filter(~writing.day.isin(sorted(days))).semi_join(here, "thread")
        return {row["day"] for row in self._engine.rows(there.select("day").distinct())}

    def assets(self, days: Collection[int]) -> ir.Table:
        """Return what shapes were for on all days whose evidence speaks of some days."""
        windows = [window(day) for day in days]
        lows, highs = zip(*windows, strict=True) if windows else ((0,), (-1,))
        return self._stored("shape_assets", range(min(lows), max(highs) + 1))

    def note_assets(self, days: Collection[int]) -> pa.Table:
        """Keep what shapes were for on days that were attributed; return what differs from before: day, shape, asset, is_new.

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
            old = self._stored("shape_assets", days).select(*new.columns)
            came, gone = new.difference(old).mutate(is_new=True), old.difference(new).mutate(is_new=False)
            changes = self._engine.arrow((came.union(gone) if others else came.limit(0)).drop("source"))
            if changes.num_rows or not others:
                self._writer.replace("shape_assets", self._source, days, new, self._engine)
        return changes

    def spoken_of(self, told: Sequence[tuple[Collection[int], pa.Table]]) -> set[int]:
        """Return the days for which a shape now speaks otherwise than when they were attributed.

        `told` are the steps of an attribution, each with its days and the changes that `note_assets` then found: a day knew
        those of its own step and of the steps before. Most changes tell of one more day what all others tell: they change nothing.
        """
        changed = {day for _, changes in told for day in changes["day"].unique().to_pylist()}
        days = reached(changed) & self._writer.days("lineage", self._source)
        if not days:
            return set()
        with self._engine.scratch():
            return {row["day"] for row in self._engine.rows(self._otherwise(told, days))}

    def _otherwise(self, told: Sequence[tuple[Collection[int], pa.Table]], days: Collection[int]) -> ir.Table:
        """Return those of `days` that have a shape whose one asset was another, or not one, at their step; days in no step saw none."""
        changes = self._changes(told)
        steps = {day: step for step, (of_step, _) in enumerate(told) for day in of_step}
        rows = [(day, *window(day), steps.get(day, _NO_STEP)) for day in sorted(days)]
        names = ("day", "low", "high", "step")
        windows = pa.table(
            {name: pa.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        )
        spans = self._engine.register(windows, "windows", [Column(name, "integer") for name in names])
        seen = self._stored("lineage", days).select("day", "shape").distinct().semi_join(changes, "shape")
        seen = seen.join(spans, "day").select("low", "high", "step", "shape", seen_on="day")
        pairs = seen.join(self._history(changes, days), "shape")
        pairs = pairs.filter((pairs.day >= pairs.low) & (pairs.day <= pairs.high))
        then, now = (pairs.came <= pairs.step) & (pairs.gone > pairs.step), pairs.gone == _STAYS
        answers = pairs.group_by("seen_on", "shape").agg(
            then_least=pairs.asset.min(where=then),
            then_most=pairs.asset.max(where=then),
            now_least=pairs.asset.min(where=now),
            now_most=pairs.asset.max(where=now),
        )
        before, after = (
            ibis.ifelse(least == most, least, ibis.null("string"))
            for least, most in ((answers.then_least, answers.then_most), (answers.now_least, answers.now_most))
        )
        return answers.filter(~before.identical_to(after)).select(day="seen_on").distinct()

    def _changes(self, told: Sequence[tuple[Collection[int], pa.Table]]) -> ir.Table:
        steps = [
            changes.append_column("step", pa.array([step] * changes.num_rows, pa.int64()))
            for step, (_, changes) in enumerate(told)
        ]
        columns = [Column("day", "day"), Column("shape", "text"), Column("asset", "text")]
        columns += [Column("is_new", "boolean"), Column("step", "integer")]
        return self._engine.register(pa.concat_tables(steps), "changed_shapes", columns)

    def _history(self, changes: ir.Table, days: Collection[int]) -> ir.Table:
        """Return what changed shapes were and are for: day, shape, asset, at which step it `came` and at which it is `gone`."""
        came = changes.filter(changes.is_new).select("day", "shape", "asset", "step")
        held = self.assets(days).select("day", "shape", "asset").semi_join(changes, "shape")
        held = held.left_join(came, ["day", "shape", "asset"]).select("day", "shape", "asset", "step")
        held = held.mutate(came=held.step.fill_null(_NO_STEP), gone=ibis.literal(_STAYS, "int64")).drop("step")
        gone = changes.filter(~changes.is_new)
        gone = gone.select("day", "shape", "asset", came=ibis.literal(_NO_STEP, "int64"), gone="step")
        return held.union(gone)

    def _stored(self, name: str, days: Collection[int]) -> ir.Table:
        return self._writer.table(name, self._engine, source=self._source, days=days)


def beside(days: Collection[int]) -> set[int]:
    """Return days and those near enough that what a thread writes is followed from one to the other."""
    return {day + step for day in days for step in range(-REACH_DAYS, REACH_DAYS + 1)}
