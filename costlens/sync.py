"""`costlens sync`: pulls a source into a temporary folder, then, under the commit lease, makes one new state of the ledger."""

from __future__ import annotations

import gc
import json
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from costlens import exported
from costlens.attribute import kept_keys
from costlens.book import Booked, Books
from costlens.engine import Engine
from costlens.errors import LedgerEmpty, Problem
from costlens.exports import ExportReader
from costlens.ingest import Read, Stage, Staged, merged
from costlens.ledger.leases import holder_name
from costlens.orchestration import estate_of
from costlens.settings.attribution import Settings as AttributionSettings
from costlens.settings.code import Settings as CodeSettings
from costlens.trace.code import Code
from costlens.trace.configured import code_of
from costlens.typed import Problems, typed
from costlens.windows import DEEP_SUFFIX, GAP_SINCE, GAP_UNTIL, Part, Window, gaps_of, parts, window_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.config import Config
    from costlens.connector import Connector, View
    from costlens.estate import Estate
    from costlens.ledger import Ledger

#: Vendors keep at most a year (BigQuery half of one); a first sync of a live source starts there.
BACK_FILL = timedelta(days=365)
#: An export is read as far back as it goes.
EXPORT_START = datetime(2015, 1, 1, tzinfo=timezone.utc)

Echo = Callable[[str], None]
#: Asked between two commits whether there shall be no more.
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Request:
    """What a sync is asked for: read up to `now`, judge finality as of `as_of`; `repair` reads again from `since`."""

    now: datetime
    as_of: datetime
    since: datetime | None = None
    repair: bool = False


@dataclass
class Summary:
    """What a sync of one source did."""

    source: str
    snapshot: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    days_priced: int = 0
    problems: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    unpriced: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    """View that could not be read this time -> what is wrong; the next sync reads it again."""

    def line(self) -> str:
        """Return what was done in one line, and one more for each thing a person should do."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items() if count) or "nothing new"
        lines = [f"{self.source}: {rows}; {self.days_priced} days priced; snapshot {self.snapshot}"]
        if self.problems:
            lines.append(f"{self.source}: {self.problems:,} problems with rows: `costlens check` lists them")
        if self.missing:
            lines.append(
                f"{self.source}: views not read: {', '.join(sorted(self.missing))}: `costlens check` says what allows them"
            )
        lines.extend(
            f"{self.source}: no price for {service}: add it under `rates:` of the source" for service in self.unpriced
        )
        return "\n".join(lines)

    def as_json(self) -> str:
        return json.dumps(asdict(self), default=str)


def sync(
    config: Config,
    ledger: Ledger,
    connector: Connector,
    request: Request,
    echo: Echo = lambda line: None,
    stop: Stop = lambda: False,
) -> Summary:
    """Pull one source and commit a new state of the ledger; long windows go in parts, the newest first, each committed.

    May be killed at any instant and run again: what was not committed never happened, and what older days were still to be
    read is known to the next sync. `echo` is told of each part.
    """
    with _few_collections():
        return _sync(config, ledger, connector, request, echo, stop)


def _sync(config: Config, ledger: Ledger, connector: Connector, request: Request, echo: Echo, stop: Stop) -> Summary:
    summary = Summary(connector.settings.name)
    estate = estate_of(config, ledger)
    keep = kept_keys(estate, config.section(AttributionSettings))
    code = code_of(config.base, config.section(CodeSettings))
    before = _exports(ledger, connector.settings.name)
    seen = exported.look(connector, before)
    lost: set[str] = set()  # views that could not be read: their older days wait too, or nobody would know of the newer
    known = {} if request.repair else before
    plan = _plan(ledger, connector, request, before, seen)
    for number, part in enumerate(plan):
        if number and stop():
            break
        windows = {name: window for name, window in part.windows.items() if name not in lost}
        if number and not windows:
            continue
        with tempfile.TemporaryDirectory(prefix="costlens-pull-") as folder, Engine(ahead=True) as engine:
            staged = _pull(connector, engine, Path(folder), keep, windows, known)
            cursors = _cursors(ledger, staged, part)
            booked = _commit(
                config, ledger, connector, engine, staged, estate, code, request, seen, cursors, number == 0
            )
        lost |= windows.keys() - staged.windows.keys()
        _add(summary, staged, booked)
        if len(windows) and request.since is None and booked.snapshot is not None:
            echo(f"{connector.settings.name}: {_read(windows, is_part=len(plan) > 1)}")
    return summary


def _pull(
    connector: Connector,
    engine: Engine,
    folder: Path,
    keep: Sequence[str],
    windows: Mapping[str, Window],
    known: exported.Seen,
) -> Staged:
    """Stage what is to be read: of an export two views at a time, since Python reads texts of one while the engine copies the other."""
    views = iter(connector.views)

    def pull(engine: Engine) -> Staged:
        with reader(connector, engine, known) as (read, problems):
            staged = Stage(connector, engine, folder, keep).pull(read, windows, views)
            staged.problems.extend(problems())
        return staged

    if connector.settings.export is None:
        return pull(engine)
    with engine.aside(pull) as rest:
        mine = pull(engine)
    return merged([mine, rest.result()], connector.views)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Have Python look for cycles seldom, and not in what is loaded already: expressions are a million objects without one."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _read(windows: Mapping[str, Window], *, is_part: bool) -> str:
    since, until = min(w.since for w in windows.values()), max(w.until for w in windows.values())
    return f"read until {until:%Y-%m-%d %H:%M} UTC" + (f", back to {since:%Y-%m-%d %H:%M}" if is_part else "")


def _plan(
    ledger: Ledger, connector: Connector, request: Request, before: exported.Seen, seen: exported.Seen
) -> list[Part]:
    """Return the windows of each commit."""
    source = connector.settings.name
    money = {view.name for view in connector.views if view.pull == "monthly"}  # a month of it is a few rows
    first = request.since or (EXPORT_START if connector.settings.export else request.now - BACK_FILL)
    whole = Window(_midnight(first), request.now, is_deep=True)
    if connector.settings.export:
        of_files = {} if request.repair else exported.windows_of(connector, before, seen, whole)
        return [Part({view.name: whole for view in connector.views} if request.repair else of_files, {})]
    cursors = _known(ledger, source)
    if request.repair:
        windows = {view.name: whole for view in connector.views}
    else:
        found = {view.name: window_of(view, cursors, request.now, first) for view in connector.views}
        windows = {name: window for name, window in found.items() if window is not None}
    gaps = {feed: gap for feed, gap in gaps_of(cursors).items() if any(view.name == feed for view in connector.views)}
    return parts(windows, gaps, money)


def _known(ledger: Ledger, source: str) -> dict[str, datetime]:
    return {feed: at for (name, feed), at in ledger.cursors().items() if name == source}


def _exports(ledger: Ledger, source: str) -> exported.Seen:
    """Return which files the last sync of an export saw."""
    try:
        seen: exported.Seen = ledger.snapshot().info.get("sources", {}).get(source, {}).get("files", {})
    except LedgerEmpty:
        return {}
    return seen


@contextmanager
def reader(
    connector: Connector, engine: Engine, known: exported.Seen | None = None
) -> Iterator[tuple[Read, Callable[[], list[Problem]]]]:
    """Open a source, live or exported; yields how its views are read and what could not be.

    `known` are files of an export that were read whole before: whether they are damaged is not asked again.
    """
    if connector.settings.export is not None:
        export = ExportReader(connector, engine, known)
        yield lambda view, since, until: [export.rows(view, since, until)], export.problems
        return
    found = Problems(connector.settings.name)
    with connector.open() as live:

        def read(view: View, since: datetime, until: datetime) -> Iterator[ir.Table]:
            yield from typed(engine, view, live.read(view, since, until), found)

        yield read, lambda: [*found.all(), *live.missing_columns()]


def _commit(
    config: Config,
    ledger: Ledger,
    connector: Connector,
    engine: Engine,
    staged: Staged,
    estate: Estate,
    code: Code,
    request: Request,
    seen: exported.Seen,
    cursors: dict[tuple[str, str], datetime],
    is_first: bool,
) -> Booked:
    run_id = uuid.uuid4().hex
    with ledger.write(run_id, holder_name()) as writer:
        books = Books(writer, connector, engine, estate, config.section(AttributionSettings), request.as_of, code)
        held = books.before.get("files", {})  # of a view that could not be read, what it spoke for when it could
        files = {view: held.get(view, {}) if view in staged.failed else now for view, now in seen.items()}
        booked = books.enter(staged, None if request.repair else files)
        booked.snapshot = writer.commit(
            as_of=request.as_of,
            cursors=cursors,
            problems=_problems(ledger, staged, booked, is_first),
            estate=estate,
            info=booked.info,
        ).id
    return booked


def _cursors(ledger: Ledger, staged: Staged, part: Part) -> dict[tuple[str, str], datetime]:
    """Return where each feed that was read then stands: no cursor goes back, and what is left unread is written down."""
    known = _known(ledger, staged.source)
    moved: dict[str, datetime] = {}
    for feed, window in staged.windows.items():
        names = (feed, feed + DEEP_SUFFIX) if window.is_deep else (feed,)
        moved |= {name: max(window.until, known.get(name, window.until)) for name in names}
        gap = part.gaps.get(feed)
        if gap or feed + GAP_SINCE in known:
            moved |= {
                feed + GAP_SINCE: gap.since if gap else window.since,
                feed + GAP_UNTIL: gap.until if gap else window.since,
            }
    return {(staged.source, name): at for name, at in moved.items()}


def _problems(ledger: Ledger, staged: Staged, booked: Booked, is_first: bool) -> list[Problem]:
    """Keep the problems of what was not read this time; a view that was read anew speaks for itself.

    The later parts of a sync add to what the first one found.
    """
    try:
        known = ledger.problems()
    except LedgerEmpty:
        known = ()
    read = {feed for feed, window in staged.windows.items() if window.is_deep and is_first}
    kept = [
        problem
        for problem in known
        if problem.source != staged.source or problem.table.rpartition(" from ")[2] not in read
    ]
    unpriced = [Problem(staged.source, "rates", f"no price for {service}") for service in booked.unpriced]
    kept = [problem for problem in kept if problem.source != staged.source or problem.table != "rates"]
    return list(dict.fromkeys([*kept, *staged.problems, *unpriced]))


def _add(summary: Summary, staged: Staged, booked: Booked) -> None:
    for name, count in booked.rows.items():
        summary.rows[name] = summary.rows.get(name, 0) + count
    summary.snapshot = booked.snapshot or summary.snapshot
    summary.days_priced += booked.days_priced
    summary.problems += sum(problem.count for problem in staged.problems)
    summary.missing.update(staged.missing)
    summary.failures.update(staged.failed)
    summary.unpriced = tuple(sorted({*summary.unpriced, *booked.unpriced}))


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
