"""Turns what a connector reads into staged facts: Parquet files in the model's columns, checked, with no literal in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from costlens.checks import sort_out
from costlens.connector import Connector, Facts, View
from costlens.dayfiles import DAYS_AT_ONCE, DayFile, lone_days, write_days
from costlens.engine import Engine, schema_of
from costlens.errors import Problem, SourceError, ViewUnavailable
from costlens.model import QUERIES, SHAPES, TABLES, Column
from costlens.texts import with_texts
from costlens.windows import Window, within

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Reads the rows of a view within [since, until), in chunks that fit into memory; raises ViewUnavailable.
Read = Callable[[View, datetime, datetime], Iterable["ir.Table"]]

#: Tables of which an export brings so much that what is staged is written as the lake would, to be taken as it is.
_BY_DAY = frozenset({"queries", "query_usage", "accesses"})


@dataclass
class Staged:
    """What one pull of a source brought: files by (table, feed), the windows that were read, and what could not be used."""

    source: str
    files: dict[tuple[str, str], list[Path]] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """View that may not be read -> what would allow it."""
    failed: dict[str, str] = field(default_factory=dict)
    """View that could be read and was not, this time -> what is wrong."""
    written: dict[Path, DayFile] = field(default_factory=dict)
    """Those of the files that hold one day each."""

    def tables(self) -> list[str]:
        return [name for name in TABLES if any(table == name for table, _ in self.files)]

    def feeds(self, table: str) -> dict[str, list[Path]]:
        return {feed: paths for (name, feed), paths in self.files.items() if name == table}

    def days(self, table: str) -> dict[int, DayFile]:
        """Return the days of which one file holds all rows that were brought."""
        found = [self.written.get(path) for paths in self.feeds(table).values() for path in paths]
        files = [file for file in found if file is not None]
        return lone_days(files) if len(files) == len(found) else {}


def merged(parts: Sequence[Staged], views: Sequence[View]) -> Staged:
    """Return what several stages of one source brought as one brought it, in the order of its views."""
    place = {view.name: number for number, view in enumerate(views)}
    whole = Staged(parts[0].source)
    for part in parts:
        whole.problems += part.problems
        whole.written |= part.written
    for name in ("windows", "missing", "failed"):
        found = [item for part in parts for item in getattr(part, name).items()]
        setattr(whole, name, dict(sorted(found, key=lambda item: place[item[0]])))
    found = [item for part in parts for item in part.files.items()]
    whole.files = dict(sorted(found, key=lambda item: place[item[0][1]]))
    whole.problems.sort(key=lambda problem: (problem.table, problem.reason))
    return whole


class Stage:
    """Writes the facts of one source below a folder; `keep_keys` are the tag and label keys that need no mask."""

    def __init__(self, connector: Connector, engine: Engine, folder: Path, keep_keys: Sequence[str] = ()) -> None:
        self.connector = connector
        self.engine = engine
        self.folder = folder
        self.keep_keys = tuple(keep_keys)
        self.staged = Staged(connector.settings.name)

    def pull(self, read: Read, windows: Mapping[str, Window], views: Iterator[View] | None = None) -> Staged:
        """Read every view that has a window; of `views`, those that this iterator has left.

        A view that may not be read, or whose export is damaged, is noted and left out, the others go on; a warehouse of which nothing
        was read raises its SourceError. Rows that cannot be are problems; facts outside the
        window are left out, since a view may be read wider than wanted.
        """
        for view in views or self.connector.views:
            if view.name not in windows:
                continue
            try:
                self._view(view, read, windows[view.name])
            except SourceError as error:
                self._note(view, error)
        return self.staged

    def _note(self, view: View, error: SourceError) -> None:
        if isinstance(error, ViewUnavailable) and error.permanent:
            self.staged.missing[view.name] = error.remedy or str(error)
            return
        # A live connection that broke would break for each of the other views too, minutes of patience for each.
        is_lost = not self.staged.windows or not isinstance(error, ViewUnavailable)
        if self.connector.settings.export is None and is_lost:
            raise error
        self.staged.failed[view.name] = str(error)

    def _view(self, view: View, read: Read, window: Window) -> None:
        files: dict[str, list[Path]] = {table: [] for table in self._tables_of(view)}
        for number, rows in enumerate(read(view, window.since - view.margin, window.until)):
            for part, facts in enumerate(self.connector.normalise(view, rows)):
                for table, expression in self._final(facts):
                    kept = self._named(expression.filter(within(expression, table, window)), table, view.name)
                    place = self.folder / f"{table}-{view.name}-{number}-{part}"
                    files[table] += self._write(kept, table, place, facts.rows, window)
        for table, paths in files.items():
            kept_paths, problems = sort_out(self.engine, TABLES[table], self.connector.settings.name, view.name, paths)
            self.staged.files[(table, view.name)] = kept_paths
            self.staged.problems.extend(problems)
        self.staged.windows[view.name] = window

    def _write(self, rows: ir.Table, table: str, place: Path, raw: ir.Table, window: Window) -> list[Path]:
        """Write rows, made of `raw` ones of as many days, into a file a day where the lake may take these, else into one."""
        if table in _BY_DAY and self.connector.settings.export is not None and self._is_few_days(raw, table, window):
            written = write_days(self.engine, rows, TABLES[table], place, days=DAYS_AT_ONCE)
            self.staged.written |= {file.path: file for file in written}
            return [file.path for file in written]
        path = place.with_suffix(".parquet")
        return [path] if self.engine.write(rows, TABLES[table], path) else []

    def _is_few_days(self, raw: ir.Table, table: str, window: Window) -> bool:
        if (window.until - window.since).days < DAYS_AT_ONCE:
            return True
        days = self.engine.rows(raw.filter(within(raw, table, window)).agg(n=raw.day.nunique()))
        return bool(days[0]["n"] <= DAYS_AT_ONCE)

    def _tables_of(self, view: View) -> list[str]:
        """Name the fact tables of a view, also where it has no rows: what the ledger holds of it must then go."""
        columns = [Column(c.name, "text" if c.type == "json" else c.type) for c in view.columns]
        tables = [
            facts.table for facts in self.connector.normalise(view, ibis.table(schema_of(columns), name=view.name))
        ]
        return [*tables, *([SHAPES.name] if QUERIES.name in tables else [])]

    def _final(self, facts: Facts) -> list[tuple[str, ir.Table]]:
        if facts.table != QUERIES.name:
            return [(facts.table, facts.rows)]
        queries, shapes = with_texts(facts.rows, self.connector.dialect, self.engine, self.keep_keys)
        return [(QUERIES.name, queries), (SHAPES.name, shapes)]

    def _named(self, rows: ir.Table, table: str, feed: str) -> ir.Table:
        named = rows.mutate(source=ibis.literal(self.connector.settings.name), feed=ibis.literal(feed))
        return named.select(*TABLES[table].names)
