"""Reads series from a CSV file of anyone's numbers (columns series, ts, value) and judges them as the ledger's are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from costlens.anomaly.detector import Verdicts, judge
from costlens.anomaly.events import Event, events
from costlens.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costlens.anomaly.baseline import Tuning

EPOCH = date(1970, 1, 1)
COLUMNS = ("series", "ts", "value")


@dataclass(frozen=True)
class Table:
    """Daily sums of each series, NaN where a day is not told; `hours` are the parts of a day where there are any."""

    names: tuple[str, ...]
    first_day: int
    values: NDArray[np.float64]
    hours: dict[tuple[int, int], list[tuple[datetime, float]]]
    """(row, column) -> the day's parts in order; empty where every day is one row."""
    is_partial: NDArray[np.bool_]
    """Days that are not over yet: the last of a series with hours, before 23:00."""

    def day(self, column: int) -> date:
        return EPOCH + timedelta(days=self.first_day + column)


def read(path: Path) -> Table:
    """Read a file; a day may be one row or many (hours), the later of two rows of one time counts, an empty value is a gap.

    Raises UsageError with the line for what cannot be read.
    """
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            connection.execute(_LOAD, [str(path)])
            names = {row[0] for row in connection.execute("describe loaded").fetchall()}
        except duckdb.Error as error:
            raise UsageError(f"{path}: cannot be read ({type(error).__name__}): a UTF-8 CSV file is wanted") from None
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise UsageError(f"{path}: no column {missing[0]}: a header with series, ts, value is wanted")
        connection.execute(_PARSE)
        if wrong := connection.execute(_WRONG).fetchone():
            raise UsageError(
                f"{path}: line {wrong[0]}: ts is a date or time as 2026-10-31T17:00, value a finite number or nothing"
            )
        connection.execute(_PARTS)
        return _table(connection, path)


_LOAD = """
create table loaded as
select * from read_csv(?, header = true, all_varchar = true, null_padding = true, delim = ',', quote = '"', escape = '"')
"""
_PARSE = """
create table parsed as
select
  row_number() over () + 1 as line, coalesce(series, '') as series, try_cast(trim(ts) as timestamptz) as moment,
  nullif(trim(value), '') as told, try_cast(told as double) as value
from loaded
"""
_WRONG = """
select min(line) from parsed
where moment is null or (told is not null and lower(told) not in ('null', 'none', 'na', 'nan') and not coalesce(isfinite(value), false))
having count(*) > 0
"""
# One row a series and time: the later line counts, gaps are gone but their series and days stay known.
_PARTS = """
create table parts as
select series, moment, arg_max(coalesce(value, 'nan'::double), line) as value, min(line) as line from parsed group by series, moment
"""
_DAYS = """
select
  series, date_diff('day', date '1970-01-01', moment::date) as day, sum(value) as value, count(*) as parts,
  max(hour(moment)) as hour
from parts where not isnan(value) group by all order by all
"""


def _table(connection: duckdb.DuckDBPyConnection, path: Path) -> Table:
    names = [
        row[0] for row in connection.execute("select series from parts group by series order by min(line)").fetchall()
    ]
    ends = connection.execute("select min(moment)::date, max(moment)::date from parts").fetchone()
    if not names or ends is None:
        raise UsageError(f"{path}: no rows: each is a series, a time and a value")
    first, last = (end.toordinal() - EPOCH.toordinal() for end in ends)
    values = np.full((len(names), last - first + 1), np.nan)
    partial = np.zeros(values.shape, bool)
    days = connection.execute(_DAYS).fetchnumpy()
    place = {name: number for number, name in enumerate(names)}
    rows = np.array([place[name] for name in days["series"]], np.int64)
    columns = days["day"].astype(np.int64) - first
    values[rows, columns] = days["value"]
    many = np.bincount(rows, days["parts"] > 1, minlength=len(names)) * 2 > np.bincount(rows, minlength=len(names))
    for row in np.flatnonzero(many).tolist():
        mine = np.flatnonzero(rows == row)
        end = mine[np.argmax(columns[mine])]
        partial[row, columns[end]] = days["hour"][end] < 23
    hours = _hours(connection, {names[row]: row for row in np.flatnonzero(many).tolist()}, first)
    return Table(tuple(names), first, values, hours, partial)


def _hours(
    connection: duckdb.DuckDBPyConnection, wanted: dict[str, int], first: int
) -> dict[tuple[int, int], list[tuple[datetime, float]]]:
    """Return the parts of the days of series that are told by the hour."""
    found: dict[tuple[int, int], list[tuple[datetime, float]]] = {}
    if not wanted:
        return found
    query = "select series, epoch_us(moment), value from parts where not isnan(value) and list_contains(?, series) order by moment"
    for name, told, value in connection.execute(query, [list(wanted)]).fetchall():
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=told)
        column = at.date().toordinal() - EPOCH.toordinal() - first
        found.setdefault((wanted[name], column), []).append((at, value))
    return found


def judged(table: Table, tuning: Tuning | None = None, floor: float = 0.0) -> tuple[Verdicts, tuple[Event, ...]]:
    """Judge a table: its verdicts, and its events by first day. A day that is not over may be too dear, never too cheap."""
    told = judge(table.values, table.first_day, tuning, floor)
    told.alarm[table.is_partial & (told.alarm < 0)] = 0
    return told, tuple(sorted(events(table.values, told), key=lambda one: (one.first, table.names[one.row])))


def as_json(table: Table, told: Verdicts, found: tuple[Event, ...], *, all_days: bool = False) -> dict[str, Any]:
    """Return what `costlens anomalies --series --json` prints; docs/anomalies.md says what each field is."""
    return {
        "series": len(table.names),
        "first_day": table.day(0).isoformat(),
        "last_day": table.day(table.values.shape[1] - 1).isoformat(),
        "anomalies": [_anomaly(table, event) for event in found],
        "days": _days(table, told, found, all_days=all_days),
    }


def _anomaly(table: Table, event: Event) -> dict[str, Any]:
    return {
        "series": table.names[event.row],
        "form": event.form,
        "direction": "down" if event.form == "drop" else "up",
        "first_day": table.day(event.first).isoformat(),
        "last_day": table.day(event.last).isoformat(),
        "began": table.day(event.began).isoformat(),
        "is_over": event.is_over,
        **{name: _number(getattr(event, name)) for name in ("actual", "expected", "low", "high", "score")},
    }


def _days(table: Table, told: Verdicts, found: tuple[Event, ...], *, all_days: bool) -> list[dict[str, Any]]:
    forms = {(event.row, day): event.form for event in found for day in event.days}
    seen = ~np.isnan(table.values) if all_days else told.alarm != 0
    rows = []
    for row, column in zip(*(places.tolist() for places in np.nonzero(seen)), strict=True):
        line: dict[str, Any] = {
            "series": table.names[row],
            "day": table.day(column).isoformat(),
            "flag": bool(told.alarm[row, column]),
            "form": forms.get((row, column)),
            "value": _number(table.values[row, column]),
            **{name: _number(getattr(told, name)[row, column]) for name in ("expected", "low", "high", "score")},
        }
        if (row, column) in table.hours and told.alarm[row, column] > 0:
            line["passed_at"] = _passed_at(table.hours[row, column], told.high[row, column])
        rows.append(line)
    return rows


def _passed_at(parts: list[tuple[datetime, float]], high: float) -> str | None:
    """Return when the day's sum so far passed what the whole day was expected to stay below."""
    total = 0.0
    for at, value in parts:
        total += value
        if total > high:
            return at.isoformat()
    return None


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
