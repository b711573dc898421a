"""A statement as arrays of tokens: what a query and a place in the code are compared by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from costlens.trace.lexicon import (
    AS,
    BEFORE_TABLES,
    BLOCK_CLOSE,
    CLOSE,
    DOT,
    END,
    FOR_OPEN,
    HOLE,
    IF_OPEN,
    NAME,
    NOT,
    NUMBER,
    OPEN,
    PARAMETER,
    PART,
    SKIPPED,
    TEXT,
    WORD,
    Hashes,
    Ints,
    Kinds,
    Lexicon,
    hash_of,
    scan,
)

# Flags of tokens.
OPTIONAL, REPEATED, TABLE, LOCAL, READ, WRITTEN, DOTTED = 1, 2, 4, 8, 16, 32, 64  # DOTTED: a dot stands before
NEGATED = 128  # `not` stands before
SHINGLE = 4
_BEFORE_TABLES = np.array([hash_of(word) for word in BEFORE_TABLES], np.uint64)
_BEFORE_READ = {hash_of("from"), hash_of("join"), hash_of("using")}
_BEFORE_WRITTEN = {hash_of("into"), hash_of("table"), hash_of("view")}
_WITH = {hash_of("with"), hash_of("recursive")}
_FACTORS = tuple(np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5))
_LEXICON = Lexicon()


@dataclass(frozen=True, eq=False)
class Cut:
    """The tokens of one statement: hash, kind, flags, line and the hash of the literal (0 = not known).

    `is_open`: a parenthesis is not closed, so that the text goes on beyond its end.
    """

    hashes: Hashes
    kinds: Kinds
    flags: Kinds
    lines: Ints
    texts: Hashes
    is_open: bool = False

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def singles(self) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """The shingles that the statement has once, sorted, and where they stand."""
        hashes, places, counts = np.unique(self.shingles(), return_index=True, return_counts=True)
        once = (counts == 1) & (hashes != 0)
        return hashes[once], places[once]

    def written(self) -> list[tuple[int, int]]:
        """Return hash and kind of the parts of the name of the first table that is written."""
        places = np.flatnonzero((self.flags & WRITTEN) != 0)
        if not len(places):
            return []
        runs = np.flatnonzero(np.diff(places) > 1)
        first = places[: int(runs[0]) + 1] if len(runs) else places
        return list(zip(self.hashes[first].tolist(), self.kinds[first].tolist(), strict=True))

    @property
    def target(self) -> int | None:
        """The hash of the last part of that name."""
        written = self.written()
        return written[-1][0] if written else None

    def shingles(self) -> Hashes:
        """Return a hash for every run of four tokens without a hole, 0 where there is a hole."""
        count = len(self.hashes) - SHINGLE + 1
        if count < 1:
            return np.zeros(0, np.uint64)
        with np.errstate(over="ignore"):
            mixed = np.zeros(count, np.uint64)
            for at, factor in enumerate(_FACTORS):
                mixed = (mixed ^ (self.hashes[at : at + count] * factor)) * _FACTORS[0]
        holes = self.kinds == HOLE
        if holes.any():
            touched = np.zeros(count, bool)
            for at in range(SHINGLE):
                touched |= holes[at : at + count]
            mixed[touched] = 0
        return mixed


def cut(text: str, *, double_is_text: bool, line: int = 1) -> Iterator[tuple[int, Cut]]:
    """Yield the statements of a text, each with the number of `part` marks before it."""
    tokens = scan(text, double_is_text=double_is_text)
    if not tokens:
        return
    hashes, kinds, ends, texts = _LEXICON.arrays(tokens)
    lines = (np.cumsum(ends) - ends + line).astype(np.int32)
    flags = _flags(hashes, kinds)
    borders = np.flatnonzero((kinds == END) | (kinds == PART))
    starts = [0, *(borders + 1).tolist()]
    parts = 0
    for start, stop in zip(starts, [*borders.tolist(), len(tokens)], strict=True):
        if start and kinds[start - 1] == PART:
            parts += 1
        piece = slice(start, stop)
        kept = _collapsed(kinds[piece])
        if kept.size:
            yield parts, _statement(hashes[piece], kinds[piece], flags[piece], lines[piece], texts[piece], kept)


def _collapsed(kinds: Kinds) -> Ints:
    """Return the positions that count: runs of literals are one."""
    kept = np.flatnonzero(kinds < SKIPPED)
    value = np.isin(kinds[kept], (TEXT, NUMBER, PARAMETER))
    follows = np.zeros(len(kept), bool)
    follows[1:] = value[1:] & value[:-1]
    return kept[~follows].astype(np.int32)


def _statement(hashes: Hashes, kinds: Kinds, flags: Kinds, lines: Ints, texts: Hashes, kept: Ints) -> Cut:
    kinds, texts = kinds.copy(), texts.copy()
    value = (kinds == TEXT) | (kinds == NUMBER) | (kinds == PARAMETER)
    if value.any():
        # What a run of literals holds: unknown if one is, a text if one is; the hashes of its literals are added up.
        run = np.searchsorted(kept, np.arange(len(kinds)), side="right") - 1
        strong = np.zeros(len(kept), np.uint8)
        np.maximum.at(strong, run[value], _RANK[kinds[value]])
        sums = np.zeros(len(kept), np.uint64)
        with np.errstate(over="ignore"):
            np.add.at(sums, run[value], texts[value])
        firsts = np.flatnonzero(value[kept])
        kinds[kept[firsts]] = _BY_RANK[strong[firsts]]
        texts[kept[firsts]] = np.where(strong[firsts] < 3, sums[firsts], 0)
    is_open = int((kinds == OPEN).sum()) > int((kinds == CLOSE).sum())
    return Cut(hashes[kept], kinds[kept], flags[kept], lines[kept], texts[kept], is_open)


_RANK = np.zeros(32, np.uint8)
_RANK[NUMBER], _RANK[TEXT], _RANK[PARAMETER] = 1, 2, 3
_BY_RANK = np.array([0, NUMBER, TEXT, PARAMETER], np.uint8)


def _flags(hashes: Hashes, kinds: Kinds) -> Kinds:
    flags = np.zeros(len(kinds), np.uint8)
    flags[1:][kinds[:-1] == DOT] = DOTTED
    _mark_negated(hashes, kinds, flags)
    _mark_blocks(kinds, flags)
    _mark_tables(hashes, kinds, flags)
    _mark_locals(hashes, kinds, flags)
    return flags


def _mark_negated(hashes: Hashes, kinds: Kinds, flags: Kinds) -> None:
    for at in np.flatnonzero((kinds == SKIPPED) & (hashes == NOT)).tolist():
        place = at + 1
        while place < len(kinds) and kinds[place] >= SKIPPED and kinds[place] not in (END, PART):
            place += 1
        if place < len(kinds):
            flags[place] |= NEGATED


def _mark_blocks(kinds: Kinds, flags: Kinds) -> None:
    opened: list[tuple[int, int]] = []
    for at in np.flatnonzero((kinds >= IF_OPEN) & (kinds <= BLOCK_CLOSE)).tolist():
        kind = kinds[at]
        if kind == BLOCK_CLOSE:
            if opened:
                start, opener = opened.pop()
                flags[start:at] |= OPTIONAL | (REPEATED if opener == FOR_OPEN else 0)
        else:
            opened.append((at, int(kind)))


def _mark_tables(hashes: Hashes, kinds: Kinds, flags: Kinds) -> None:
    count = len(kinds)
    for at in np.flatnonzero(np.isin(hashes, _BEFORE_TABLES) & (kinds == WORD)).tolist():
        place, wants_name = at + 1, True
        word = int(hashes[at])
        mark = TABLE | (READ if word in _BEFORE_READ else WRITTEN if word in _BEFORE_WRITTEN else 0)
        while place < count:
            kind = kinds[place]
            if kind in (NAME, HOLE, WORD) and wants_name and (kind != WORD or flags[place - 1] & TABLE):
                flags[place] |= mark
                wants_name = False
            elif kind == DOT and not wants_name:
                flags[place] |= mark
                wants_name = True
            elif kind != SKIPPED:
                break
            place += 1


def _mark_locals(hashes: Hashes, kinds: Kinds, flags: Kinds) -> None:
    """Mark names that a statement gives to its own parts: `with x as (`, `, x as (`."""
    code = np.flatnonzero(kinds != SKIPPED)
    names = hashes[code]
    kind = kinds[code]
    found = np.flatnonzero((kind[1:-1] == AS) & (kind[2:] == OPEN) & (kind[:-2] == NAME))
    for at in found.tolist():
        before = kind[at - 1] if at else END
        if before in (15, END, CLOSE) or (before == WORD and int(names[at - 1]) in _WITH):
            flags[code[at]] |= LOCAL
