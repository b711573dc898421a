"""Pairs the equal tokens of a query and a unit, in order: by runs of four that both have once, and what lies between them."""

from __future__ import annotations

from bisect import bisect_left
from difflib import SequenceMatcher

import numpy as np

from costlens.trace.cut import OPTIONAL, SHINGLE, Cut
from costlens.trace.lexicon import HOLE, Ints

#: Gaps longer than this on either side are looked into at their ends only.
_GAP, _EDGE = 200, 40

Block = tuple[int, int, int]  # place in the query, place in the unit, how many


def pairs_of(query: Cut, unit: Cut) -> Ints:
    """Return pairs of positions of equal tokens, rising on both sides, as an array of two columns."""
    q, u = query.hashes.tolist(), unit.hashes.tolist()
    blocks: list[Block] = []
    a, b = 0, 0
    for i, j, size in [*_runs(query, unit), (len(q), len(u), 0)]:
        if i < a or j < b:  # it overlaps what the last one grew into
            if i - a != j - b or i + size <= a:
                continue
            i, j, size = a, b, size - (a - i)
        elif i > a or j > b:
            blocks += _between(q, u, a, i, b, j)
        grown = size
        while i + grown < len(q) and j + grown < len(u) and q[i + grown] == u[j + grown]:
            grown += 1
        if grown:
            blocks.append((i, j, grown))
        a, b = i + grown, j + grown
    if not blocks:
        return np.zeros((0, 2), np.int32)
    kept = _without_end(_trimmed(_joined(blocks)), query, unit)
    starts = np.array([block[:2] for block in kept], np.int32)
    sizes = np.array([block[2] for block in kept], np.int32)
    steps = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    pairs: Ints = (np.repeat(starts, sizes, axis=0) + steps[:, None]).astype(np.int32)
    return pairs


def _runs(query: Cut, unit: Cut) -> list[Block]:
    """Return the runs of shingles that both have once, rising on both sides."""
    own, own_at = query.singles
    theirs, their_at = unit.singles
    if not len(own) or not len(theirs):
        return []
    place = np.searchsorted(theirs, own)
    place[place == len(theirs)] = 0
    both = theirs[place] == own
    left, right = own_at[both], their_at[place[both]]
    order = np.argsort(left)
    left, right = left[order], right[order]
    if not len(left):
        return []
    if (np.diff(right) <= 0).any():
        kept = np.array(_rising(right.tolist()))
        left, right = left[kept], right[kept]
    breaks = np.flatnonzero((np.diff(left) != 1) | (np.diff(right) != 1)) + 1
    starts = np.concatenate(([0], breaks))
    stops = np.concatenate((breaks, [len(left)]))
    sizes = stops - starts + SHINGLE - 1
    return list(zip(left[starts].tolist(), right[starts].tolist(), sizes.tolist(), strict=True))


def _joined(blocks: list[Block]) -> list[Block]:
    """Return blocks with those that touch made one."""
    joined = [blocks[0]]
    for i, j, size in blocks[1:]:
        a, b, held = joined[-1]
        if (a + held, b + held) == (i, j):
            joined[-1] = (a, b, held + size)
        else:
            joined.append((i, j, size))
    return joined


def _trimmed(blocks: list[Block]) -> list[Block]:
    """Take off what lies at the ends and far from the rest: a few common words that are equal by chance."""
    while len(blocks) > 1:
        if _is_stray(blocks[0][2], blocks[0], blocks[1]):
            blocks = blocks[1:]
        elif _is_stray(blocks[-1][2], blocks[-2], blocks[-1]):
            blocks = blocks[:-1]
        else:
            break
    return blocks


def _without_end(blocks: list[Block], query: Cut, unit: Cut) -> list[Block]:
    """Take off the last word of a text where it is equal to one further on only since the text was cut off within it."""
    if len(blocks) < 2 or blocks[-1][2] > 1:
        return blocks
    (a, b, held), (i, j, _) = blocks[-2:]
    skipped = slice(b + held, j)
    is_fixed = (unit.kinds[skipped] != HOLE) & (unit.flags[skipped] & OPTIONAL == 0)
    return blocks[:-1] if i == a + held == len(query) - 1 and is_fixed.any() else blocks


def _is_stray(size: int, before: Block, after: Block) -> bool:
    away = max(after[0] - before[0] - before[2], after[1] - before[1] - before[2])
    return size < SHINGLE and away > 2 * size


def _rising(places: list[int]) -> list[int]:
    """Return the indexes of the longest part of places that rises."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, place in enumerate(places):
        at = bisect_left(tails, place)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(place)
            ends.append(n)
        else:
            tails[at], ends[at] = place, n
    chain: list[int] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(n)
        n = before[n]
    return chain[::-1]


def _between(q: list[int], u: list[int], a: int, i: int, b: int, j: int) -> list[Block]:
    """Return equal tokens of a gap: from its end backwards, then what a comparison finds in the rest."""
    back = 0
    while i - back > a and j - back > b and q[i - back - 1] == u[j - back - 1]:
        back += 1
    i, j = i - back, j - back
    last = [(i, j, back)] if back else []
    if i <= a or j <= b:
        return last
    if i - a <= _GAP and j - b <= _GAP:
        return _equal(q, u, a, i, b, j) + last
    front = _equal(q, u, a, min(a + _EDGE, i), b, min(b + _EDGE, j))
    c, d = (front[-1][0] + front[-1][2], front[-1][1] + front[-1][2]) if front else (a, b)
    return front + _equal(q, u, max(c, i - _EDGE), i, max(d, j - _EDGE), j) + last


def _equal(q: list[int], u: list[int], a: int, i: int, b: int, j: int) -> list[Block]:
    if i - a == 1 and j - b == 1:
        return []  # they differ, or they would have been taken before
    ours, theirs = q[a:i], u[b:j]
    if set(ours).isdisjoint(theirs):
        return []
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [(a + block.a, b + block.b, block.size) for block in blocks if block.size]
