"""Says of a query where in the code it comes from, what it only resembles, or that it is not known: rather nothing than a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from costlens.trace.align import Alignment, align, has_more, may_fit
from costlens.trace.cut import Cut
from costlens.trace.index import Candidate, Index
from costlens.trace.lexicon import hash_of
from costlens.trace.units import Unit

FOUND, NEAR, UNKNOWN = "found", "near-duplicate of", "unknown"

#: Scores: what is claimed has at least this, what is only like it less, what is neither less again.
CLAIM, LIKE = 0.9, 0.5
_ALWAYS, _MOST = 2, 12
#: Every token of the query and of the unit is matched.
_EXACT = 1 - 1e-9
_MIN_TOKENS, _MIN_NAMES = 10, 4
#: So many tokens are enough where a whole query is a whole unit, word for word.
_MIN_WHOLE = 8
_MANY_NAMES = 10
_MANIFOLD = 80
_FEW = 3
_FOR_CUT_OFF = 30
_MIN_COVERED = 0.1
#: A name that is cut off is so many tokens at most.
_CUT = 5
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
    matches: list[Match] = []
    for one in index.candidates(query):
        # Where much is alike, what cannot be the place is not laid beside the query; nor what has a name more than one that is the place.
        unit, is_met = index.units[one.unit].cut, any(match.score > _EXACT for match in matches)
        fits = len(matches) < _MOST and may_fit(query, unit) and not (is_met and has_more(query, unit))
        if fits or len(matches) < _ALWAYS:
            matches.append(_match(query, index, one))
    matches.sort(
        key=lambda match: (
            not match.claims,
            match.claims and match.unit.is_prose,
            -match.score,
            match.unit.path,
            match.line,
        )
    )
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
    if other.unit.path == best.unit.path or not other.claims or (other.unit.is_prose and not best.unit.is_prose):
        return False
    if len(best.alignment.instead) < len(other.alignment.instead):
        return False
    return not (_covered(best.alignment) >= _FULLY and _covered(other.alignment) < _FULLY - 0.1)


def _match(query: Cut, index: Index, candidate: Candidate) -> Match:
    unit = index.units[candidate.unit]
    found = align(query, unit.cut)
    if len(unit.cut) == 1:
        return Match(unit, candidate, found, CLAIM, unit.line, unit.line)  # nothing but a hole: found by its name
    # Another name than is likely is a schema of another environment, unless the code knows it: then it is another source.
    strange = sum(index.knows(name) for name in found.instead)
    is_named = query.target in unit.table_names
    lines = unit.cut.lines
    line = int(lines[found.first]) if found.unit_before > 3 else unit.line
    end = int(lines[min(found.last, len(lines) - 1)])
    return Match(unit, candidate, found, _score(query, found, strange, is_named), line, end)


def _covered(found: Alignment) -> float:
    fixed = found.matched + found.missing + found.unit_before + found.unit_after
    return found.matched / fixed if fixed else 0.0


def _score(query: Cut, found: Alignment, strange: int, is_named: bool) -> float:
    """Return how sure it is that a query is made by a unit: 1 is a whole unit, word for word."""
    if not found.matched:
        return 0.0
    inner = max(len(query) - found.head - found.tail, 1)
    explained = (found.matched + 0.5 * found.filled) / (inner + found.around)
    differing = found.foreign + found.missing + found.other_texts + found.numbers + found.negations
    differing += found.targets + strange
    against = differing + found.tables
    share = differing / (found.matched_names + differing) if differing else 0.0
    base = min(explained, 1.0) * max(0.0, 1.0 - share)
    if not _is_claimable(query, found, against, is_named):
        return min(base, 1.0) * (CLAIM - 0.05)
    covered = _covered(found)
    return CLAIM + (1 - CLAIM) * (0.5 * min(explained, 1.0) + 0.5 * covered)


def _is_claimable(query: Cut, found: Alignment, against: int, is_named: bool) -> bool:
    """Tell whether nothing speaks against a place, and enough speaks for it."""
    if against or found.words or found.is_headless or found.is_less or found.values > 2 + 0.2 * found.matched:
        return False
    if (
        is_named
        and _covered(found) >= _FULLY
        and found.matched >= _FEW
        and not found.around
        and not _is_more(query, found)
    ):
        return True  # a model of few words, most of it holes, that is called as the table is
    if found.same_target and not (found.head or found.unit_before or found.around) and found.tail <= found.is_broken:
        return found.matched >= _MIN_TOKENS  # cut off after the name of what it writes
    is_whole = not (found.head or found.tail or found.filled or found.unit_before or found.unit_after)
    if is_whole and found.matched >= _MIN_WHOLE and found.matched_names >= _MIN_NAMES - 1:
        return True
    if found.matched < _MIN_TOKENS or found.matched_names < _MIN_NAMES:
        return False
    if not _is_cut_off(found) and _is_more(query, found):
        return False
    if found.matched + found.filled < 0.6 * (len(query) - found.wrapped):
        return False
    covered = _covered(found)
    if covered >= _FULLY:
        return True
    # A part of a statement: what is its own is the tables that it reads or writes.
    if _is_cut_off(found) and found.unit_before <= 3 and found.matched_names >= _FOR_CUT_OFF:
        covered = 1.0  # what is cut off says nothing of how long it was
    is_own = found.matched_tables > 0 or found.same_target or is_named or found.matched_names >= _MANIFOLD
    return covered >= _MIN_COVERED and is_own and found.matched_names >= _MANY_NAMES


def _is_more(query: Cut, found: Alignment) -> bool:
    """Tell whether a query does more than a wrapper does: it reads other tables, or what follows changes which rows there are."""
    if found.around_tables or found.around > 6 + 0.1 * found.matched:
        return True
    merges = _MERGE in query.hashes[: found.head].tolist()
    return (found.restricts and not merges) or bool(found.after and not found.head)


def _is_cut_off(found: Alignment) -> bool:
    """Tell whether a query ends within a name while the unit goes on: texts are cut by whoever logs them."""
    return found.unit_rest > found.tail and found.tail <= _CUT and not found.head and found.matched >= _MANY_NAMES


def differences(found: Alignment) -> str:
    """Say what speaks against a place, in words."""
    parts = (
        (found.tables, "names of tables differ"),
        (found.targets, "names of the table that is written differ"),
        (len(found.instead), "names of schemas are not those in the code"),
        (found.foreign, "names are only in the query"),
        (found.missing, "names are only in the code"),
        (found.other_texts + found.numbers, "literals differ"),
        (found.words, "words differ"),
        (int(found.is_headless), "head is missing"),
        (int(found.is_less), "clause is only in the code"),
        (found.negations, "negations differ"),
        (found.around, "names stand around it"),
    )
    told = [f"{count} {text}" for count, text in parts if count]
    return ", ".join(told) or "only a part of it fits"


def best_of(traces: Sequence[tuple[Cut, Trace]]) -> Trace:
    """Return the answer for a text of several statements: the longest is found, and the others are no reason against its file."""
    # What a client sets before it asks (a label, a time zone) stands in no file.
    traces = [one for one in traces if int(one[0].hashes[0]) not in _SETTINGS] or traces
    main = [one for one in traces if not defines_function(one[0])] or list(traces)
    largest, trace = max(main, key=lambda one: len(one[0]))
    if trace.verdict != FOUND or trace.best is None or len(traces) == 1:
        return trace
    path = trace.best.unit.path
    lines = [trace.best.line]
    for statement, said in traces:
        fits = [m for m in (said.best, *said.others) if m and m.unit.path == path and m.claims]
        if not fits and (5 * len(statement) > len(largest) or defines_function(statement)):
            return Trace(NEAR, CLAIM - 0.1, trace.best, trace.others, "only some of its statements are there")
        lines += [match.line for match in fits]
    return replace(trace, best=replace(trace.best, line=min(lines)))


_MERGE = hash_of("merge")
_SETTINGS = (hash_of("set"), hash_of("use"))
_CREATE, _FUNCTIONS = hash_of("create"), (hash_of("function"), hash_of("procedure"))


def defines_function(statement: Cut) -> bool:
    """Tell whether a statement defines a function: many files may begin with the same ones."""
    head = statement.hashes[:5].tolist()
    return head[0] == _CREATE and any(one in _FUNCTIONS for one in head)
