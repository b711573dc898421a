"""What is asked most is answered before somebody asks: the pages of each new snapshot, as they open for one who sees everything."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import duckdb

from costlens.errors import CostLensError
from costlens_dashboard.access import LOCAL, Reader
from costlens_dashboard.books import Books, Desk, open_books
from costlens_dashboard.state import presets, usual_view
from costlens_dashboard.views import assets, overview, pools, queries, teams, unattributed, waste

_PAUSE_SECONDS = 2.5


def keep_warm(stop: threading.Event, ready: threading.Event, seconds: float = 20.0) -> None:
    """Until stopped, prepare each new snapshot; what fails is told by the page that needs it.

    `ready` is set when the first page would find what it reads, or nothing could be prepared.
    """
    warmed = None
    while True:
        try:
            books = open_books()
            if (newest := books.ledger.snapshot().id) != warmed:
                _prepare(books, stop, ready)
                warmed = newest
        except (CostLensError, duckdb.Error, OSError):
            warmed = None
        ready.set()
        if stop.wait(seconds):
            return


def _prepare(books: Books, stop: threading.Event, ready: threading.Event) -> None:
    desk = books.desk()
    for _ in _first_page(desk):
        if stop.is_set():
            return
    ready.set()
    # Who opens the first page at once has both cores for it.
    if stop.wait(_PAUSE_SECONDS):
        return
    for _ in _others(desk):
        if stop.is_set():
            return


def _first_page(desk: Desk) -> Iterator[None]:
    """Make the cubes of the two newest months and what the first page asks; yield after each step."""
    newest = list(reversed(desk.books.cube.days(desk.snapshot)))[:2]
    if newest:
        first = min(desk.books.cube.days(desk.snapshot)[month][0] for month in newest)
        desk.books.cube.files(desk.snapshot, desk.estate, first, first + 62)
    yield
    for month in newest:
        overview.balances(desk, month, None)
        yield
    if view := usual_view(desk, Reader(LOCAL)):
        overview.answers(view, overview.BY[0])
        yield


def _others(desk: Desk) -> Iterator[None]:
    """Answer the other groupings and pages, make the older months' cubes, and answer what needs these; yield after each step."""
    view = usual_view(desk, Reader(LOCAL))
    if view is None:
        return
    for by in overview.BY[1:]:
        overview.answers(view, by)
        yield
    for answer in (assets.frame_of, queries.answers, pools.frame_of, waste.rows_of, unattributed.rows_of):
        answer(view)
        yield
    desk.books.cube.warm(desk.snapshot, desk.estate)
    yield
    teams.frame_of(view)
    teams.months_of(view)
    yield
    for period in presets(view):
        overview.answers(period, overview.BY[0])
        yield
