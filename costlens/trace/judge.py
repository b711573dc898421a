"""Says of a query where in the code it comes from, what it only resembles, or that it is not known: rather nothing than a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costlens.trace.align import Alignment, align
from costlens.trace.cut import Cut
from costlens.trace.index import Candidate, Index
from costlens.trace.units import Unit

FOUND, NEAR, UNKNOWN = "found", "near-duplicate of", "unknown"

#: Scores: what is claimed has at least this, what is only like it less, what is neither less again.
CLAIM, LIKE = 0.9, 0.5
_MIN_TOKENS, _MIN_NAMES = 10, 4
_MANY_NAMES = 12
_MIN_COVERED = 0.25
_FULLY = 0.9


@dataclass(frozen=True)
class Match:
    """A unit laid beside a query, and how well it fits."""

    unit: Unit
    candidate: Candidate
    alignment: Alignment
    score: float
    line: int
    end_line: int

    @property
    def claims(self) -> bool:
        return self.score >= CLAIM


@dataclass(frozen=True)
class Trace:
    """The answer for a query: a verdict, the best match (None if none is like it), and what came next."""

    verdict: str
    score: float
    best: Match | None = None
    others: tuple[Match, ...] = ()
    why: str = ""


def judge(query: Cut, index: Index) -> Trace:
    """Return where one statement comes from."""
    candidates = index.candidates(query)
    matches = [_match(query, index.units[one.unit], one) for one in candidates]
    matches.sort(key=lambda match: (-match.score, match.unit.path, match.line))
    if not matches or matches[0].score < LIKE:
        return Trace(
            UNKNOWN, matches[0].score if matches else 0.0, None, tuple(matches[:3]), "nothing in the code is like it"
        )
    best, rest = matches[0], matches[1:]
    if not best.claims:
        return Trace(NEAR, best.score, best, tuple(rest[:3]), differences(best.alignment))
    rivals = [other for other in rest if _rivals(best, other)]
    if rivals:
        score = min(best.score, CLAIM - 0.01) - 0.1
        return Trace(NEAR, score, best, tuple(rivals[:3]), f"{len(rivals) + 1} places fit equally well")
    return Trace(FOUND, best.score, best, tuple(rest[:3]), "")


def _rivals(best: Match, other: Match) -> bool:
    """Tell whether another place fits so well that the best cannot be claimed."""
    if other.unit.path == best.unit.path or not other.claims:
        return False
    return not (_covered(best.alignment) >= _FULLY and _covered(other.alignment) < _FULLY - 0.1)


def _match(query: Cut, unit: Unit, candidate: Candidate) -> Match:
    found = align(query, unit.cut)
    lines = unit.cut.lines
    line = int(lines[found.first]) if found.unit_before > 3 else unit.line
    end = int(lines[min(found.last, len(lines) - 1)])
    return Match(unit, candidate, found, _score(query, found), line, end)


def _covered(found: Alignment) -> float:
    fixed = found.matched + found.missing + found.unit_before + found.unit_after
    return found.matched / fixed if fixed else 0.0


def _score(query: Cut, found: Alignment) -> float:
    """Return how sure it is that a query is made by a unit: 1 is a whole unit, word for word."""
    if not found.matched:
        return 0.0
    inner = max(len(query) - found.head - found.tail, 1)
    explained = (found.matched + 0.5 * found.filled) / (inner + found.around)
    against = found.foreign + found.missing + 2 * found.tables + 2 * found.other_texts
    share = against / max(found.matched_names, 1)
    base = min(explained, 1.0) * max(0.0, 1.0 - share)
    if not _is_claimable(query, found, against):
        return min(base, 1.0) * (CLAIM - 0.05)
    covered = _covered(found)
    return CLAIM + (1 - CLAIM) * (0.5 * min(explained, 1.0) + 0.5 * covered)


def _is_claimable(query: Cut, found: Alignment, against: int) -> bool:
    if against or found.words > 2 + 0.02 * found.matched:
        return False
    if found.matched < _MIN_TOKENS or found.matched_names < _MIN_NAMES:
        return False
    if found.around_tables or found.around > 6 + 0.1 * found.matched:
        return False
    if found.matched + found.filled < 0.6 * len(query):
        return False
    covered = _covered(found)
    if found.targets and (found.matched_names < _MANY_NAMES or covered < _FULLY - 0.1):
        return False
    return covered >= _MIN_COVERED and (covered >= _FULLY or found.matched_tables > 0)


def differences(found: Alignment) -> str:
    """Say what speaks against a place, in words."""
    parts = (
        (found.tables, "names of tables differ"),
        (found.targets, "names of the table that is written differ"),
        (found.foreign, "names are only in the query"),
        (found.missing, "names are only in the code"),
        (found.other_texts, "literals differ"),
        (found.around, "names stand around it"),
    )
    told = [f"{count} {text}" for count, text in parts if count]
    return ", ".join(told) or "only a part of it fits"


def best_of(traces: Sequence[tuple[int, Trace]]) -> Trace:
    """Return the answer for a text of several statements, each with its size: one file must explain most of it."""
    total = sum(size for size, _ in traces)
    _, first = max(traces, key=lambda one: (one[1].verdict == FOUND, one[0]))
    if len(traces) == 1 or first.verdict != FOUND or first.best is None:
        return max(traces, key=lambda one: one[0])[1]
    path = first.best.unit.path
    same = [(n, t) for n, t in traces if t.best and t.best.unit.path == path and t.verdict in (FOUND, NEAR)]
    agreed = sum(n for n, t in same)
    if any(t.verdict == FOUND and t.best and t.best.unit.path != path for _, t in traces) or agreed < 0.6 * total:
        return Trace(NEAR, CLAIM - 0.1, first.best, first.others, "only some of its statements are there")
    earliest = next(t for _, t in same if t.verdict == FOUND)
    return Trace(FOUND, min(t.score for _, t in same if t.verdict == FOUND), earliest.best, earliest.others)
