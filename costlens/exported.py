"""Tells which views of an export folder changed since the last sync, and which span of time the changed files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import duckdb

from costlens.connector import Connector, View
from costlens.windows import Window, microseconds

#: View -> file -> [bytes, modification time in nanoseconds], and where known the least and the greatest time of its rows, in
#: microseconds since 1970; the greatest is below the least where there are none.
Seen = dict[str, dict[str, list[int]]]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NO_ROWS = [1, 0]


def look(connector: Connector, before: Mapping[str, Mapping[str, list[int]]] | None = None) -> Seen:
    """Return what the export folder of a source holds of its views; a file that is as it was `before` is not opened."""
    folder = connector.settings.export
    seen: Seen = {}
    if folder is None:
        return seen
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for view in connector.views:
            old = (before or {}).get(view.name, {})
            found = {path.relative_to(folder).as_posix(): path for path in _files(folder, view.name)}
            states = {name: state_of(path) for name, path in found.items()}
            changed = [found[name] for name, state in states.items() if not is_as_before(old.get(name), state)]
            spans = _spans(connection, view, [path for path in changed if path.suffix == ".parquet"])
            for name, path in found.items():
                state = [*states[name], *spans.get(str(path), [])] if path in changed else old[name]
                seen.setdefault(view.name, {})[name] = state
    return seen


def state_of(path: Path) -> list[int]:
    """Return by what a file is known to be as it was."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def is_as_before(old: Sequence[int] | None, state: Sequence[int]) -> bool:
    """Tell whether a file is as it was, whatever is known of its rows."""
    return old is not None and list(old[:2]) == list(state[:2])


def windows_of(
    connector: Connector, before: Mapping[str, Mapping[str, list[int]]], now: Seen, whole: Window
) -> dict[str, Window]:
    """Return what to read of each view: nothing where no file changed, the span of the changed files, else everything.

    A file that was written anew speaks for the span that it had, too. One that went away says nothing: folders that keep the last days
    only are no reason to forget the others. A view without files is asked for all the same, so that it is reported as missing. Where
    the span of a changed file cannot be read off it, the whole view is read again.
    """
    windows: dict[str, Window] = {}
    for view in connector.views:
        old, new = before.get(view.name, {}), now.get(view.name, {})
        changed = [(old.get(name), state) for name, state in new.items() if not is_as_before(old.get(name), state)]
        if new and not changed:
            continue
        is_known = bool(old and new) and all(len(state) > 2 for _, state in changed)
        window = _window(view, changed, whole.until) if is_known else whole
        if window:
            windows[view.name] = window
    return windows


def _files(folder: Path, view: str) -> Sequence[Path]:
    found = [path for path in folder.rglob(f"{view}.*") if path.is_file()]
    found += [path for part in folder.rglob(view) if part.is_dir() for path in part.iterdir() if path.is_file()]
    return sorted(found)


def _spans(connection: duckdb.DuckDBPyConnection, view: View, paths: Sequence[Path]) -> dict[str, list[int]]:
    """Return the least and greatest time in each of some Parquet files, nothing of those that do not say."""
    if not paths:
        return {}
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    time = view.time_column
    try:
        rows = connection.execute(
            f"select filename, min({time}), max({time}) from read_parquet([{listed}], union_by_name = true, filename = true) "
            f"where {time} is not null group by filename"
        ).fetchall()
    except duckdb.Error:
        return {}  # the reader says what is wrong with the file
    spans = {str(path): _NO_ROWS for path in paths}
    for name, *times in rows:
        first, last = (_aware(value) for value in times)
        spans[name] = [microseconds(first), microseconds(last)] if first and last else []
    return spans


def _aware(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc) if value.tzinfo else None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    return None


def _window(view: View, changed: Sequence[tuple[Sequence[int] | None, Sequence[int]]], end: datetime) -> Window | None:
    """Return what changed files speak for, given as they were and as they are; None where they speak for nothing.

    The span of the view's time is widened to the facts' time. A fact of an hourly view is not before its row's time.
    """
    starts, ends = [], []
    for old, new in changed:
        held, holds = _rows(old), _rows(new)
        if held and holds and holds[0] > held[0] and holds[1] > held[1]:
            # It moved on, as a file of the last days does: what it no longer holds is history, and it cuts through an hour.
            starts.append(holds[0] if view.pull == "hourly" else _midnight(holds[0]))
            ends.append(holds[1])
        elif spans := [span for span in (held, holds) if span]:
            first = min(span[0] for span in spans).replace(minute=0, second=0, microsecond=0)
            # A file that was there before may have held more of the day than it does now.
            starts.append(first if old is None and view.pull == "hourly" else _midnight(first))
            ends.append(max(span[1] for span in spans))
    if not starts:
        return None
    since = min(starts)
    until = min(max(ends) + max(view.margin, timedelta(microseconds=1)) + timedelta(days=1), end)
    return Window(since, max(until, since + timedelta(days=1)), is_deep=True)


def _rows(state: Sequence[int] | None) -> tuple[datetime, datetime] | None:
    """Return the least and the greatest time of a file's rows, None where there are none or it is not known."""
    if state is None or len(state) < 4 or state[3] < state[2]:
        return None
    return _EPOCH + timedelta(microseconds=state[2]), _EPOCH + timedelta(microseconds=state[3])


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
