"""The cube: `daily` without shapes, users and objects and with the team of the day, kept per month so that a question takes milliseconds.

A month's cube is a function of the files of `daily` that hold its days and of the estate, so it is kept in a folder under a name made
of both: a new snapshot rebuilds only the months that it changed, and no snapshot sees another's.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

import ibis

from costlens.engine import Engine
from costlens.estate import Estate
from costlens.ledger import Ledger, Snapshot
from costlens.ledger.lake import Selection
from costlens.model import DAILY, Column, Table
from costlens.reading import with_team
from costlens_dashboard.formats import as_date

KEYS = (
    *("source", "day", "billing_period", "currency", "category", "service", "cause", "pool", "asset"),
    *("method", "environment", "purpose"),
)
SUMS = ("cost", "queries", "runs", "seconds", "bytes", "provisional_cost")
CUBE = Table(
    "cube",
    "day x what people ask for",
    (
        *(DAILY.column(name) for name in KEYS),
        Column("team", "text"),
        *(DAILY.column(name) for name in SUMS),
        Column("open_cost", "decimal", "part of cost that is provisional; what is estimated is told apart"),
    ),
    (),
    is_fact=False,
)
MEMORY = "400MB"
"""What DuckDB may take for all questions that are answered at once."""
_MAKING_MEMORY = "300MB"
"""And for making one month of the cube."""
_FORMAT = "2"
_OLD_SECONDS = 24 * 3600


class Cube:
    """The cubes of one ledger; safe to be used by many threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._folder = _folder(ledger)
        self._making = threading.Lock()
        self._days: dict[int, dict[str, list[int]]] = {}

    def days(self, snapshot: Snapshot) -> dict[str, list[int]]:
        """Return the days that have rows by calendar month, known from the log alone."""
        version = snapshot.versions.get("daily")
        if version is None:
            return {}
        if version not in self._days:
            days = {file.day for file in self._ledger.lake.select("daily", version, Selection())}
            found: defaultdict[str, list[int]] = defaultdict(list)
            for day in sorted(days):
                found[as_date(day).isoformat()[:7]].append(day)
            self._days = {version: dict(found)}  # each page asks several times, nearly always of the newest
        return self._days[version]

    def files(self, snapshot: Snapshot, estate: Estate, since: int, until: int) -> list[Path]:
        """Return the files that hold the days of [since, until), made first where they are missing, one at a time."""
        months = [month for month, days in self.days(snapshot).items() if days[0] < until and days[-1] >= since]
        return [self._month(snapshot, estate, month) for month in reversed(months)]

    def warm(self, snapshot: Snapshot, estate: Estate) -> None:
        """Make every month, the newest first, on one core: somebody may be reading a page meanwhile."""
        for month in reversed(self.days(snapshot)):
            self._month(snapshot, estate, month, threads=1)

    def _month(self, snapshot: Snapshot, estate: Estate, month: str, threads: int | None = None) -> Path:
        days = self.days(snapshot)[month]
        files = self._ledger.lake.select("daily", snapshot.versions["daily"], Selection(days=frozenset(days)))
        said = "\n".join([_FORMAT, snapshot.estate or "", *(file.path for file in files)])
        path = self._folder / f"{month}-{hashlib.sha256(said.encode()).hexdigest()[:24]}.parquet"
        if not path.exists():
            with self._making:
                if not path.exists():
                    self._make(snapshot, estate, days, path, threads)
                    self._tidy(month, path)
        return path

    def _make(self, snapshot: Snapshot, estate: Estate, days: Collection[int], path: Path, threads: int | None) -> None:
        part = path.with_name(f"{uuid4().hex}.part")
        with Engine(memory=_MAKING_MEMORY, threads=threads) as engine:
            columns = (*KEYS, "rule_team", "status", *SUMS)
            rows = with_team(engine, self._ledger.table("daily", snapshot, engine, days=days, columns=columns), estate)
            keys = [*KEYS, "team"]
            rows = rows.mutate(open_cost=ibis.ifelse(rows.status == "provisional", rows.cost, ibis.literal(0)))
            sums = (*SUMS, "open_cost")
            grouped = rows.group_by(keys).agg(**{name: rows[name].sum().cast(rows[name].type()) for name in sums})
            try:
                engine.write(grouped, CUBE, part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _tidy(self, month: str, keep: Path) -> None:
        """Delete cubes of the month that no reader of today's snapshots can be at."""
        limit = time.time() - _OLD_SECONDS
        for old in self._folder.glob(f"{month}-*.parquet"):
            if old != keep and old.stat().st_mtime < limit:
                old.unlink(missing_ok=True)


def _folder(ledger: Ledger) -> Path:
    """Return a folder beside the lake that only we read, or a temporary one where there is none to write to."""
    if ledger.lake.folder is not None:
        folder = ledger.lake.folder.parent / f".{ledger.lake.folder.name}-dashboard"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError:
            pass
        else:
            return folder
    return Path(tempfile.mkdtemp(prefix="costlens-dashboard-"))
