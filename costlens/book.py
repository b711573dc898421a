"""Books a pull: changed facts make days dirty, dirty days are priced, attributed and summed anew, all under the commit lease."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from costlens.attribute import REACH_DAYS, RUN_REACH, attribute, bare, rules_version
from costlens.attribute.people import with_people
from costlens.attribute.tools import Tools
from costlens.changes import Change, change_of
from costlens.connector import Connector
from costlens.daily import daily
from costlens.details import once
from costlens.engine import Engine
from costlens.estate import Estate
from costlens.ingest import Staged
from costlens.model import FACTS, TABLES
from costlens.price import Closure, closure, needed, needs, price, query_spans, resolve_rates, turned_final, unpriced
from costlens.settings.attribution import Settings as AttributionSettings
from costlens.shapes import Shapes
from costlens.trace.code import NO_CODE, Code
from costlens.windows import microseconds

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Writer

#: Days are priced together as long as they hold about this many queries: it bounds the memory of one step.
CHUNK_QUERIES = 2_000_000
#: What a day shares queries with lies within: no query runs longer.
LONGEST_QUERY_DAYS = 60
#: A price is carried on this many days at least.
CARRIED_DAYS = 31
#: Feed of the rates that pricing uses: one price a day, made of all that is known.
RESOLVED = "resolved"
#: Facts that no charge depends on.
_NO_MONEY = {"accesses", "sessions", "shapes", "users", "runs", "materializations"}
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass
class Booked:
    """What one commit did to the ledger."""

    rows: dict[str, int] = field(default_factory=dict)
    days_priced: int = 0
    unpriced: tuple[str, ...] = ()
    snapshot: int | None = None
    info: dict[str, Any] = field(default_factory=dict)


class Books:
    """Enters one source's staged facts into an open writer."""

    def __init__(
        self,
        writer: Writer,
        connector: Connector,
        engine: Engine,
        estate: Estate,
        settings: AttributionSettings,
        as_of: datetime,
        code: Code | None = None,
    ) -> None:
        self.writer, self.connector, self.engine = writer, connector, engine
        self.estate, self.settings, self.code = estate, settings, code or NO_CODE
        self.source = connector.settings.name
        self.as_of = microseconds(as_of)
        self.info = dict(writer.base.info) if writer.base else {}
        self.before: dict[str, Any] = self.info.get("sources", {}).get(self.source, {})
        self._know_people()
        self.shapes = Shapes(writer, engine, self.source, connector.dialect, Tools(settings.tools))
        self.prices = hashlib.sha256(repr((connector.rates(), connector.billing)).encode()).hexdigest()
        self._spanned: set[int] = set()
        self._held_spans: list[tuple[int, int]] = []

    def enter(self, staged: Staged, files: dict[str, Any] | None = None) -> Booked:
        """Replace what changed, in the order facts, rates, charges, attributions, daily; nothing counts before the commit.

        `files` is what an export's folder held, kept so that the next sync sees what changed.
        """
        booked = Booked()
        dirty: set[int] = set()
        quiet: dict[str, set[int]] = {name: set() for name in _NO_MONEY}
        for name in staged.tables():
            change = change_of(self.engine, self._stored, staged, name)
            booked.rows[name] = self._replace(name, change, staged)
            if name not in _NO_MONEY:
                dirty |= change.dirty
            else:
                quiet[name] |= change.days
        self._know_people()
        told = set(dirty)
        reach = self._reach(dirty)
        # Neither asks for what the other makes, and while Python reads texts for one, the engine computes for the other.
        with self.engine.aside(lambda engine: self._with(engine)._price(reach)) as unpriced:
            told |= self.shapes.read(quiet["shapes"], before=self.before.get("shapes"))
            told |= self.shapes.accessed(quiet["accesses"]) & self._all_days()
            retold = self._retold(told | self.shapes.followed(told), quiet["sessions"], reach)
            retold |= self._attribute(retold)
        booked.unpriced = unpriced.result()
        self._daily(retold)
        booked.days_priced = len(reach.write)
        booked.info = self._info(files, staged)
        return booked

    def _with(self, engine: Engine) -> Books:
        """Return these books, with another engine."""
        other = copy(self)
        other.engine = engine
        return other

    def retell(self, told: ir.Table) -> dict[str, Any]:
        """Attribute again the days of queries of which an orchestrator tells otherwise than before; return the new info.

        `told` has their bare ids `query_id` and the `run_day` on which they were issued. No money moves.
        """
        days = {row["run_day"] for row in self.engine.rows(told.select("run_day").distinct())}
        queries = self._stored("queries", _around(days)).mutate(bare=bare(ibis._.query_id)) if days else None
        found = [] if queries is None else self.engine.rows(_issued(queries, told))
        retold = self._retold({row["day"] for row in found}, set(), Closure(frozenset(), frozenset()))
        retold |= self._attribute(retold)
        self._daily(retold)
        mine = {**self.before, "rules": self.rules, "code": self._code_states()}
        return {**self.info, "sources": {**self.info.get("sources", {}), self.source: mine}}

    def _know_people(self) -> None:
        """Put into the estate who works for which team by what all warehouses say of their users: one person may work in several."""
        self.estate = with_people(self.estate, self.writer.table("users", self.engine), self.engine)
        self.rules = rules_version(self.estate, self.settings)

    def _reach(self, dirty: set[int]) -> Closure:
        """Add to the days of changed facts those of changed prices and those that time made final; return what they reach."""
        all_days = self._all_days()
        if self.before and self.before["prices"] != self.prices:
            dirty |= all_days
        dirty |= turned_final(all_days, self.before.get("as_of", self.as_of), self.as_of, self.connector.billing)
        dirty |= self._rates(dirty, all_days)
        return self._closure(dirty)

    def _retold(self, changed: set[int], sessions: set[int], reach: Closure) -> set[int]:
        """Return the days whose attributions may differ: those of changed rows, of queries that they issued, and of sessions.

        If a rule changed these are all days, if code did the days of its week.
        """
        all_days = self._all_days()
        if self.before.get("rules") != self.rules:
            return all_days | reach.write
        days = changed | reach.write | self.code.changed(all_days, self.before.get("code", {}))
        issued = self._links(_around(days) - days)
        ids = self._stored("queries", days).select(caller="query_id").distinct()
        found = issued.join(ids, issued.parent == ids.caller).select("day").distinct()
        linked = {row["day"] for row in self.engine.rows(found)} if days else set()
        return days | linked | ({day + step for day in sessions for step in range(REACH_DAYS + 1)} & all_days)

    def _callers(self, days: set[int]) -> set[int]:
        """Return the days near by on which queries ended that issued queries of `days`."""
        issued = self._links(days).select("parent").distinct()
        near = self._stored("queries", _around(days) - days)
        found = near.semi_join(issued, near.query_id == issued.parent).select("day").distinct()
        return {row["day"] for row in self.engine.rows(found)}

    def _links(self, days: set[int]) -> ir.Table:
        """Return day and parent (or root) of the queries of some days, as the query view or the vendor's usage says."""
        tables = [self._stored(name, days) for name in ("queries", "query_usage")]
        parts = [rows.select("day", parent=rows[name]) for rows in tables for name in ("parent_id", "root_id")]
        linked = ibis.union(*parts)
        return linked.filter(linked.parent.notnull())

    def _info(self, files: dict[str, Any] | None, staged: Staged) -> dict[str, Any]:
        # What could not be read the last time that it was asked for, with what allows it: the dashboard says so.
        before: dict[str, str] = self.before.get("missing", {})
        missing = {view: remedy for view, remedy in before.items() if view not in staged.windows} | staged.missing
        mine = {
            "as_of": self.as_of,
            "prices": self.prices,
            "rules": self.rules,
            "code": self._code_states(),
            "shapes": self.shapes.version,
            "files": files if files is not None else self.before.get("files", {}),
            "missing": missing,
        }
        return {
            **self.info,
            "sources": {**self.info.get("sources", {}), self.source: mine},
            "types": {**self.info.get("types", {}), self.source: self.connector.type},
        }

    def _code_states(self) -> dict[str, str]:
        return self.code.states(self._all_days())

    def _stored(self, name: str, days: Collection[int] | None) -> ir.Table:
        return self.writer.table(name, self.engine, source=self.source, days=days)

    def _replace(self, name: str, change: Change, staged: Staged) -> int:
        """Write what changed; of days of which nothing was known the lake takes what was brought as it is."""
        if change.rows is None:
            return 0
        new = change.days - self.writer.days(name, self.source)
        ready = [file for day, file in staged.days(name).items() if day in new]
        self.writer.replace(name, self.source, change.days, change.rows, self.engine, ready)
        return change.count

    def _all_days(self) -> set[int]:
        """Return the days on which the source has facts that cost money, or charges."""
        tables = ("queries", "metering", "usage", "bill", "charges")
        return set().union(*(self.writer.days(name, self.source) for name in tables))

    def _rates(self, dirty: set[int], all_days: set[int]) -> set[int]:
        """Resolve the prices of the months that hold dirty days, and return the days on which one changed."""
        days = _months(dirty) & (all_days | dirty)
        if not days:
            return set()
        facts = {name: self._stored(name, days) for name in ("metering", "usage", "queries")}
        # A price holds on over days without one: what was billed in the month before is looked at too.
        known = days | {day - CARRIED_DAYS for day in days}
        facts |= {name: self._stored(name, known) for name in ("bill", "rates")}
        facts["rates"] = facts["rates"].filter(facts["rates"].feed != RESOLVED)
        facts = self._once(facts)
        wanted = needs(facts, self.connector.billing, days)
        rows = resolve_rates(
            self.engine.rows(facts["bill"]),
            self.engine.rows(facts["rates"]),
            self.connector.rates(),
            self.engine.rows(wanted),
            self.connector.billing,
            days,
            self.as_of,
        )
        return self._put_rates(rows, days)

    def _put_rates(self, rows: Sequence[dict[str, Any]], days: set[int]) -> set[int]:
        table = TABLES["rates"]
        made = self.engine.register(
            pa.table(
                {
                    name: pa.array([{**row, "source": self.source, "feed": RESOLVED}.get(name) for row in rows])
                    for name in table.names
                }
            ),
            "resolved",
            table.columns,
        )
        stored = self._stored("rates", days)
        old = stored.filter(stored.feed == RESOLVED).select(*table.names)
        new = made.select(*table.names)
        differing = old.difference(new).union(new.difference(old)).select("day").distinct()
        changed = {row["day"] for row in self.engine.rows(differing)}
        if changed:
            rest = stored.filter((stored.feed != RESOLVED) & stored.day.isin(sorted(changed))).select(*table.names)
            both = rest.union(new.filter(new.day.isin(sorted(changed))))
            self.writer.replace("rates", self.source, changed, both, self.engine)
        return changed

    def _closure(self, dirty: set[int]) -> Closure:
        """Return what dirty days reach."""
        return closure(dirty, self._spans(dirty), calendar=self.connector.billing.calendar)

    def _needed(self, days: Collection[int]) -> frozenset[int]:
        """Return the days whose facts the charges of `days` depend on."""
        return needed(days, self._spans(days), calendar=self.connector.billing.calendar)

    def _spans(self, days: Collection[int]) -> list[tuple[int, int]]:
        """Return the spans of queries that tie days to `days`.

        Who touches a day ended on it or later: only days from the first that is reached on are read.
        """
        first = max(days, default=0) + 1
        while (
            days
            and (least := min(closure(days, self._held_spans, calendar=self.connector.billing.calendar).read)) < first
        ):
            first = least
            missing = set(range(first, max(days) + LONGEST_QUERY_DAYS + 1)) - self._spanned
            if missing:
                rows = self.engine.rows(query_spans(self._stored("queries", missing)))
                self._held_spans += [(row["first_day"], row["last_day"]) for row in rows]
                self._spanned |= missing
        return self._held_spans

    def _chunks(self, days: Collection[int]) -> Iterator[list[int]]:
        """Yield runs of days that hold no more queries than one step can take."""
        queries = self._stored("queries", days)
        counts = {row["day"]: row["n"] for row in self.engine.rows(queries.group_by("day").agg(n=queries.count()))}
        chunk: list[int] = []
        held = 0
        for day in sorted(days):
            if chunk and held + counts.get(day, 0) > CHUNK_QUERIES:
                yield chunk
                chunk, held = [], 0
            chunk.append(day)
            held += counts.get(day, 0)
        if chunk:
            yield chunk

    def _facts(self, days: Collection[int]) -> dict[str, ir.Table]:
        facts = {name: self._stored(name, days) for name in FACTS}
        facts["rates"] = facts["rates"].filter(facts["rates"].feed == RESOLVED)
        return self._once(facts)

    def _once(self, facts: dict[str, ir.Table]) -> dict[str, ir.Table]:
        """Take out what the vendor tells twice, and let the connector settle what it alone knows (commitments)."""
        facts["usage"] = once(facts["usage"], self.connector.billing.details)
        return {**facts, **self.connector.settle(facts)}

    def _price(self, reach: Closure) -> tuple[str, ...]:
        missing: set[str] = set()
        for days in self._chunks(reach.write):
            facts = self._facts(self._needed(days))
            with self.engine.scratch():
                engine, billing = self.engine, self.connector.billing
                charges = price(facts, facts["rates"], billing, days, self.as_of, engine.materialise, engine.forget)
                self.writer.replace("charges", self.source, days, charges, self.engine)
            written = self._stored("charges", days)
            missing |= {f"{row['service']} ({row['unit']})" for row in self.engine.rows(unpriced(written))}
        return tuple(sorted(missing))

    def _attribute(self, days: Collection[int]) -> set[int]:
        """Attribute days, and those of whose shapes they now tell otherwise; return the latter."""
        more = self.shapes.spoken_of([(chunk, self._tell(chunk)) for chunk in self._chunks(days)])
        for chunk in self._chunks(more):
            self._tell(chunk)
        return more

    def _tell(self, days: Collection[int]) -> pa.Table:
        """Attribute days; return what shapes were for then and were not before, and the other way round."""
        read = set(days) | self._callers(set(days))
        facts = self._facts(read)
        facts["sessions"] = self._stored("sessions", _around(days))
        facts |= self._runs({day + step for day in days for step in range(-RUN_REACH, RUN_REACH + 1)})
        facts = {name: rows for name, rows in facts.items() if name != "accesses"} | self.shapes.deeds(read)
        facts["shape_assets"] = self.shapes.assets(days)
        with self.engine.scratch():
            rows = attribute(facts, self.estate, self.settings, days, self.engine, self.code)
            self.writer.replace("attributions", self.source, days, rows, self.engine)
        return self.shapes.note_assets(days)

    def _runs(self, days: Collection[int]) -> dict[str, ir.Table]:
        """Return what all orchestrators told: they are sources of their own, and a query may be of any warehouse."""
        return {name: self.writer.table(name, self.engine, days=days) for name in ("runs", "materializations")}

    def _told_queries(self, days: Collection[int]) -> dict[str, ir.Table]:
        """Return the materializations near `days`, nothing where there are none: few ledgers have an orchestrator's."""
        near = {day + step for day in days for step in range(-RUN_REACH, RUN_REACH + 1)}
        told = self.writer.table("materializations", self.engine, days=near)
        return {"materializations": told} if self.engine.rows(told.limit(1)) else {}

    def _daily(self, days: Collection[int]) -> None:
        for chunk in self._chunks(days):
            read = self._needed(chunk)
            facts = {name: self._stored(name, read) for name in ("queries", "query_usage")} | self._told_queries(chunk)
            charges, told = self._stored("charges", chunk), self._stored("attributions", read)
            with self.engine.scratch():
                calendar = self.connector.billing.calendar
                rows = daily(facts, charges, told, chunk, calendar, self.engine)
                self.writer.replace("daily", self.source, chunk, rows, self.engine)


def _issued(queries: ir.Table, told: ir.Table) -> ir.Table:
    """Return the days of the queries that a run near by is said to have issued."""
    joined = queries.select("day", "bare").join(told.distinct(), ibis._.bare == told.query_id)
    return joined.filter((joined.day - joined.run_day).abs() <= REACH_DAYS).select("day").distinct()


def _around(days: Collection[int]) -> set[int]:
    """Return days and those near enough that evidence of one may speak of the other."""
    return {day + step for day in days for step in range(-REACH_DAYS, REACH_DAYS + 1)}


def _months(days: Collection[int]) -> set[int]:
    """Return all days of the months that hold `days`, and the day beside each: a billing day of another zone begins there."""
    found: set[int] = set()
    for first in {date.fromordinal(day + _EPOCH).replace(day=1) for day in days}:
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        found.update(range(first.toordinal() - _EPOCH - 1, following.toordinal() - _EPOCH + 1))
    return found
