"""The tests that every connector inherits, a stranger's too: its queries, its facts and its settings keep the contract.

class TestBigQuery(ConnectorContract):
    connector = BigQuery
    export = Path(__file__).parent / "export"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import ibis
import sqlglot
from pydantic import ValidationError
from sqlglot import exp

from costlens.connector import Connector, Facts, View
from costlens.engine import IBIS_TYPES, Engine
from costlens.errors import ViewUnavailable
from costlens.exports import ExportReader
from costlens.model import MICROSECONDS_PER_DAY, QUERIES, TABLES, Type

SINCE = datetime(2000, 1, 1, tzinfo=timezone.utc)
UNTIL = datetime(2100, 1, 1, tzinfo=timezone.utc)

#: What an extraction query is made of, where the warehouse does not sum.
_PLAIN = (
    exp.Select,
    exp.From,
    exp.Table,
    exp.TableAlias,
    exp.Column,
    exp.Identifier,
    exp.Where,
    exp.And,
    exp.GTE,
    exp.LT,
    exp.Placeholder,
    exp.Parameter,
    exp.Var,
    exp.Literal,  # the numbers of :1 and :2
)
_WORDS: dict[tuple[str, str], frozenset[str | None]] = {
    ("queries", "status"): frozenset({"success", "failed", "cancelled", None}),
    ("queries", "pool_kind"): frozenset(
        {"standard", "adaptive", "interactive", "reservation", "on-demand", "none", None}
    ),
    ("metering", "pool_kind"): frozenset({"standard", "adaptive", "interactive", "reservation", "none"}),
    ("pool_events", "event"): frozenset({"resume", "suspend", "resize", "clusters"}),
    ("usage", "category"): frozenset(
        {"storage", "serverless", "ingest", "transfer", "ai", "acceleration", "overhead", "other"}
    ),
    ("bill", "kind"): frozenset({"compute", "overhead", "storage", "transfer", "credit", "tax", "adjustment", "other"}),
    ("rates", "origin"): frozenset({"usage in currency", "rate sheet", "list", "configured"}),
}
#: Columns that a fact's day follows from, the first that is filled; bills and rates have days of their own.
_TIMES = {
    "queries": ("ended_at",),
    "sessions": ("opened_at",),
    "accesses": ("accessed_at",),
    "query_usage": ("hour", "ended_at"),
    "metering": ("hour",),
    "pool_events": ("at",),
    "usage": ("started_at",),
}


def fact_columns(table: str) -> dict[str, Type]:
    """Return what `Connector.normalise` gives for a fact table: the model's columns but source and feed; queries have
    also `text` (raw text of the statement) and `shape_hint` (the vendor's hash of it without literals)."""
    columns = {c.name: c.type for c in TABLES[table].columns if c.name not in {"source", "feed"}}
    if table == QUERIES.name:
        columns |= {"text": "text", "shape_hint": "text"}
    return columns


class ConnectorContract:
    """Inherit in a test class, name the connector and a folder with a small export of each of its views."""

    connector: ClassVar[type[Connector]]
    export: ClassVar[Path]
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings that the connector needs beside name, type and export."""
    summed: ClassVar[frozenset[str]] = frozenset()
    """Views that the warehouse sums: their queries may hold functions."""
    partial: ClassVar[Mapping[str, str]] = {}
    """Views of which rows are left out by rule, and which."""
    unexported: ClassVar[frozenset[str]] = frozenset()
    """Views that the export does not hold."""

    def build(self, **more: object) -> Connector:
        """Return the connector over the export."""
        given = {"name": "contract", "type": self.connector.type, "export": self.export, **self.settings, **more}
        return self.connector(self.connector.Settings.model_validate(given))

    def test_views_are_declared_in_full(self) -> None:
        views = self.connector.views
        names = [view.name for view in views]
        assert len(set(names)) == len(names), f"a view is declared twice: {names}"
        assert any(view.essential for view in views), "no view is essential: nothing could be priced"
        for view in views:
            columns = [column.name for column in view.columns]
            assert view.name == view.name.lower(), view.name
            assert [name.lower() for name in columns] == columns, f"{view.name}: column names are lower case"
            assert len(set(columns)) == len(columns), f"{view.name}: a column is declared twice"
            kinds = {column.name: column.type for column in view.columns}
            wanted = {"day"} if view.is_snapshot else {"day", "instant"}
            assert kinds.get(view.time_column) in wanted, f"{view.name}: time column {view.time_column}"
            assert view.time_column in view.required(), f"{view.name}: rows without {view.time_column} have no window"
            assert view.latency >= timedelta(0), view.name
            assert view.purpose, f"{view.name}: say what is worse without it"
            assert view.grant, f"{view.name}: say what lets one read it"

    def test_sql_selects_the_columns_by_name(self) -> None:
        for view, tree in self._queries():
            wanted = [c.name for c in view.columns if not (view.is_snapshot and c.name == view.time_column)]
            found = [name.lower() for name in tree.named_selects]
            assert sorted(found) == sorted(wanted), f"{view.name}.sql selects {found}, the view declares {wanted}"

    def test_sql_is_a_projection_and_a_filter(self) -> None:
        for view, tree in self._queries():
            if view.name in self.summed:
                continue
            odd = [node.sql(self.connector.dialect) for node in tree.walk() if not isinstance(node, _PLAIN)]
            assert not odd, f"{view.name}.sql must be columns and a window only, found {odd}"

    def test_sql_is_bounded_by_its_time(self) -> None:
        for view, tree in self._queries():
            bounds = list(tree.find_all(exp.Placeholder, exp.Parameter))
            if view.is_snapshot:
                assert not bounds, f"{view.name}.sql reads the present state and takes no window"
                continue
            assert len(bounds) == 2, f"{view.name}.sql takes two parameters, since and until, not {len(bounds)}"
            if view.name in self.summed:
                continue
            where = tree.find(exp.Where)
            assert where is not None
            lower, upper = where.find(exp.GTE), where.find(exp.LT)
            for part in (lower, upper):
                assert part is not None, f"{view.name}.sql: the window is half-open, {view.time_column} >= and <"
                assert part.this.name.lower() == view.time_column, f"{view.name}.sql is not bounded by its time"

    def test_facts_have_the_columns_of_the_model(self) -> None:
        for view, _, facts in self._world():
            for fact, _ in facts:
                schema = fact.rows.schema()
                wanted = fact_columns(fact.table)
                assert set(schema.names) == set(wanted), _difference(view, fact, schema.names, wanted)
                for name, kind in wanted.items():
                    found, right = schema[name](nullable=True), ibis.dtype(IBIS_TYPES[kind])
                    assert found == right, f"{view.name} -> {fact.table}.{name} is {found}, not {right}"

    def test_facts_have_unique_keys_and_right_days(self) -> None:
        for view, _, facts in self._world():
            for fact, rows in facts:
                key = [name for name in TABLES[fact.table].key if name != "source"]
                counts = Counter(tuple(row[name] for name in key) for row in rows)
                twice = [values for values, count in counts.items() if count > 1]
                assert not twice, f"{view.name} -> {fact.table}: the key {key} comes twice: {twice[:3]}"
                wrong = [row for row in rows if row["day"] != _day(fact.table, row)]
                assert not wrong, f"{view.name} -> {fact.table}: wrong day in {wrong[:1]}"

    def test_facts_speak_the_words_of_the_model(self) -> None:
        for view, _, facts in self._world():
            for fact, rows in facts:
                for (table, column), words in _WORDS.items():
                    if table == fact.table:
                        found = {row[column] for row in rows}
                        assert found <= words, f"{view.name} -> {table}.{column}: {found - words}"

    def test_every_row_becomes_a_fact(self) -> None:
        for view, came, facts in self._world():
            if view.name not in self.partial:
                went = sum(len(rows) for _, rows in facts)
                assert came > 0, f"the export of {view.name} has no row: it tests nothing"
                assert went >= came, f"{view.name}: {came} rows came, {went} facts went"

    def test_chunks_give_the_same_facts_as_the_whole(self) -> None:
        connector = self.build()
        with Engine() as engine:
            reader = ExportReader(connector, engine)
            for view, _, facts in self._world():
                rows = engine.materialise(reader.rows(view, SINCE, UNTIL).distinct(), view.name)
                time = rows[view.time_column]
                first = engine.rows(rows.aggregate(at=time.min()))[0]["at"]
                parts = [
                    connector.normalise(view, part) for part in (rows.filter(time <= first), rows.filter(time > first))
                ]
                for number, (fact, whole) in enumerate(facts):
                    chunked = [row for part in parts for row in engine.rows(part[number].rows)]
                    assert sorted(map(_text, chunked)) == sorted(map(_text, whole)), (
                        f"{view.name} -> {fact.table}: chunks differ from the whole"
                    )

    def test_settings_refuse_what_they_do_not_know(self) -> None:
        message = ""
        try:
            self.build(no_such_setting=1)
        except ValidationError as error:
            message = str(error)
        assert "no_such_setting" in message, "an unknown setting was taken"

    def _queries(self) -> Iterator[tuple[View, exp.Select]]:
        for view in self.connector.views:
            tree = sqlglot.parse_one(self.connector.sql(view), read=self.connector.dialect)
            assert isinstance(tree, exp.Select), f"{view.name}.sql is not one select"
            yield view, tree

    def _world(self) -> list[tuple[View, int, list[tuple[Facts, list[dict[str, Any]]]]]]:
        """Return each view of the export with its number of distinct rows and its facts; read once per class."""
        known = _WORLDS.get(type(self))
        if known is None:
            known = _WORLDS[type(self)] = list(self._read())
        return known

    def _read(self) -> Iterator[tuple[View, int, list[tuple[Facts, list[dict[str, Any]]]]]]:
        connector = self.build()
        with Engine() as engine:
            reader = ExportReader(connector, engine)
            for view in connector.views:
                try:
                    rows = engine.materialise(reader.rows(view, SINCE, UNTIL).distinct(), view.name)
                except ViewUnavailable:
                    assert view.name in self.unexported, f"the export lacks {view.name}; name it in `unexported`"
                    continue
                facts = [(fact, engine.rows(fact.rows)) for fact in connector.normalise(view, rows)]
                yield view, int(engine.rows(rows.aggregate(n=rows.count()))[0]["n"]), facts


#: What the export of a test class gave.
_WORLDS: dict[type, list[tuple[View, int, list[tuple[Facts, list[dict[str, Any]]]]]]] = {}


def _difference(view: View, fact: Facts, found: Sequence[str], wanted: Mapping[str, object]) -> str:
    lacking, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    return f"{view.name} -> {fact.table}: lacks {lacking}, has beyond the model {extra}"


def _day(table: str, row: Mapping[str, Any]) -> int:
    """Return the UTC day that a fact belongs to by the model's grain."""
    at = next((row[name] for name in _TIMES.get(table, ()) if row[name] is not None), None)
    return int(row["day"]) if at is None else int(at) // MICROSECONDS_PER_DAY


def _text(row: Mapping[str, Any]) -> str:
    return repr(sorted(row.items()))
