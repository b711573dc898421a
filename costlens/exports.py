"""Reads a folder of exported views through the connector's own extraction queries, on DuckDB.

A view is `<view>.parquet`, `.csv`, `.csv.gz` or `.jsonl` (in lower case), or a folder `<view>/` of parts of one of
these kinds; for a connector whose `export_regions` is set also under `region-<r>/`. Columns have the vendor's names in
any case.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import sqlglot
from sqlglot import exp

from costlens.connector import Connector, View
from costlens.engine import Engine
from costlens.errors import ConfigError, Problem, SourceError, ViewUnavailable
from costlens.exported import Seen, is_as_before, state_of
from costlens.typed import Cast, Problems, casts, check, complete, described, literal, piped, quote, selected, table_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

KINDS = (".parquet", ".csv", ".csv.gz", ".jsonl")
#: Above this a view's values are not all touched when it is opened (a parquet file's texts are most of its bytes).
DEEP_CHECK_BYTES = 1 << 28
_REGION = "region-"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Files:
    """Files of one view that are read alike."""

    kind: str
    paths: tuple[Path, ...]
    region: str | None = None


class ExportReader:
    """Reads the export folder of one source into tables of an engine; `known` are the files that were read whole before."""

    def __init__(self, connector: Connector, engine: Engine, known: Seen | None = None) -> None:
        self._connector = connector
        self._engine = engine
        self._source = connector.settings.name
        self._problems = Problems(self._source)
        self._typed: dict[str, str] = {}
        folder = connector.settings.export
        if folder is None or not folder.is_dir():
            raise SourceError(f"{self._source}: there is no export folder {folder}; set `export:` to one")
        self._folder = folder
        self._known = known or {}
        self._timezone = _zone(self._source, connector.settings.timezone)

    def rows(self, view: View, since: datetime, until: datetime) -> ir.Table:
        """Return the view's rows of [since, until) with exactly `view.columns` in pipeline types, read when used.

        Raises ViewUnavailable where no file holds the view, SourceError where a file cannot be read or its times have
        no zone.
        """
        source = self._typed_view(view)
        query = extraction(self._connector, view, source, since, until)
        name = self._engine.name(view.name)
        self._engine.connection.execute(
            f"create temp view {quote(name)} as select {piped(view)} from ({query}) where {complete(view)}"
        )
        return table_of(view, name)

    def problems(self) -> list[Problem]:
        """Return what could not be read so far: each view's files are looked through once, when first asked for."""
        return self._problems.all()

    def _typed_view(self, view: View) -> str:
        """Return the name of a DuckDB view of all files of a vendor view, in the lake's types."""
        if view.name not in self._typed:
            groups = self._find(view)
            if not groups:
                raise ViewUnavailable(
                    f"{self._source}: the export has no {view.name}",
                    remedy=f"export the view to {self._folder / view.name}.parquet",
                )
            parts = [self._part(view, files) for files in groups]
            name = self._engine.name(f"{view.name}_typed")
            self._engine.connection.execute(f"create temp view {quote(name)} as {' union all '.join(parts)}")
            self._typed[view.name] = name
        return self._typed[view.name]

    def _part(self, view: View, files: _Files) -> str:
        where = files.paths[0].name if len(files.paths) == 1 else f"{view.name}/*{files.kind}"
        try:
            relation = _relation(files, self._engine.connection)
            found = described(self._engine.connection, relation)
            if files.region and "region" not in (name.lower() for name in found):
                relation = f"(select *, {literal(files.region)} as region from {relation})"
                found["region"] = "VARCHAR"
            made = casts(view.columns, found, self._timezone)
            if not any(cast.found for cast in made):
                raise SourceError(
                    f"{self._source}: {where} has no column of {view.name}; "
                    "its columns must have the vendor's names (a CSV file's in its first line)"
                )
            fresh = [path for path in files.paths if not self._is_known(view, path)]
            deep = sum(path.stat().st_size for path in fresh) <= DEEP_CHECK_BYTES
            is_all = len(fresh) == len(files.paths)
            check(self._engine, view, relation, made, self._problems, where, deep=deep and is_all)
            if deep and fresh and not is_all:
                self._touch(replace(files, paths=tuple(fresh)), made)
        except (duckdb.Error, OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
            reason = f"{_culprit(files, error)} cannot be read ({_kind_of(error)})"
            raise SourceError(f"{self._source}: {reason}; export it again") from None
        return f"select {selected(made)} from {relation}"

    def _is_known(self, view: View, path: Path) -> bool:
        name = path.relative_to(self._folder).as_posix()
        return is_as_before(self._known.get(view.name, {}).get(name), state_of(path))

    def _touch(self, files: _Files, made: Sequence[Cast]) -> None:
        """Read every value of some files, so that a damaged one shows."""
        relation = _relation(files, self._engine.connection)
        there = {quote(name) for name in described(self._engine.connection, relation)}
        counts = ", ".join(f"count({cast.raw})" for cast in made if cast.found and cast.raw in there)
        self._engine.connection.execute(f"select {counts or 'count(*)'} from {relation}").fetchall()

    def _find(self, view: View) -> list[_Files]:
        groups = []
        if files := self._files_in(self._folder, view, None):
            groups.append(files)
        if self._connector.export_regions:
            for folder in sorted(self._folder.iterdir()):
                if folder.is_dir() and folder.name.lower().startswith(_REGION):
                    region = folder.name[len(_REGION) :]
                    if files := self._files_in(folder, view, region):
                        groups.append(files)
        return groups

    def _files_in(self, folder: Path, view: View, region: str | None) -> _Files | None:
        found: dict[str, list[Path]] = {}
        for kind in KINDS:
            if (path := folder / (view.name + kind)).is_file():
                found.setdefault(kind, []).append(path)
        if (parts := folder / view.name).is_dir():
            for path in sorted(parts.iterdir()):
                if kind := next((k for k in KINDS if path.name.lower().endswith(k)), ""):
                    found.setdefault(kind, []).append(path)
        together = [path for paths in found.values() for path in paths]
        if len(found) > 1 or (len(together) > 1 and any(path.parent == folder for path in together)):
            names = ", ".join(str(path.relative_to(self._folder)) for path in together[:3])
            raise SourceError(
                f"{self._source}: the export holds {view.name} more than once ({names}); keep one form of it"
            )
        if not found:
            return None
        kind, paths = next(iter(found.items()))
        return _Files(kind, tuple(paths), region)


def extraction(connector: Connector, view: View, source: str, since: datetime, until: datetime) -> str:
    """Return the view's extraction query in DuckDB's SQL over the relation `source`, parameters filled in.

    `?` and `:1`, `:2` are the window's since and until in this order, `@since` and `@until` by name. A day column's
    window is widened to whole days. Queries of the present state (`is_snapshot`) have no window and get one here.
    """
    day = next(c.type for c in view.columns if c.name == view.time_column) == "day"
    bounds = {"since": _bound(since, day=day, up=False), "until": _bound(until, day=day, up=True)}
    tree = sqlglot.parse_one(connector.sql(view), read=connector.dialect)
    steps = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if table.name.lower() not in steps or table.args.get("db"):
            alias = table.args.get("alias")
            table.replace(exp.to_table(quote(source), alias=alias))
    if view.is_snapshot and isinstance(tree, exp.Select):
        time = exp.column(view.time_column, quoted=True)
        tree = (
            tree.select(time)
            .where(exp.GTE(this=time.copy(), expression=bounds["since"]))
            .where(exp.LT(this=time.copy(), expression=bounds["until"]))
        )
    order = iter(("since", "until"))
    for node in list(tree.find_all(exp.Placeholder, exp.Parameter)):
        name = str(node.name).lower() if node.this else next(order)
        node.replace(bounds[{"1": "since", "2": "until"}.get(name, name)].copy())
    return tree.sql(dialect="duckdb")


def _bound(at: datetime, *, day: bool, up: bool) -> exp.Expr:
    at = at.astimezone(timezone.utc)
    if not day:
        return sqlglot.parse_one(f"timestamptz '{at.isoformat(sep=' ')}'", read="duckdb")
    if up and at.time() != datetime.min.time():
        at += timedelta(days=1)
    return sqlglot.parse_one(f"date '{at.date().isoformat()}'", read="duckdb")


def _relation(files: _Files, connection: duckdb.DuckDBPyConnection) -> str:
    """Return what stands behind `from`; CSV and JSON values as text: one odd value may not change the type."""
    listed = "[" + ", ".join(literal(str(path)) for path in files.paths) + "]"
    if files.kind == ".parquet":
        return f"read_parquet({listed}, union_by_name=true, hive_partitioning=false, binary_as_string=true)"
    for path in files.paths:
        _refuse_nul(path)
    if files.kind == ".jsonl":
        options = "format='newline_delimited', map_inference_threshold=-1"
        names = described(connection, f"read_json({listed}, {options}, sample_size=-1, union_by_name=true)")
        return f"read_json({listed}, {options}, columns={_texts(list(names))})"
    parts = [
        f"select * from read_csv({literal(str(path))}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"escape='\"', nullstr=['', '\\N'], strict_mode=true, max_line_size={_BLOCK * 16}, "
        f"columns={_texts(_header(path))})"
        for path in files.paths
    ]
    return f"({' union all by name '.join(parts)})"


def _texts(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names) + "}"


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _header(path: Path) -> list[str]:
    with _open(path) as file:
        line = file.readline(_BLOCK).decode("utf-8-sig")
    names = [name.strip() for name in next(csv.reader([line]), [])]
    if not names or len({name.lower() for name in names}) < len(names):
        raise csv.Error("no header, or a column twice")
    return names


def _refuse_nul(path: Path) -> None:
    with _open(path) as file:
        while block := file.read(_BLOCK):
            if b"\0" in block:
                raise csv.Error("NUL bytes")


def _culprit(files: _Files, error: Exception) -> str:
    """Name the damaged file: the one that the error names, else the first."""
    return next((path.name for path in files.paths if str(path) in str(error)), files.paths[0].name)


def _kind_of(error: Exception) -> str:
    """Say what is wrong without quoting the file: errors of a parser hold the line they stumbled over."""
    if isinstance(error, csv.Error | OSError | EOFError) and not isinstance(error, duckdb.Error):
        return str(error) if isinstance(error, csv.Error) else type(error).__name__
    text = str(error)
    for sign, meaning in _SIGNS:
        if sign in text:
            return meaning
    return "damaged, or not what its name says"


_SIGNS = (
    ("unterminated quote", "a quote is not closed"),
    ("Expected Number of Columns", "a line has too many or too few values"),
    ("Malformed JSON", "a line is not JSON"),
    ("nvalid unicode", "not UTF-8"),
    ("not utf-8", "not UTF-8"),
    ("No magic bytes", "cut off, or not Parquet"),
    ("too small to be a Parquet file", "cut off, or not Parquet"),
)


def _zone(source: str, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return str(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"{source}: timezone {name} is not known; use an IANA name such as Europe/Berlin") from None
