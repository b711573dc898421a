"""Gives the rows of a vendor's view the types of the contract, whatever an export or a driver made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
import ibis
import pyarrow as pa

from costlens.connector import View, ViewColumn
from costlens.engine import IBIS_TYPES, Engine
from costlens.errors import Problem, SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir

CHUNK_ROWS = 100_000

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
_NAIVE = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS WITH TIME ZONE"})
_LAKE_TYPES = {
    "text": "varchar",
    "json": "varchar",
    "instant": "timestamptz",
    "day": "date",
    "integer": "bigint",
    "double": "double",
    "decimal": "decimal(38, 12)",
    "boolean": "boolean",
}
#: A time of day followed by a zone: Z, UTC, +00, -0700, +05:30, each also after a space.
_HAS_ZONE = r":\d\d.*(Z|z| ?UTC| ?[+-]\d\d(:?\d\d)?)$"
_OFFSET = r" ?([+-]\d\d):?(\d\d)$"
_NUMBER = r"^\s*\d+(\.\d*)?\s*$"
_LARGEST_INTEGER = 2**63 - 1
#: 100,000 days from 1970 are the year 2243; as seconds they are 2 January 1970.
_LARGEST_DAY = 100_000


@dataclass
class Problems:
    """What could not be read of one source so far, one entry per view, reason and sample."""

    source: str
    _counts: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, view: str, reason: str, sample: str = "", count: int = 1) -> None:
        key = (view, reason, sample)
        self._counts[key] = self._counts.get(key, 0) + count

    def all(self) -> list[Problem]:
        return [Problem(self.source, *key, count) for key, count in self._counts.items()]


@dataclass(frozen=True)
class Cast:
    """How a column is made: `raw` and `typed` are SQL over the rows as they came, `naive` a condition or empty."""

    column: ViewColumn
    found: str
    """Type it came in; empty = the column is not there."""
    raw: str
    typed: str
    naive: str = ""

    @property
    def lost(self) -> str:
        """Return the condition that a value is there and cannot be read, empty where that cannot be.

        Cheap ones for what large exports are made of: a try_cast of a wide decimal costs ten times a comparison.
        """
        kind, found = self.column.type, self.found
        if not found or self.raw == self.typed or (kind == "text" and found != "BLOB"):
            return ""
        if kind == "integer" and found == "DECIMAL":
            return f"{self.raw} not between {-_LARGEST_INTEGER} and {_LARGEST_INTEGER}"
        if kind == "double" and found == "DOUBLE":
            return f"not isfinite({self.raw})"
        return f"{self.raw} is not null and {self.typed} is null"


def quote(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def described(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return the column names and DuckDB types of what can stand behind `from`."""
    return {row[0]: row[1] for row in connection.execute(f"describe select * from {relation}").fetchall()}


def casts(columns: Sequence[ViewColumn], found: Mapping[str, str], timezone: str | None) -> list[Cast]:
    """Return how each of `columns` is made from the columns found, whose names may be in any case.

    `timezone` is the IANA zone of times without one; None keeps them, to be refused by `check`.
    """
    by_name = {name.lower(): (name, kind) for name, kind in found.items()}
    result = []
    for column in columns:
        if column.name not in by_name:
            result.append(Cast(column, "", "null", f"null::{_LAKE_TYPES[column.type]}"))
            continue
        name, kind = by_name[column.name]
        result.append(_cast(column, quote(name), kind, timezone))
    return result


def selected(made: Sequence[Cast]) -> str:
    """Return the projection that types the rows, in the lake's types."""
    return ", ".join(f"{cast.typed} as {quote(cast.column.name)}" for cast in made)


def piped(view: View) -> str:
    """Return the projection from the lake's types to those of the pipeline (see `costlens.model`)."""
    parts = []
    for column in view.columns:
        name = quote(column.name)
        if column.type == "instant":
            parts.append(f"epoch_us({name}) as {name}")
        elif column.type == "day":
            parts.append(f"date_diff('day', date '1970-01-01', {name})::integer as {name}")
        else:
            parts.append(name)
    return ", ".join(parts)


def complete(view: View) -> str:
    """Return the condition that a row has all that is required of it."""
    return " and ".join(f"{quote(name)} is not null" for name in view.required()) or "true"


def table_of(view: View, name: str) -> ir.Table:
    """Return an Ibis table of the view's columns in pipeline types."""
    return ibis.table(ibis.schema({column.name: IBIS_TYPES[column.type] for column in view.columns}), name=name)


def check(
    engine: Engine,
    view: View,
    relation: str,
    made: Sequence[Cast],
    problems: Problems,
    where: str,
    *,
    deep: bool = False,
) -> None:
    """Count what cannot be read of a relation; `deep` touches every value, so that a damaged file shows.

    Raises SourceError for times without a zone, where none was configured. Rows without a required value and values of
    a wrong type become problems; their samples hold the column's name and type only.
    """
    counts = ["count(*)"]
    for cast in made:
        counts.append(f"count(*) filter (where {cast.lost})" if cast.lost else "0")
        counts.append(f"count(*) filter (where {cast.raw} is null)" if cast.column.required else "0")
        counts.append(f"count(*) filter (where {cast.naive})" if cast.naive else "0")
        counts.append(f"count({cast.raw})" if deep and cast.found and not cast.column.required else "0")
    row = engine.connection.execute(f"select {', '.join(counts)} from {relation}").fetchone()
    rows, *rest = row if row else (0,)
    for number, cast in enumerate(made):
        unreadable, empty, naive, _ = rest[4 * number : 4 * number + 4]
        if naive:
            raise SourceError(
                f"{problems.source}: {where}: the times in {cast.column.name} have no zone; "
                "say which one they are in, as `timezone: UTC` or another IANA name, in this source's settings"
            )
        _tell(view, cast, int(unreadable), int(empty), int(rows), problems)


def _tell(view: View, cast: Cast, unreadable: int, empty: int, rows: int, problems: Problems) -> None:
    name, kind = cast.column.name, cast.column.type
    if not cast.found:
        if cast.column.required:
            problems.add(view.name, f"no column {name}: no row can be used", name, max(rows, 1))
        elif not cast.column.is_optional:
            problems.add(view.name, f"no column {name}: read as empty", name)
        return
    sample = f"{name} {cast.found}"
    if unreadable and cast.column.required:
        problems.add(view.name, f"{name} is not readable as {kind}: row left out", sample, unreadable)
    elif unreadable:
        problems.add(view.name, f"{name} is not readable as {kind}: read as empty", sample, unreadable)
    if empty:
        problems.add(view.name, f"{name} is empty: row left out", sample, empty)


def typed(
    engine: Engine, view: View, batches: Iterable[pa.RecordBatch], problems: Problems, rows: int = CHUNK_ROWS
) -> Iterator[ir.Table]:
    """Yield a live reader's batches as tables in pipeline types with exactly `view.columns`, about `rows` rows each.

    Each table is a view over memory that is gone when the next is asked for; nothing is written. Times without a zone
    are UTC, as the contract of `Reader.read` says.
    """
    for chunk in _chunks(batches, rows):
        held, name = engine.name(f"{view.name}_arrow"), engine.name(view.name)
        engine.connection.register(held, chunk)
        made = casts(view.columns, described(engine.connection, quote(held)), "UTC")
        there = [cast for cast in made if cast.found]  # what a warehouse lacks, its reader reports
        check(engine, view, quote(held), there, problems, view.name)
        engine.connection.execute(
            f"create temp view {quote(name)} as select {piped(view)} from (select {selected(made)} from {quote(held)}) "
            f"where {complete(view)}"
        )
        yield table_of(view, name)
        engine.connection.execute(f"drop view if exists {quote(name)}")
        engine.connection.unregister(held)


def _chunks(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    count = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(pa.Table.from_batches([batch]))
        count += batch.num_rows
        if count >= rows:
            yield pa.concat_tables(held, promote_options="permissive")
            held, count = [], 0
    if held:
        yield pa.concat_tables(held, promote_options="permissive")


def _cast(column: ViewColumn, raw: str, kind: str, timezone: str | None) -> Cast:
    base = "DECIMAL" if kind.startswith("DECIMAL") and "[" not in kind else kind
    if column.type == "instant":
        return _instant(column, raw, base, timezone)
    return Cast(column, base, raw, _TYPED[column.type](raw, base))


def _instant(column: ViewColumn, raw: str, kind: str, timezone: str | None) -> Cast:
    zone = literal(timezone) if timezone else None
    if kind in _ZONED:
        return Cast(column, kind, raw, raw if kind == "TIMESTAMP WITH TIME ZONE" else f"{raw}::timestamptz")
    if kind in _NAIVE or kind == "DATE":
        if zone is None:
            return Cast(column, kind, raw, f"{raw}::timestamptz", f"{raw} is not null")
        return Cast(column, kind, raw, f"timezone({zone}, {raw}::timestamp)")
    if kind in _INTEGERS or kind in {"DECIMAL", "DOUBLE", "FLOAT"}:
        return Cast(column, kind, raw, _epoch(raw))
    if kind not in {"VARCHAR", "JSON"}:
        return Cast(column, kind, raw, "null::timestamptz")
    text = f"trim({raw}::varchar)"
    zoned = f"regexp_matches({text}, {literal(_HAS_ZONE)})"
    number = f"regexp_matches({text}, {literal(_NUMBER)})"
    with_zone = f"try_cast(regexp_replace({text}, {literal(_OFFSET)}, '\\1:\\2') as timestamptz)"
    without = f"timezone({zone}, try_cast({text} as timestamp))" if zone else "null::timestamptz"
    naive = "" if zone else f"not {zoned} and not {number} and try_cast({text} as timestamp) is not null"
    made = f"case when {zoned} then {with_zone} when {number} then {_epoch(text)} else {without} end"
    return Cast(column, kind, raw, made, naive)


def _epoch(raw: str) -> str:
    """Read seconds, milli-, micro- or nanoseconds since 1970, told apart by size: good for the years 1973 to 5000."""
    number = f"try_cast({raw} as decimal(38, 9))"
    return (
        f"case when abs({number}) < 1e11 then make_timestamptz(try_cast({number} * 1000000 as bigint)) "
        f"when abs({number}) < 1e14 then make_timestamptz(try_cast({number} * 1000 as bigint)) "
        f"when abs({number}) < 1e17 then make_timestamptz(try_cast({number} as bigint)) "
        f"when abs({number}) < 1e20 then make_timestamptz(try_cast({number} / 1000 as bigint)) end"
    )


def _day(raw: str, kind: str) -> str:
    if kind == "DATE":
        return raw
    if kind in _NAIVE or kind in _ZONED:
        return f"{raw}::date"  # the connection's zone is UTC
    if kind in _INTEGERS:
        return f"case when {raw} between 0 and {_LARGEST_DAY} then date '1970-01-01' + {raw}::integer end"
    if kind in {"VARCHAR", "JSON"}:
        return f"try_cast(left(trim({raw}::varchar), 10) as date)"
    return "null::date"


def _text(raw: str, kind: str) -> str:
    if kind == "VARCHAR":
        return raw
    if kind in {"DOUBLE", "FLOAT"}:  # ids that went through a data frame: 42.0 is 42
        return (
            f"case when {raw} = trunc({raw}) and abs({raw}) < 9e15 then {raw}::bigint::varchar else {raw}::varchar end"
        )
    if kind == "BLOB":
        return f"try_cast({raw} as varchar)"
    if "[" in kind or kind.startswith(("STRUCT", "MAP")):
        return f"to_json({raw})::varchar"
    return f"{raw}::varchar"


def _json(raw: str, kind: str) -> str:
    if kind in {"VARCHAR", "JSON", "BLOB"}:
        return f"case when json_valid({raw}::varchar) then {raw}::varchar end"
    return f"to_json({raw})::varchar"


def _integer(raw: str, kind: str) -> str:
    return raw if kind == "BIGINT" else f"try_cast({raw} as bigint)"


def _double(raw: str, kind: str) -> str:
    if kind in _INTEGERS or kind == "DECIMAL":
        return f"try_cast({raw} as double)"
    return f"case when isfinite(try_cast({raw} as double)) then try_cast({raw} as double) end"


def _decimal(raw: str, kind: str) -> str:
    return f"try_cast({raw} as decimal(38, 12))"


def _boolean(raw: str, kind: str) -> str:
    return raw if kind == "BOOLEAN" else f"try_cast({raw} as boolean)"


_TYPED = {
    "day": _day,
    "text": _text,
    "json": _json,
    "integer": _integer,
    "double": _double,
    "decimal": _decimal,
    "boolean": _boolean,
}
