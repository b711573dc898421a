"""Traces queries to code: indexes repositories as they were at a time, and answers for texts, raw or masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context

from costlens.trace.cut import cut
from costlens.trace.ephemeral import without_ephemeral
from costlens.trace.files import Listing, Repository, commit_of, contents, listing
from costlens.trace.git import Git
from costlens.trace.index import Index
from costlens.trace.judge import UNKNOWN, Trace, best_of, judge
from costlens.trace.store import Store, key_of, pack, unpack
from costlens.trace.units import BACK_QUOTED, MIN_TOKENS, NAMES, TEXTS, Unit, says_double_is_text, units_of

#: From so many changed files on two processes read them.
_MANY = 5_000
#: A text is traced by its first so many characters.
_MAX_TEXT = 200_000
#: Of a script so many statements, the longest, are looked for.
_MOST_STATEMENTS = 40
#: `"…"` is text in a repository where this part of the statements quotes names by backticks.
_BACK_QUOTED = 0.1


class Tracer:
    """Units of code, ready to be asked."""

    def __init__(self, units: Sequence[Unit], *, double_is_text: bool) -> None:
        self.index = Index(units)
        self.double_is_text = double_is_text
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
        double_is_text = False
        for listed in listings:
            found = [unit for path, body in _read(listed, store) for unit in unpack(path, body)]
            kept, double_is_text = one_reading(found)
            of |= {id(unit): listed for unit in kept}
            units += kept
        tracer = cls(units, double_is_text=double_is_text)
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
        text = text[:_MAX_TEXT]
        is_text = says_double_is_text(text) or self.double_is_text
        statements = [one for _, one in cut(without_ephemeral(text), double_is_text=is_text)]
        if len(statements) > _MOST_STATEMENTS:
            statements = sorted(statements, key=len, reverse=True)[:_MOST_STATEMENTS]
        traces = [(one, judge(one, self.index)) for one in statements if len(one) >= MIN_TOKENS]
        return best_of(traces) if traces else Trace(UNKNOWN, 0.0, why="too short to tell")


def one_reading(units: Sequence[Unit]) -> tuple[list[Unit], bool]:
    """Return units without the readings that are not how a repository is written, and whether `"…"` is text in it."""
    back_quoted = sum(unit.quotes == BACK_QUOTED for unit in units)
    is_text = back_quoted > _BACK_QUOTED * len(units)
    unlike = NAMES if is_text else TEXTS
    return [unit for unit in units if unit.quotes != unlike], is_text


def _read(listed: Listing, store: Store) -> list[tuple[str, bytes]]:
    """Return (path, packed units) of every file; those not in the store are read and kept."""
    keys = {path: key_of(path, key) for path, key in listed.files}
    known = store.known(keys.values())
    missing = [(path, key) for path, key in listed.files if keys[path] not in known]
    made: dict[str, bytes] = {}
    for (path, _), body in zip(missing, _packed(missing, contents(listed, missing)), strict=True):
        made[keys[path]] = body
    if made:
        store.keep(made)
    bodies = known | made
    return [(path, bodies[keys[path]]) for path, _ in listed.files]


def _packed(missing: Sequence[tuple[str, str]], texts: Iterator[bytes]) -> Iterator[bytes]:
    jobs = zip((path for path, _ in missing), texts, strict=True)
    if len(missing) < _MANY:
        for path, text in jobs:
            yield packed(path, text)
        return
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        while part := list(islice(jobs, 2_000)):
            yield from pool.map(_job, part, chunksize=100)


def _job(job: tuple[str, bytes]) -> bytes:
    return packed(*job)


def packed(path: str, text: bytes) -> bytes:
    """Return the units of a file as bytes."""
    return pack(units_of(path, text))
