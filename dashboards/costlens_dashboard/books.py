"""The open ledger of the process, and the desk: one snapshot of it that a page asks its questions of."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.config import Config, load_config
from costlens.engine import Engine
from costlens.estate import Estate
from costlens.ledger import Ledger, Snapshot
from costlens.reading import with_team
from costlens.settings.dashboard import Settings
from costlens_dashboard.cube import CUBE, MEMORY, Cube
from costlens_dashboard.scope import Scope

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

#: What the answers that are kept may weigh together.
KEPT_BYTES = 96_000_000
#: Questions answered at once: they share the memory that DuckDB may take.
AT_ONCE = 2
CONFIG_VARIABLE = "COSTLENS_CONFIG"

Question = Callable[..., "ir.Table"]


class Kept:
    """Answers by what was asked of which snapshot, least recently used ones dropped; two who ask the same wait for one answer."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit, self._held = limit, 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._asked: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """Return the answer kept under a key, or make and keep it."""
        with self._lock:
            asked = self._asked.setdefault(key, threading.Lock())
        with asked:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
            value = make()
            with self._lock:
                self._values[key] = (value, size(value))
                self._held += self._values[key][1]
                while self._held > self._limit and len(self._values) > 1:
                    self._held -= self._values.popitem(last=False)[1][1]
                self._asked.pop(key, None)
            return value


@dataclass
class Books:
    """A configuration with its open ledger."""

    config: Config
    ledger: Ledger
    kept: Kept = field(default_factory=Kept)
    room: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def cube(self) -> Cube:
        return Cube(self.ledger)

    @contextmanager
    def asking(self) -> Iterator[Engine]:
        """Give an engine for one question, once there is room: beside the one that all share, to open one of its own takes longer."""
        with self.room:
            with self._opening:
                mine = Engine(beside=self._engine)
            with mine:
                yield mine

    @cached_property
    def _engine(self) -> Engine:
        return Engine(memory=MEMORY)

    @property
    def settings(self) -> Settings:
        return self.config.section(Settings)

    def desk(self) -> Desk:
        """Return the desk of the newest snapshot; raises LedgerEmpty where there is none."""
        snapshot = self.ledger.snapshot()
        estate = self.kept.get(("estate", snapshot.estate), lambda: self.ledger.estate(snapshot), lambda _: 1_000_000)
        return Desk(self, snapshot, estate)


@dataclass(frozen=True)
class Desk:
    """One snapshot: everything a page shows comes from it."""

    books: Books
    snapshot: Snapshot
    estate: Estate

    @property
    def ledger(self) -> Ledger:
        return self.books.ledger

    def ask(self, question: Question, scope: Scope, *given: Hashable) -> pd.DataFrame:
        """Return the answer to a question over the cube's rows within a scope; it is kept and shared, so do not change it."""
        files = self.books.cube.files(self.snapshot, self.estate, scope.first_day, scope.until)

        def run(engine: Engine) -> ir.Table:
            rows = engine.files(CUBE, files)
            return question(scope.narrow(rows.filter(rows.day >= scope.first_day)), *given)

        return self._frame((question, scope, given), run)

    def lines(self, question: Question, scope: Scope, *given: Hashable) -> pd.DataFrame:
        """Return the answer to a question over `daily` itself, with the team of the day: for shapes, users and objects."""

        def run(engine: Engine) -> ir.Table:
            rows = with_team(engine, self.table(engine, "daily", scope), self.estate)
            return question(scope.narrow(rows), *given)

        return self._frame(("daily", question, scope, given), run)

    def statements(self, question: Question, scope: Scope, *given: Hashable) -> pd.DataFrame:
        """Return the answer to a question over queries, their charges and their attributions, with team, within a scope."""

        def run(engine: Engine) -> ir.Table:
            queries, charges = self.table(engine, "queries", scope), self.table(engine, "charges", scope)
            charges = charges.filter(charges.query_id.notnull() & (charges.currency == scope.currency))
            if scope.month:
                charges = charges.filter(charges.billing_period == scope.month)
            told = self.table(engine, "attributions", scope)
            told = with_team(engine, told.filter(told.subject_kind == "query"), self.estate)
            return question(queries, charges, scope.of_teams(told), *given)

        return self._frame(("statements", question, scope, given), run)

    def facts(self, question: Question, names: tuple[str, ...], scope: Scope, *given: Hashable) -> pd.DataFrame:
        """Return the answer to a question over tables of the ledger, opened for the scope's days and source."""

        def run(engine: Engine) -> ir.Table:
            return question(*(self.table(engine, name, scope) for name in names), *given)

        return self._frame((question, names, scope, given), run)

    def table(self, engine: Engine, name: str, scope: Scope) -> ir.Table:
        """Return a table of the ledger for a scope's days and source."""
        return self.ledger.table(
            name, self.snapshot, engine, source=scope.source, since=scope.first_day, until=scope.until
        )

    def keep(self, key: Hashable, make: Callable[[], Any], size: int = 100_000) -> Any:
        """Return what `make` made of this snapshot under a key, kept."""
        return self.books.kept.get((self.snapshot.id, key), make, lambda _: size)

    def _frame(self, key: Hashable, run: Callable[[Engine], ir.Table]) -> pd.DataFrame:
        def make() -> pd.DataFrame:
            with self.books.asking() as engine:
                return _frame(engine.arrow(run(engine)))

        found: pd.DataFrame = self.books.kept.get((self.snapshot.id, key), make, _weight)
        return found


def _weight(frame: pd.DataFrame) -> int:
    """Return what a frame takes, texts by a guess: measuring each is slower than the question."""
    return int(frame.memory_usage(deep=False).sum()) * 3 + 2_000


def _frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows for charts and tables: decimals, already added up exactly, as doubles."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_decimal(column.type):
            rows = rows.set_column(place, column.name, rows.column(place).cast(pa.float64()))
    return rows.to_pandas()


def config_path() -> Path:
    """Return the configuration that `costlens dashboard` was given."""
    return Path(os.environ.get(CONFIG_VARIABLE, "costlens.yml"))


_opened: dict[tuple[str, int], Books] = {}
_opening = threading.Lock()


def open_books() -> Books:
    """Return the process's ledger, opened once for each state of the configuration; raises CostLensError."""
    path = config_path()
    try:
        key = (str(path), path.stat().st_mtime_ns)
    except OSError:
        key = (str(path), 0)
    with _opening:
        if key not in _opened:
            config = load_config(path)
            root = config.root
            ledger = Ledger.open(root.lake, root.database, storage_options=root.lake_options or None)
            _opened[key] = Books(config, ledger)
        return _opened[key]
