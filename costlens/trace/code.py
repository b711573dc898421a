"""The code as attribution sees it: one state a week, every shape traced once for each state of the code."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from hashlib import blake2b

from costlens.trace.files import Listing, Repository, commit_of, listing
from costlens.trace.git import Git
from costlens.trace.judge import FOUND
from costlens.trace.place import place_of
from costlens.trace.store import VERSION, Store
from costlens.trace.tracer import Tracer

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: 1970-01-01 was a Thursday; weeks end with Sunday.
_THURSDAY = 3


@dataclass(frozen=True)
class Found:
    """Where a shape comes from: file and line, who owns it, the commit looked at, and how well it fits (see `judge`)."""

    path: str
    line: int
    name: str | None
    repository: str
    commit: str | None
    owners: tuple[str, ...]
    score: float


class Code:
    """Repositories over time. A day's code is that of the end of its week, or the newest: what was deployed in the days after counts.

    Weeks bound the work: a commit changes what is said of the days of its week only.
    """

    def __init__(self, repositories: Sequence[Repository], store: Store) -> None:
        self._repositories = [(one, Git.at(one.path)) for one in repositories]
        self._store = store
        self._weeks: dict[int, tuple[str, list[Listing]]] = {}
        self._tracers: dict[str, Tracer] = {}

    def __bool__(self) -> bool:
        return bool(self._repositories)

    def state(self, day: int) -> str:
        """Return a hash of the code of a day (days since 1970): of commits, of contents where there are none, and of the settings."""
        return self._week(day)[0]

    def states(self, days: Collection[int]) -> dict[str, str]:
        """Return the state of the code in the weeks of some days."""
        return {str(_week(day)): self.state(day) for day in days} if self else {}

    def changed(self, days: Collection[int], before: Mapping[str, str]) -> set[int]:
        """Return the days whose code is not what it was."""
        states = self.states(days)
        return {day for day in days if states.get(str(_week(day))) != before.get(str(_week(day)))}

    def find(self, day: int, texts: Mapping[str, str]) -> dict[str, Found]:
        """Return where shapes come from, by shape: masked texts by shape, all of one day; what is not found is left out."""
        state, listings = self._week(day)
        keys = {shape: f"{VERSION}:{state}:{shape}" for shape in texts}
        told = self._store.traces(keys.values())
        new: dict[str, str] = {}
        for shape, text in texts.items():
            if keys[shape] not in told:
                new[keys[shape]] = self._trace(state, listings, text)
        self._store.keep_traces(new)
        told |= new
        read = {shape: json.loads(told[key]) for shape, key in keys.items() if told[key]}
        return {shape: Found(**{**body, "owners": tuple(body["owners"])}) for shape, body in read.items()}

    def _trace(self, state: str, listings: list[Listing], text: str) -> str:
        if state not in self._tracers:
            self._tracers = {state: Tracer.of(listings, self._store)}  # one at a time: days come in order
        tracer = self._tracers[state]
        trace = tracer.trace(text)
        if trace.verdict != FOUND or trace.best is None:
            return ""
        place = place_of(trace.best, tracer.listing_of(trace.best.unit), ask_git=False)
        found = Found(
            place.path, place.line, place.name, place.repository, place.commit, place.owners, float(trace.score)
        )
        return json.dumps(asdict(found))

    def _week(self, day: int) -> tuple[str, list[Listing]]:
        week = _week(day)
        if week not in self._weeks:
            end = _EPOCH + timedelta(days=(week + 1) * 7 - _THURSDAY)
            listings = [listing(one, self._store, commit_of(one, end, git), git) for one, git in self._repositories]
            self._weeks[week] = (_state(listings), listings)
        return self._weeks[week]


NO_CODE = Code((), Store())


def _week(day: int) -> int:
    """Return the number of the week of a day; weeks begin with Monday."""
    return (day + _THURSDAY) // 7


def _state(listings: Sequence[Listing]) -> str:
    told = [(str(one.repository), one.commit or one.files) for one in listings]
    return blake2b(repr((VERSION, told)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
