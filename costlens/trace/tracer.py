"""Traces queries to code: indexes repositories as they were at a time, and answers for texts, raw or masked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from costlens.trace.cut import cut
from costlens.trace.ephemeral import without_ephemeral
from costlens.trace.files import Listing, Repository, commit_of, contents, listing
from costlens.trace.git import Git
from costlens.trace.index import Index
from costlens.trace.judge import FOUND, UNKNOWN, Trace, best_of, judge
from costlens.trace.store import Store, key_of, pack, unpack
from costlens.trace.units import MIN_TOKENS, Unit, readings, units_of

#: A text is traced by its first so many characters.
_MAX_TEXT = 1_000_000
#: Of a script so many statements, the longest, are looked for.
_MOST_STATEMENTS = 40


class Tracer:
    """Units of code, ready to be asked."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.index = Index(units)
        self.listings: tuple[Listing, ...] = ()
        self._of: dict[int, Listing] = {}

    @classmethod
    def open(cls, repositories: Sequence[Repository], store: Store, when: datetime | None = None) -> Tracer:
        """Return the code of repositories as it was at an instant; as it lies in their folders where none is given."""
        gits = [Git.at(repository.path) for repository in repositories]
        commits = [commit_of(one, when, git) for one, git in zip(repositories, gits, strict=True)]
        states = zip(repositories, commits, gits, strict=True)
        return cls.of([listing(repository, store, commit, git) for repository, commit, git in states], store)

    @classmethod
    def of(cls, listings: Sequence[Listing], store: Store) -> Tracer:
        """Return the code of listings."""
        units: list[Unit] = []
        of: dict[int, Listing] = {}
        for listed in listings:
            found = [unit for path, body in _read(listed, store) for unit in unpack(path, body)]
            of |= {id(unit): listed for unit in found}
            units += found
        tracer = cls(units)
        tracer.listings, tracer._of = tuple(listings), of
        return tracer

    @property
    def digest(self) -> str:
        """A hash of all that was indexed."""
        told = [(listed.repository.name, listed.files) for listed in self.listings]
        return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def listing_of(self, unit: Unit) -> Listing:
        """Return the repository that a unit is of."""
        return self._of[id(unit)]

    def trace(self, text: str) -> Trace:
        """Return where a query's text comes from; masked texts (`?` for literals, no comments) are as good as raw ones."""
        text = _whole_names(without_ephemeral(text[:_MAX_TEXT]))
        traces = [self._read_as(text, double_is_text=is_text) for is_text in readings(text)]
        return max(traces, key=lambda trace: (trace.verdict == FOUND, trace.score))

    def _read_as(self, text: str, *, double_is_text: bool) -> Trace:
        statements = [one for _, one in cut(text, double_is_text=double_is_text)]
        if len(statements) > _MOST_STATEMENTS:
            statements = sorted(statements, key=len, reverse=True)[:_MOST_STATEMENTS]
        traces = [(one, judge(one, self.index)) for one in statements if len(one) >= MIN_TOKENS]
        return best_of(traces) if traces else Trace(UNKNOWN, 0.0, why="too short to tell")


def _whole_names(text: str) -> str:
    """Return a text without the quoted name at its end that was cut off within."""
    return text[: text.rindex("`")] if text.count("`") % 2 else text


def _read(listed: Listing, store: Store) -> list[tuple[str, bytes]]:
    """Return (path, packed units) of every file; those not in the store are read and kept."""
    keys = {path: key_of(path, key) for path, key in listed.files}
    known = store.known(keys.values())
    missing = [(path, key) for path, key in listed.files if keys[path] not in known]
    made: dict[str, bytes] = {}
    for (path, _), text in zip(missing, contents(listed, missing), strict=True):
        made[keys[path]] = pack(units_of(path, text))
    if made:
        store.keep(made)
    bodies = known | made
    return [(path, bodies[keys[path]]) for path, _ in listed.files]
