"""Reads series from a CSV file of anyone's numbers (columns series, ts, value) and judges them as the ledger's are judged."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or [])]
            if missing:
                raise UsageError(f"{path}: no column {missing[0]}: a header with series, ts, value is wanted")
            found: dict[str, dict[datetime, float]] = {}
            for number, row in enumerate(rows, 2):
                at, value = _cell(path, number, row)
                found.setdefault(row["series"], {})[at] = value
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}): a UTF-8 CSV file is wanted") from None
    if not found:
        raise UsageError(f"{path}: no rows: each is a series, a time and a value")
    return _table(found)


def _cell(path: Path, number: int, row: dict[str, str]) -> tuple[datetime, float]:
    try:
        at = datetime.fromisoformat(row["ts"].strip().replace(" UTC", "+00:00"))
        text = (row["value"] or "").strip()
        value = float(text) if text and text.lower() not in ("null", "none", "na") else math.nan
    except (ValueError, AttributeError):
        raise UsageError(f"{path}: line {number}: ts is a date or time as 2026-10-31T17:00, value a number") from None
    if math.isinf(value):
        raise UsageError(f"{path}: line {number}: the value is not finite")
    return (at.astimezone(timezone.utc) if at.tzinfo else at.replace(tzinfo=timezone.utc)), value


def _table(found: dict[str, dict[datetime, float]]) -> Table:
    first = min(min(times) for times in found.values()).date()
    last = max(max(times) for times in found.values()).date()
    values = np.full((len(found), (last - first).days + 1), np.nan)
    partial = np.zeros(values.shape, bool)
    hours: dict[tuple[int, int], list[tuple[datetime, float]]] = {}
    for row, times in enumerate(found.values()):
        parts: dict[int, list[tuple[datetime, float]]] = {}
        for at, value in sorted(times.items()):
            if not math.isnan(value):
                parts.setdefault((at.date() - first).days, []).append((at, value))
        for column, told in parts.items():
            values[row, column] = sum(value for _, value in told)
        many = {column: told for column, told in parts.items() if len(told) > 1}
        if len(many) * 2 > len(parts):
            hours.update({(row, column): told for column, told in parts.items()})
            end = max(parts)
            partial[row, end] = parts[end][-1][0].hour < 23
    return Table(tuple(found), (first - EPOCH).days, values, hours, partial)


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
