"""Answers of `costlens blame`: queries in, places in the code out, with who wrote them and who owns them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlens.errors import UsageError
from costlens.estates.team_names import TeamNames
from costlens.masking import mask_text
from costlens.trace import FOUND, UNKNOWN, Repository, Store, Trace, Tracer
from costlens.trace.files import commit_of, listing
from costlens.trace.git import Git
from costlens.trace.place import Place, place_of, segment

if TYPE_CHECKING:
    from costlens.estate import Estate

_SHOWN = 160
#: A place that scores less is not like the query at all.
_WORTH_SHOWING = 0.3


@dataclass(frozen=True)
class Asked:
    """A query to be traced: its text, raw or masked, when it ran, and what it cost where that is known."""

    id: str | int
    text: str
    at: datetime | None = None
    cost: Decimal | None = None
    currency: str | None = None
    queries: int | None = None
    source: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class Blamed:
    """A query with what was found of it."""

    asked: Asked
    trace: Trace
    place: Place | None = None
    team: str | None = None
    code: str = ""


class Blame:
    """Traces queries in repositories, each as it was when the query ran."""

    def __init__(
        self, repositories: Sequence[Repository], store: Store, estate: Estate | None = None, *, ask_git: bool = True
    ) -> None:
        self._repositories = [(one, Git.at(one.path)) for one in repositories]
        self._store = store
        self._teams = TeamNames(estate.teams if estate else ())
        self._ask_git = ask_git
        self._tracers: dict[tuple[str | None, ...], Tracer] = {}

    def of(self, asked: Asked) -> Blamed:
        """Return what is found of a query."""
        tracer = self._tracer(asked.at)
        trace = tracer.trace(asked.text)
        if trace.best is None:
            return Blamed(asked, trace)
        listed = tracer.listing_of(trace.best.unit)
        place = place_of(trace.best, listed, ask_git=self._ask_git)
        code = mask_text(segment(place, listed))[:_SHOWN] if self._ask_git else ""
        return Blamed(asked, trace, place, self._teams.first(place.owners), code)

    def _tracer(self, at: datetime | None) -> Tracer:
        """Return the code as it was at an instant; opened once for each state of it."""
        states = [(one, commit_of(one, at, git), git) for one, git in self._repositories]
        key = tuple(commit for _, commit, _ in states)
        if key not in self._tracers:
            listings = [listing(one, self._store, commit, git) for one, commit, git in states]
            self._tracers[key] = Tracer.of(listings, self._store)
        return self._tracers[key]


def read_queries(queries: Path | None, file: Path | None) -> list[Asked]:
    """Return the queries of a file of JSON lines, or the one text of a file."""
    asked = [Asked(file.name, _text(file))] if file else []
    if queries:
        rows = enumerate(_text(queries).split("\n"), 1)  # a text may hold other line ends as they are
        asked += [_asked(row, number, queries) for number, row in rows if row.strip()]
    return asked


def as_json(blamed: Blamed) -> str:
    """Return an answer as a JSON object: id, path, line, score, verdict, and what else is known.

    Only `found` is a claim; a query that is `unknown` has no path.
    """
    trace, place = blamed.trace, blamed.place
    row: dict[str, Any] = {
        "id": blamed.asked.id,
        "path": place.path if place else None,
        "line": place.line if place else None,
        "score": round(float(trace.score), 4),
        "verdict": trace.verdict,
        "end_line": place.end_line if place else None,
        "name": place.name if place else None,
        "repository": place.repository if place else None,
        "owners": list(place.owners) if place else [],
        "team": blamed.team,
        "why": trace.why,
        "others": [
            {"path": other.unit.path, "line": other.line, "score": round(float(other.score), 4)}
            for other in trace.others
        ],
    }
    asked = blamed.asked
    known = {"source": asked.source, "at": asked.at, "cost": asked.cost, "currency": asked.currency}
    row |= {name: str(value) for name, value in known.items() if value is not None}
    if place and place.written:
        written = place.written
        row |= {"commit": written.commit, "author": written.author, "email": written.email}
        row |= {"written_at": written.at.isoformat(), "summary": written.summary}
    return json.dumps(row, ensure_ascii=False)


def as_lines(blamed: Blamed) -> Iterator[str]:
    """Yield an answer for people."""
    asked, trace, place = blamed.asked, blamed.trace, blamed.place
    yield f"{asked.id}{_money(asked)}"
    if place is None or trace.verdict == UNKNOWN:
        yield f"  unknown: {trace.why}"
        yield f"  text     {mask_text(asked.text)[:_SHOWN]}"
        return
    inside = f" in {place.name}" if place.name else ""
    told = "found    " if trace.verdict == FOUND else "only like"
    yield f"  {told} {place.link}{inside}  ({place.repository}, score {trace.score:.2f})"
    if trace.why:
        yield f"  but      {trace.why}: no claim is made"
    if place.written:
        written = place.written
        yield f"  written  {written.at:%Y-%m-%d} by {written.author} <{written.email}>: {written.commit[:10]} {written.summary}"
    if place.owners:
        yield f"  owner    {' '.join(place.owners)}" + (f" (team {blamed.team})" if blamed.team else "")
    yield f"  code     lines {place.line}–{place.end_line}: {blamed.code}"
    for other in [one for one in trace.others if one.score > _WORTH_SHOWING][:2]:
        yield f"  next     {other.unit.path}:{other.line} (score {other.score:.2f})"


def _money(asked: Asked) -> str:
    told = [f"{asked.cost:,.2f} {asked.currency}"] if asked.cost is not None else []
    told += [f"{asked.queries:,} queries"] if asked.queries else []
    told += [name for name in (asked.source, asked.user) if name]
    told += [f"{asked.at.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"] if asked.at and asked.cost is None else []
    return f"  ({', '.join(told)})" if told else ""


def _asked(row: str, number: int, path: Path) -> Asked:
    try:
        body = json.loads(row)
        at = datetime.fromisoformat(body["at"]) if body.get("at") else None
        told = body["id"] if isinstance(body["id"], int) else str(body["id"])
        return Asked(told, str(body["sql"]), at.astimezone(timezone.utc) if at else None)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"blame: {path}:{number} is no JSON object with `id` and `sql`: write one a line") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"blame: {path} cannot be read: {error.strerror}: name another file") from None
