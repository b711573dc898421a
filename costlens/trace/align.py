"""Lays a query beside a unit token by token, and sorts what differs into what may differ and what speaks against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from costlens.trace.cut import DOTTED, LOCAL, NEGATED, OPTIONAL, READ, REPEATED, SHINGLE, TABLE, WRITTEN, Cut
from costlens.trace.lexicon import HOLE, HOLE_HASH, NAME, NUMBER, PARAMETER, TEXT, VALUE, Hashes, Ints, Kinds, hash_of
from costlens.trace.pairs import pairs_of

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


_RESTRICTING = np.array(
    [hash_of(word) for word in ("where", "having", "qualify", "join", "union", "intersect", "except", "and")], np.uint64
)
#: What may follow a statement that is whole without it: the unit does more then.
_FOLLOWING = frozenset(
    hash_of(word)
    for word in ("where", "and", "or", "having", "qualify", "group", "join", "left", "union", "intersect", "except")
)
_COMPARING = np.array([hash_of(word) for word in ("=", "!=", "<", ">", "<=", ">=", "like", "limit")], np.uint64)
_JOINING = np.array([hash_of(word) for word in ("and", "or", "where", "union", "join")], np.uint64)
#: Words that printers write or leave out: a comma may stand for a join, what is joined is compared by its name.
_LOOSE = frozenset((hash_of("join"), hash_of("struct")))
#: Of a unit that a text was cut off within, more tokens than these are left.
_LAST = 2
_HEADS = frozenset(
    hash_of(word)
    for word in (
        "select",
        "with",
        "from",
        "values",
        "insert",
        "merge",
        "create",
        "update",
        "delete",
        "copy",
        "alter",
        "explain",
    )
)
_COUNT = hash_of("count")  # of failures
_FALSE = hash_of("false")  # `where false limit 0`: dbt asks for columns


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
    after: int = 0  # of these, names after the unit's part
    restricts: bool = False  # what stands after it takes rows away or adds some
    filled: int = 0  # tokens of the query that fill holes
    foreign: int = 0  # names within the matched part that only the query has
    missing: int = 0  # names within the matched part that only the unit has
    words: int = 0  # other tokens that only one side has there
    moved: Counter[int] = field(default_factory=Counter)  # hash -> how many more of them the query has
    targets: int = 0  # names of the table that is written that differ
    is_headless: bool = False  # it begins within the unit and with no statement: what it wrote may be anything
    same_target: bool = False  # both write a table, and its names are equal
    instead: tuple[int, ...] = ()  # hashes of what stands where another name was likely
    tables: int = 0  # of the names that differ, those of tables
    values: int = 0  # literals that only the query has: printers spell defaults out
    renamed: int = 0  # local names of the unit that have another name in the query
    texts: int = 0  # literals that are the same
    other_texts: int = 0  # literals that are not
    numbers: int = 0  # numbers that are not: dates are another ones in each run
    negations: int = 0  # `not` that only one side has
    wrapped: int = 0  # tokens around it that a known wrapper put there
    is_less: bool = False  # it may be whole where it ends, and the unit ends in another way
    is_broken: bool = False  # the query's last token stands alone after the match: it may be cut off within
    hidden_texts: int = 0  # literals of the unit that the query masks
    matched_tables: int = 0  # names of tables that are not the unit's own parts
    matched_names: int = 0
    unit_before: int = 0  # fixed tokens of the unit before and after the matched part
    unit_after: int = 0
    unit_rest: int = 0  # all tokens of the unit after it
    unit_size: int = 0  # fixed tokens of the unit


def align(query: Cut, unit: Cut) -> Alignment:
    """Return how a query lies in a unit."""
    found, renames = _aligned(query, unit)
    if not renames:
        return found
    # What has another name in the query is called as in the unit, and laid beside it once more.
    theirs = {new: old for old, new in renames.items()}
    words = zip(query.hashes.tolist(), query.flags.tolist(), strict=True)
    named = np.array([one if flag & DOTTED else theirs.get(one, one) for one, flag in words], np.uint64)
    again, _ = _aligned(replace(query, hashes=named), unit)
    again.renamed = found.renamed
    return again


def may_fit(query: Cut, unit: Cut) -> bool:
    """Tell whether a unit can be a query's place by the names alone: quickly, for units that are not by far."""
    if (unit.kinds == HOLE).any():
        return True
    is_name = (query.kinds == NAME) & ((query.flags & (WRITTEN | LOCAL)) == 0)
    strange = int((~np.isin(query.hashes[is_name], unit.hashes)).sum())
    return strange <= 6 + 0.1 * len(query)


def has_more(query: Cut, unit: Cut) -> bool:
    """Tell whether a unit without holes has a name that the query has not, where it is no other name of its own part."""
    if (unit.kinds == HOLE).any():
        return False
    is_name = (unit.kinds == NAME) & ((unit.flags & (WRITTEN | LOCAL | OPTIONAL)) == 0)
    return not bool(np.isin(unit.hashes[is_name], query.hashes).all())


def _aligned(query: Cut, unit: Cut) -> tuple[Alignment, dict[int, int]]:
    found = Alignment(unit_size=int(((unit.kinds != HOLE) & (unit.flags & OPTIONAL == 0)).sum()))
    renames: dict[int, int] = {}
    pairs = pairs_of(query, unit)
    if not len(pairs):
        return found, renames
    at, to = pairs[:, 0], pairs[:, 1]
    found.matched = len(pairs)
    found.first, found.last = int(to[0]), int(to[-1])
    _ends(found, query, unit, int(at[0]), int(at[-1]))
    found.is_headless = found.unit_before > 0 and int(query.hashes[0]) not in _HEADS
    own = set(unit.hashes[(unit.flags & LOCAL) != 0].tolist())
    for place in np.flatnonzero((np.diff(at) > 1) | (np.diff(to) > 1)).tolist():
        ours, theirs = slice(at[place] + 1, at[place + 1]), slice(to[place] + 1, to[place + 1])
        if not _renamed(found, query, unit, ours, theirs, own, renames):
            _gap(found, query, unit, ours, theirs)
    for word, surplus in found.moved.items():
        if word == VALUE:
            found.values, found.words = max(surplus, 0), found.words + max(-surplus, 0)
        elif word not in _LOOSE:
            found.words += abs(surplus)
    _texts(found, query, unit, at, to)
    found.negations = abs(int(((query.flags[at] & NEGATED) != 0).sum()) - int(((unit.flags[to] & NEGATED) != 0).sum()))
    _targets(found, query, unit)
    before = np.flatnonzero((unit.kinds[to - 1] == HOLE) & (unit.hashes[to - 1] != HOLE_HASH) & (at > 0) & (to > 0))
    seen = query.hashes[at[before] - 1]
    found.instead = tuple(seen[seen != unit.hashes[to[before] - 1]].tolist())
    kinds = unit.kinds[to]
    found.matched_names = int((kinds == NAME).sum())
    is_table = ((unit.flags[to] & READ) != 0) & (kinds == NAME)
    found.matched_tables = sum(one not in own for one in unit.hashes[to[is_table]].tolist())
    return found, renames


def _ends(found: Alignment, query: Cut, unit: Cut, first: int, last: int) -> None:
    """Sort what stands before the first match and after the last."""
    fixed = (unit.kinds != HOLE) & (unit.flags & OPTIONAL == 0)
    found.unit_before = int(fixed[: found.first].sum())
    found.unit_after = int(fixed[found.last + 1 :].sum())
    found.unit_rest = len(unit) - found.last - 1
    found.head, found.tail = first, len(query) - last - 1
    if found.tail and not found.unit_after and bool((unit.kinds[found.last + 1 : found.last + 2] == HOLE).any()):
        found.filled, found.tail = found.tail, 0  # the unit ends in a hole
    found.is_less = _is_less(found, query, unit)
    if not (found.head or found.tail):
        return
    found.is_broken = found.tail == 1 and found.unit_rest > _LAST
    outside = np.r_[0:first, len(query) - (0 if found.is_broken else found.tail) : len(query)]
    unknown = (query.kinds[outside] == NAME) & ~np.isin(query.hashes[outside], unit.hashes)
    is_wrapping = np.isin(query.hashes[outside], _WRAPPING)
    unknown &= ~is_wrapping & ((query.flags[outside] & WRITTEN) == 0)
    if is_wrapping.any():
        found.wrapped = len(outside)
        unknown &= query.hashes[outside] != _COUNT
    found.around = int(unknown.sum())
    found.after = int(unknown[first:].sum())
    rest = query.hashes[len(query) - found.tail :]
    places = np.flatnonzero(np.isin(rest, _RESTRICTING))
    found.restricts = bool(len(places)) and int(rest[min(int(places[0]) + 1, len(rest) - 1)]) != _FALSE
    found.around_tables = int((unknown & ((query.flags[outside] & READ) != 0)).sum())


def _is_less(found: Alignment, query: Cut, unit: Cut) -> bool:
    """Tell whether the unit does what the query does not after the last match, or both end in another name."""
    if not found.unit_rest or unit.flags[found.last + 1] & OPTIONAL:
        return False
    if found.tail:
        ends = (query.kinds[-1], unit.kinds[-1])
        return found.tail <= _LAST and found.unit_rest <= _LAST and ends == (NAME, NAME)
    return not query.is_open and int(unit.hashes[found.last + 1]) in _FOLLOWING


def _gap(found: Alignment, query: Cut, unit: Cut, ours: slice, theirs: slice) -> None:
    """Sort what stands between two matches."""
    literals = _only_in_unit(found, unit, theirs)
    holes = np.flatnonzero(unit.kinds[theirs] == HOLE)
    size = int(ours.stop - ours.start)
    has_value = bool((query.hashes[ours] == VALUE).any())
    if not (len(holes) or has_value):
        found.moved[VALUE] -= literals
    if not size:
        return
    if len(holes) or _repeats(query.hashes[ours], unit, theirs):
        found.filled += size
        before = theirs.start + int(holes[0]) - 1 if len(holes) == 1 else -1
        if before >= 0 and np.isin(unit.hashes[before], _COMPARING) and np.isin(query.hashes[ours], _JOINING).any():
            found.foreign += 1  # a value stands there, and no further condition
        return
    for kind, flag, word in zip(
        query.kinds[ours].tolist(), query.flags[ours].tolist(), query.hashes[ours].tolist(), strict=True
    ):
        if kind == NAME:
            if not flag & WRITTEN:
                found.foreign += 1
                found.tables += bool(flag & TABLE)
        else:
            found.moved[word] += 1


def _only_in_unit(found: Alignment, unit: Cut, theirs: slice) -> int:
    """Note what must stand in the query and does not; return how many literals."""
    literals = 0
    for kind, flag, word in zip(
        unit.kinds[theirs].tolist(), unit.flags[theirs].tolist(), unit.hashes[theirs].tolist(), strict=True
    ):
        if kind == HOLE or flag & OPTIONAL:
            continue
        if kind in (TEXT, NUMBER, PARAMETER):
            literals += 1
        elif kind != NAME:
            found.moved[word] -= 1
        elif not flag & WRITTEN:
            found.missing += 1
            found.tables += bool(flag & TABLE)
    return literals


def _renamed(
    found: Alignment, query: Cut, unit: Cut, ours: slice, theirs: slice, own: set[int], renames: dict[int, int]
) -> bool:
    """Tell whether every token of a gap is a name of the unit's own part, called the same other name everywhere."""
    size = ours.stop - ours.start
    if not size or size != theirs.stop - theirs.start or not own:
        return False
    old, new = unit.hashes[theirs].tolist(), query.hashes[ours].tolist()
    if not own.issuperset(old) or any(kind != NAME for kind in query.kinds[ours].tolist()):
        return False
    if ((unit.flags[theirs] | query.flags[ours]) & DOTTED).any() or np.isin(query.hashes[ours], unit.hashes).any():
        return False
    if np.isin(unit.hashes[theirs], query.hashes).any():
        return False  # the part goes by its own name in another place
    if any(renames.setdefault(before, after) != after for before, after in zip(old, new, strict=True)):
        return False
    found.renamed += int(size)
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
    """Compare literals; beside a hole a run of them may hold what fills it."""
    fixed = _is_literal(unit.kinds[to]) & (unit.texts[to] != 0)
    fixed &= ~_beside_hole(unit, to) & ((unit.flags[to] & OPTIONAL) == 0)
    if at[-1] == len(query) - 1 and len(unit) - to[-1] - 1 > _LAST:
        fixed[-1] = False  # a number may be cut off too
    ours, theirs = query.texts[at[fixed]], unit.texts[to[fixed]]
    kinds, is_text = query.kinds[at[fixed]], unit.kinds[to[fixed]] == TEXT
    hidden = ~_is_literal(kinds)
    is_text |= kinds == TEXT
    same = (ours == theirs) & ~hidden
    found.texts = int((same & is_text).sum())
    found.hidden_texts = int((hidden & is_text).sum())
    found.other_texts = int((~same & ~hidden & is_text).sum())
    found.numbers = int((~same & ~hidden & ~is_text & (ours != 0)).sum())


def _is_literal(kinds: Kinds) -> npt.NDArray[np.bool_]:
    told: npt.NDArray[np.bool_] = (kinds == TEXT) | (kinds == NUMBER)
    return told


def _beside_hole(unit: Cut, to: Ints) -> npt.NDArray[np.bool_]:
    holes = np.concatenate(([False], unit.kinds == HOLE, [False]))
    beside: npt.NDArray[np.bool_] = holes[to] | holes[to + 2]
    return beside
