"""Checks a FOCUS file, CSV or Parquet: which columns it has and lacks for its version, and the rows that break a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from costlens.errors import UsageError
from costlens.focus.columns import BY_NAME, COLUMNS, VERSIONS, Column
from costlens.focus.rules import Rule, rules

#: Words that a file writes for a null that should be an empty field.
_NULL_WORDS = ("NULL", "null", "N/A", "n/a", "None", "NaN", "\\N")


@dataclass(frozen=True)
class Fault:
    """What is wrong: a rule, how many rows break it, the first of them (counted from 1, without the heading)."""

    level: Literal["error", "warning", "note"]
    rule: str
    column: str
    says: str
    rows: int = 0
    first_row: int | None = None
    sample: str = ""


@dataclass(frozen=True)
class Checked:
    """The outcome for a file; it conforms where no fault is an error."""

    path: Path
    version: str
    rows: int
    rules: int
    faults: tuple[Fault, ...]

    @property
    def conforms(self) -> bool:
        return not any(fault.level == "error" for fault in self.faults)


def check_file(path: Path, version: str | None = None) -> Checked:
    """Check a file against a version of FOCUS, by default the newest that its columns tell of; UsageError where it cannot be read."""
    if version is not None and version not in VERSIONS:
        raise UsageError(f"check: no version {version} of FOCUS: known are {', '.join(VERSIONS)}")
    if not path.is_file():
        raise UsageError(f"check: {path}: no such file")
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'; set preserve_insertion_order = true; set memory_limit = '1GB'")
        header = _load(connection, path)
        doubled = [name for name, count in Counter(name.lower() for name in header).items() if count > 1]
        meant = version or _version_of(set(header))
        spelled = list(_null_words(connection, header))
        _typed(connection, header)
        asked = rules(set(header))
        faults = [
            *_of_columns(header, meant),
            *(Fault("error", "column-doubled", name, "stands there more than once") for name in doubled),
            *spelled,
            *_broken(connection, asked),
            *_ratios(connection, header),
        ]
        count = connection.execute("select count(*) from given").fetchone()
    order = {"error": 0, "warning": 1, "note": 2}
    faults.sort(key=lambda fault: (order[fault.level], fault.column, fault.rule))
    return Checked(path, meant, int(count[0]) if count else 0, len(asked) + 5, tuple(faults))


def _load(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Read a file's rows as text into `given`, with their numbers; return its columns."""
    place = str(path).replace("'", "''")
    if path.suffix.lower() == ".parquet":
        read = f"read_parquet('{place}')"
    else:
        read = f"read_csv('{place}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', strict_mode = false)"
    try:
        described = connection.execute(f"describe select * from {read}").fetchall()
        picked = ", ".join(_as_text(name, kind) for name, kind, *_ in described)
        connection.execute(
            f"create temp table given as select row_number() over () as row_number, {picked} from {read}"
        )
    except duckdb.Error as error:
        raise UsageError(f"check: {path} cannot be read: {str(error).splitlines()[0]}") from None
    return [row[0] for row in described]


def _as_text(name: str, kind: str) -> str:
    """Return a column as FOCUS writes it in a CSV."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind.startswith("TIMESTAMP"):
        return f"strftime({quoted}::timestamp, '%Y-%m-%dT%H:%M:%SZ') as {quoted}"
    return f"{quoted}::varchar as {quoted}"


def _version_of(names: set[str]) -> str:
    """Return the newest version of which a file has a column."""
    found = [column.since for column in COLUMNS if column.name in names]
    return max(found, default="1.0")


def _of_columns(header: Sequence[str], version: str) -> Iterator[Fault]:
    names = set(header)
    for column in COLUMNS:
        if column.name in names:
            continue
        if column.since > version:
            continue
        yield _absent(column)
    later = [column for column in COLUMNS if column.since > version and column.name not in names]
    for since in VERSIONS:
        new = [column.name for column in later if column.since == since]
        if new:
            yield Fault("note", f"version-{since}", "", f"not there, new in {since}: {', '.join(new)}")
    for name in header:
        if name not in BY_NAME and not name.startswith("x_"):
            near = next((known for known in BY_NAME if known.lower() == name.lower()), None)
            said = (
                f"is spelled {near} in FOCUS" if near else "is no column of FOCUS: columns of one's own begin with x_"
            )
            yield Fault("error", "column-unknown", name, said)
    own = [place for place, name in enumerate(header) if name.startswith("x_")]
    if own and any(name in BY_NAME for name in header[own[0] :]):
        yield Fault("warning", "column-order", header[own[0]], "own columns stand after those of FOCUS")


def _absent(column: Column) -> Fault:
    if column.need == "mandatory":
        return Fault("error", "column-mandatory", column.name, "must be there")
    if column.need == "recommended":
        return Fault("warning", "column-recommended", column.name, "should be there")
    return Fault(
        "note", "column-conditional", column.name, "is not there: right where the provider has nothing of the kind"
    )


def _null_words(connection: duckdb.DuckDBPyConnection, header: Sequence[str]) -> Iterator[Fault]:
    """Tell nulls that are written out, and take them for nulls from here on."""
    words = ", ".join(f"'{word}'" for word in _NULL_WORDS)
    sums = ", ".join(f"count(*) filter ({_quoted(name)} in ({words}))" for name in header)
    counts = connection.execute(f"select {sums} from given").fetchone() or ()
    wrong = {name: count for name, count in zip(header, counts, strict=True) if count}
    if not wrong:
        return
    for name in wrong:
        connection.execute(f"update given set {_quoted(name)} = null where {_quoted(name)} in ({words})")
    text = f"a null is an empty field, not a word: in {len(wrong)} columns, such as {', '.join(list(wrong)[:3])}"
    yield Fault("error", "null-written", "", text, sum(wrong.values()))


def _typed(connection: duckdb.DuckDBPyConnection, header: Sequence[str]) -> None:
    """Make `typed`: `given` with decimals and instants beside the texts."""
    extra = []
    for name in header:
        column = BY_NAME.get(name)
        if column and column.type == "decimal":
            extra.append(f"try_cast({_quoted(name)} as double) as n_{name}")
        if column and column.type == "instant":
            extra.append(f"try_cast({_quoted(name)} as timestamptz) as t_{name}")
    connection.execute(f"create temp view typed as select *{', ' if extra else ''}{', '.join(extra)} from given")


def _broken(connection: duckdb.DuckDBPyConnection, asked: Sequence[Rule]) -> Iterator[Fault]:
    """Ask the rules, many at once, and yield those that rows break."""
    for start in range(0, len(asked), 24):
        some = asked[start : start + 24]
        sums = ", ".join(f"count(*) filter ({rule.broken}), min(row_number) filter ({rule.broken})" for rule in some)
        found = connection.execute(f"select {sums} from typed").fetchone() or ()
        for place, rule in enumerate(some):
            count, first = found[2 * place], found[2 * place + 1]
            if count:
                sample = connection.execute(
                    f"select {_quoted(rule.columns[0])} from given where row_number = ?", [first]
                ).fetchone()
                shown = "" if sample is None or sample[0] is None else str(sample[0])[:60]
                level: Literal["error", "warning"] = "error" if rule.is_error else "warning"
                yield Fault(level, rule.id, rule.columns[0], rule.says, int(count), int(first), shown)


def _ratios(connection: duckdb.DuckDBPyConnection, header: Sequence[str]) -> Iterator[Fault]:
    """Tell origins whose allocated ratios do not add up to 1; an origin is named by x_OriginId, as in our own export."""
    if not {"AllocatedMethodDetails", "x_OriginId"} <= set(header):
        return
    ratio = "try_cast(json_extract(\"AllocatedMethodDetails\", '$.Elements[0].AllocatedRatio') as decimal(18, 12))"
    query = f"""
        select count(*) from (
            select "x_OriginId" from (
                select "x_OriginId", case when json_valid("AllocatedMethodDetails") then "AllocatedMethodDetails" end
                    as "AllocatedMethodDetails"
                from given
            )
            where "AllocatedMethodDetails" is not null
            group by 1 having abs(sum({ratio}) - 1) > 1e-9
        )
    """
    found: Any = connection.execute(query).fetchone()
    if found[0]:
        says = "ratios over one origin charge add up to 1"
        yield Fault("error", "AllocatedMethodDetails-sum", "AllocatedMethodDetails", says, int(found[0]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
