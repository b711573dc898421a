"""Lays a query beside a unit token by token, and sorts what differs into what may differ and what speaks against it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from costlens.trace.cut import LOCAL, OPTIONAL, READ, REPEATED, SHINGLE, TABLE, WRITTEN, Cut
from costlens.trace.lexicon import HOLE, HOLE_HASH, NAME, TEXT, VALUE, Hashes, Ints, hash_of

#: Gaps longer than this on both sides are not looked into.
_GAP = 300
_EDGE = 40
#: Names that tools put around a statement.
_WRAPPING = np.array(
    [
        hash_of(name)
        for name in (
            *(
                "dbt_internal_dest",
                "dbt_internal_source",
                "dbt_internal_test",
                "failures",
                "should_warn",
                "should_error",
            ),
            *("sbq", "subq", "subquery", "_dbt_max_partition", "model_limit_subq", "_dbt_limit_subq", "__dbt_sbq"),
        )
    ],
    np.uint64,
)


@dataclass
class Alignment:
    """What is equal, and what is not; counts are of tokens unless they say otherwise."""

    matched: int = 0
    first: int = 0  # position in the unit of the first token that matched
    last: int = 0
    head: int = 0  # tokens of the query before the unit's part and after it
    tail: int = 0
    around: int = 0  # names in them that the unit does not know
    around_tables: int = 0  # of these, names of tables that are read
    filled: int = 0  # tokens of the query that fill holes
    foreign: int = 0  # names within the matched part that only the query has
    missing: int = 0  # names within the matched part that only the unit has
    words: int = 0  # other tokens that differ there
    targets: int = 0  # names of the table that is written that differ
    same_target: bool = False  # both write a table, and its names are equal
    instead: tuple[int, ...] = ()  # hashes of what stands where another name was likely
    tables: int = 0  # of the names that differ, those of tables
    values: int = 0  # literals that only the query has: printers spell defaults out
    renamed: int = 0  # local names of the unit that have another name in the query
    texts: int = 0  # literals that are the same
    other_texts: int = 0  # literals that are not
    hidden_texts: int = 0  # literals of the unit that the query masks
    matched_tables: int = 0  # names of tables that are not the unit's own parts
    matched_names: int = 0
    unit_before: int = 0  # fixed tokens of the unit before and after the matched part
    unit_after: int = 0
    unit_size: int = 0  # fixed tokens of the unit


def align(query: Cut, unit: Cut) -> Alignment:
    """Return how a query lies in a unit."""
    found, renames = _aligned(query, unit)
    if not renames:
        return found
    # What has another name in the query is called as in the unit, and laid beside it once more.
    theirs = {new: old for old, new in renames.items()}
    named = np.array([theirs.get(one, one) for one in query.hashes.tolist()], np.uint64)
    again, _ = _aligned(replace(query, hashes=named), unit)
    again.renamed = found.renamed
    return again


def _aligned(query: Cut, unit: Cut) -> tuple[Alignment, dict[int, int]]:
    found = Alignment(unit_size=int(((unit.kinds != HOLE) & (unit.flags & OPTIONAL == 0)).sum()))
    renames: dict[int, int] = {}
    pairs = _pairs(query.hashes, unit.hashes, query.shingles(), unit.shingles())
    if not len(pairs):
        return found, renames
    at, to = pairs[:, 0], pairs[:, 1]
    found.matched = len(pairs)
    found.first, found.last = int(to[0]), int(to[-1])
    _ends(found, query, unit, int(at[0]), int(at[-1]))
    own = unit.hashes[(unit.flags & LOCAL) != 0]
    for place in np.flatnonzero((np.diff(at) > 1) | (np.diff(to) > 1)).tolist():
        ours, theirs = slice(at[place] + 1, at[place + 1]), slice(to[place] + 1, to[place + 1])
        if not _renamed(found, query, unit, ours, theirs, own, renames):
            _gap(found, query, unit, ours, theirs)
    _texts(found, query, unit, at, to)
    _targets(found, query, unit)
    before = np.flatnonzero((unit.kinds[to - 1] == HOLE) & (unit.hashes[to - 1] != HOLE_HASH) & (at > 0) & (to > 0))
    seen = query.hashes[at[before] - 1]
    found.instead = tuple(seen[seen != unit.hashes[to[before] - 1]].tolist())
    kinds = unit.kinds[to]
    found.matched_names = int((kinds == NAME).sum())
    is_table = ((unit.flags[to] & READ) != 0) & (kinds == NAME)
    found.matched_tables = int((is_table & ~np.isin(unit.hashes[to], own)).sum())
    return found, renames


def _pairs(query: Hashes, unit: Hashes, query_shingles: Hashes, unit_shingles: Hashes) -> Ints:
    """Return pairs of positions of equal tokens, rising on both sides."""
    anchors = _anchors(query_shingles, unit_shingles)
    pairs: list[tuple[int, int]] = []
    a, b = 0, 0
    q, u = query.tolist(), unit.tolist()
    for i, j in [*anchors, (len(q), len(u))]:
        if i < a or j < b:  # it overlaps what the last anchor grew into
            if i - a != j - b:
                continue
            i, j = max(i, a), max(j, b)
        pairs += _between(q, u, a, i, b, j)
        a, b = i, j
        while a < len(q) and b < len(u) and q[a] == u[b]:
            pairs.append((a, b))
            a, b = a + 1, b + 1
    return _trimmed(np.array(pairs, np.int32).reshape(-1, 2))


def _trimmed(pairs: Ints) -> Ints:
    """Take off what lies at the ends and far from the rest: a few common words that are equal by chance."""
    while len(pairs) > SHINGLE:
        steps = np.diff(pairs, axis=0)
        breaks = np.flatnonzero((steps != 1).any(axis=1))
        if not len(breaks):
            return pairs
        first, last = int(breaks[0]), int(breaks[-1])
        if first + 1 < SHINGLE and steps[first].max() > 2 * (first + 1) + 1:
            pairs = pairs[first + 1 :]
        elif len(pairs) - last - 1 < SHINGLE and steps[last].max() > 2 * (len(pairs) - last - 1) + 1:
            pairs = pairs[: last + 1]
        else:
            return pairs
    return pairs


def _anchors(query: Hashes, unit: Hashes) -> list[tuple[int, int]]:
    """Return where shingles that are unique on both sides stand, in rising order."""
    own, own_at, own_count = np.unique(query, return_index=True, return_counts=True)
    theirs, their_at, their_count = np.unique(unit, return_index=True, return_counts=True)
    _, left, right = np.intersect1d(own, theirs, assume_unique=True, return_indices=True)
    single = (own_count[left] == 1) & (their_count[right] == 1) & (own[left] != 0)
    pairs = np.stack((own_at[left[single]], their_at[right[single]]), axis=1)
    pairs = pairs[np.argsort(pairs[:, 0])]
    ordered: list[tuple[int, int]] = [(int(i), int(j)) for i, j in pairs]
    return ordered if bool((np.diff(pairs[:, 1]) > 0).all()) else _rising(ordered)


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of pairs whose second places rise."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, (_, place) in enumerate(pairs):
        at = bisect_left(tails, place)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(place)
            ends.append(n)
        else:
            tails[at], ends[at] = place, n
    chain: list[tuple[int, int]] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(pairs[n])
        n = before[n]
    return chain[::-1]


def _between(q: list[int], u: list[int], a: int, i: int, b: int, j: int) -> list[tuple[int, int]]:
    """Return equal tokens of a gap: from its end backwards, then what a comparison finds in the rest."""
    back: list[tuple[int, int]] = []
    while i > a and j > b and q[i - 1] == u[j - 1]:
        i, j = i - 1, j - 1
        back.append((i, j))
    if i <= a or j <= b:
        return back[::-1]
    if i - a <= _GAP and j - b <= _GAP:
        return _equal(q, u, a, i, b, j) + back[::-1]
    # Too long for that: only what stands near its two ends.
    front = _equal(q, u, a, min(a + _EDGE, i), b, min(b + _EDGE, j))
    c, d = (front[-1][0] + 1, front[-1][1] + 1) if front else (a, b)
    return front + _equal(q, u, max(c, i - _EDGE), i, max(d, j - _EDGE), j) + back[::-1]


def _equal(q: list[int], u: list[int], a: int, i: int, b: int, j: int) -> list[tuple[int, int]]:
    blocks = SequenceMatcher(None, q[a:i], u[b:j], autojunk=False).get_matching_blocks()
    return [(a + block.a + n, b + block.b + n) for block in blocks for n in range(block.size)]


def _ends(found: Alignment, query: Cut, unit: Cut, first: int, last: int) -> None:
    """Sort what stands before the first match and after the last."""
    fixed = (unit.kinds != HOLE) & (unit.flags & OPTIONAL == 0)
    found.unit_before = int(fixed[: found.first].sum())
    found.unit_after = int(fixed[found.last + 1 :].sum())
    found.head, found.tail = first, len(query) - last - 1
    if found.tail and not found.unit_after and bool((unit.kinds[found.last + 1 : found.last + 2] == HOLE).any()):
        found.filled, found.tail = found.tail, 0  # the unit ends in a hole
    outside = np.r_[0:first, len(query) - found.tail : len(query)]
    unknown = (query.kinds[outside] == NAME) & ~np.isin(query.hashes[outside], unit.hashes)
    unknown &= ~np.isin(query.hashes[outside], _WRAPPING) & ((query.flags[outside] & WRITTEN) == 0)
    found.around = int(unknown.sum())
    found.around_tables = int((unknown & ((query.flags[outside] & READ) != 0)).sum())


def _gap(found: Alignment, query: Cut, unit: Cut, ours: slice, theirs: slice) -> None:
    """Sort what stands between two matches."""
    kinds, flags = unit.kinds[theirs], unit.flags[theirs]
    has_hole = bool((kinds == HOLE).any())
    fixed = (kinds != HOLE) & ((flags & OPTIONAL) == 0)
    size = int(ours.stop - ours.start)
    missing = fixed & (kinds == NAME)
    missing &= (flags & WRITTEN) == 0
    found.missing += int(missing.sum())
    found.words += int((fixed & (kinds != NAME)).sum())
    found.tables += int((missing & ((flags & TABLE) != 0)).sum())
    if not size:
        return
    if has_hole:
        found.filled += int(size)
        return
    names = query.kinds[ours] == NAME
    written = names & ((query.flags[ours] & WRITTEN) != 0)
    if _repeats(query.hashes[ours], unit, theirs):
        found.filled += int(size)
        return
    names &= ~written
    found.foreign += int(names.sum())
    values = query.hashes[ours] == VALUE
    found.values += int(values.sum())
    found.words += int((~(names | written | values)).sum())
    found.tables += int((names & ((query.flags[ours] & TABLE) != 0)).sum())


def _renamed(
    found: Alignment, query: Cut, unit: Cut, ours: slice, theirs: slice, own: Hashes, renames: dict[int, int]
) -> bool:
    """Tell whether every token of a gap is a name of the unit's own part, called the same other name everywhere."""
    size = int(ours.stop - ours.start)
    if not size or size != theirs.stop - theirs.start or not len(own):
        return False
    old, new = unit.hashes[theirs], query.hashes[ours]
    if not np.isin(old, own).all() or np.isin(new, unit.hashes).any() or not (query.kinds[ours] == NAME).all():
        return False
    both = list(zip(old.tolist(), new.tolist(), strict=True))
    if any(renames.setdefault(before, after) != after for before, after in both):
        return False
    found.renamed += size
    return True


def _repeats(ours: Hashes, unit: Cut, theirs: slice) -> bool:
    """Tell whether tokens of the query are another round of a loop that stands where they are."""
    around = unit.flags[max(theirs.start - SHINGLE, 0) : theirs.stop + SHINGLE]
    if not bool((around & REPEATED).any()):
        return False
    body = unit.hashes[(unit.flags & REPEATED) != 0]
    return float(np.isin(ours, body).mean()) > 0.5


def _targets(found: Alignment, query: Cut, unit: Cut) -> None:
    """Compare the tables that both write, from the last part of the name on; what is not known may be anything."""
    ours, theirs = query.written(), unit.written()
    if not ours or not theirs:
        return
    for (own, _), (other, kind) in zip(reversed(ours), reversed(theirs), strict=False):
        if kind != HOLE and own != other:
            found.targets += 1
    found.same_target = not found.targets and any(kind != HOLE for _, kind in theirs)


def _texts(found: Alignment, query: Cut, unit: Cut, at: Ints, to: Ints) -> None:
    told = unit.kinds[to] == TEXT
    ours, theirs = query.texts[at[told]], unit.texts[to[told]]
    hidden = query.kinds[at[told]] != TEXT
    same = (ours == theirs) & ~hidden
    found.texts = int(same.sum())
    found.hidden_texts = int(hidden.sum())
    found.other_texts = int((~same & ~hidden).sum())
