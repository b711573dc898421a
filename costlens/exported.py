"""Tells which views of an export folder changed since the last sync, and which span of time the changed files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import duckdb

from costlens.connector import Connector, View
from costlens.windows import Window

#: View -> file -> [bytes, modification time in nanoseconds].
Seen = dict[str, dict[str, list[int]]]


def look(connector: Connector) -> Seen:
    """Return what the export folder of a source holds of its views."""
    folder = connector.settings.export
    seen: Seen = {}
    if folder is None:
        return seen
    for view in connector.views:
        for path in _files(folder, view.name):
            seen.setdefault(view.name, {})[path.relative_to(folder).as_posix()] = state_of(path)
    return seen


def state_of(path: Path) -> list[int]:
    """Return by what a file is known to be as it was."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def windows_of(
    connector: Connector, before: Mapping[str, Mapping[str, list[int]]], now: Seen, whole: Window
) -> dict[str, Window]:
    """Return what to read of each view: nothing where no file changed, the span of the changed files, else everything.

    A view without files is asked for all the same, so that it is reported as missing. Where a file went away, or the span of one cannot
    be read off its statistics, the whole view is read again.
    """
    folder = connector.settings.export
    windows: dict[str, Window] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for view in connector.views:
            old, new = before.get(view.name, {}), now.get(view.name, {})
            changed = [name for name, state in new.items() if old.get(name) != state]
            if new and not changed and old.keys() <= new.keys():
                continue
            is_addition = bool(old) and old.keys() <= new.keys()
            span = _span(connection, view, [folder / name for name in changed]) if folder and is_addition else None
            is_new = old.keys().isdisjoint(changed)
            windows[view.name] = (
                _clipped(view, span, whole, by_hour=is_new and view.pull == "hourly") if span else whole
            )
    return windows


def _files(folder: Path, view: str) -> Sequence[Path]:
    found = [path for path in folder.rglob(f"{view}.*") if path.is_file()]
    found += [path for part in folder.rglob(view) if part.is_dir() for path in part.iterdir() if path.is_file()]
    return sorted(found)


def _span(connection: duckdb.DuckDBPyConnection, view: View, paths: Sequence[Path]) -> tuple[datetime, datetime] | None:
    """Return the least and greatest time in Parquet files, None where they do not say."""
    if any(path.suffix != ".parquet" for path in paths):
        return None
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    try:
        row = connection.execute(
            f"select min({view.time_column}), max({view.time_column}) from read_parquet([{listed}], union_by_name = true)"
        ).fetchone()
    except duckdb.Error:
        return None  # the reader says what is wrong with the file
    if not row or row[0] is None:
        return None
    first, last = (_aware(value) for value in row)
    return (first, last) if first and last else None


def _aware(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc) if value.tzinfo else None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    return None


def _clipped(view: View, span: tuple[datetime, datetime], whole: Window, *, by_hour: bool) -> Window:
    """Widen a span of the view's time to the facts' time, from the start of its hour or of its day on.

    A fact of an hourly view is not before its row's time. A file that was there before may have held more of the day than it does now.
    """
    since = span[0].replace(minute=0, second=0, microsecond=0)
    since = since if by_hour else since.replace(hour=0)
    until = min(span[1] + max(view.margin, timedelta(microseconds=1)) + timedelta(days=1), whole.until)
    return Window(since, max(until, since + timedelta(days=1)), is_deep=True)
