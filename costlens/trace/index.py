"""Finds the units that share the rarest runs of tokens with a query: an inverted index over shingles, weighted by rarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from costlens.trace.lexicon import Hashes

if TYPE_CHECKING:
    from costlens.trace.cut import Cut
    from costlens.trace.units import Unit

#: A shingle in more units than this finds none by itself.
COMMON = 4_000
#: A unit that shares less than this part of what the best shares with a query is no rival.
_NEARLY = 0.7


@dataclass(frozen=True)
class Candidate:
    """A unit and how much it shares: `inside` of the query's weight, `covered` of the unit's."""

    unit: int
    inside: float
    covered: float


class Index:
    """An inverted index over the shingles of units."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = units
        shingles = [_distinct(unit.cut) for unit in units]
        sizes = np.array([len(one) for one in shingles], np.int64)
        flat = np.concatenate(shingles) if shingles else np.zeros(0, np.uint64)
        owners = np.repeat(np.arange(len(units), dtype=np.int32), sizes)
        order = np.argsort(flat, kind="stable")
        flat, self._owners = flat[order], owners[order]
        self._hashes, self._starts, counts = np.unique(flat, return_index=True, return_counts=True)
        self._made: dict[int, list[int]] = {}
        for number, unit in enumerate(units):
            for name in unit.table_names:
                self._made.setdefault(name, []).append(number)
        self._names: Hashes | None = None
        self._counts = counts.astype(np.int64)
        self._weights = np.log((len(units) + 1.0) / self._counts)
        self.unseen = float(np.log(len(units) + 1.0))
        if len(flat):
            per_posting = np.repeat(self._weights, self._counts)
            self._totals = _summed(self._owners, per_posting, len(units))
        else:
            self._totals = np.zeros(len(units))

    def candidates(self, query: Cut, limit: int = 2, most: int = 24) -> list[Candidate]:
        """Return the units that share most of a query's weight, best first: `limit`, and those nearly as good."""
        found = self._alike(query, limit, most)
        seen = {one.unit for one in found}
        named = self._made.get(query.target or 0, ())
        return found + [Candidate(unit, 0.0, 0.0) for unit in named[:limit] if unit not in seen]

    def _alike(self, query: Cut, limit: int, most: int) -> list[Candidate]:
        hashes = _distinct(query)
        if not len(hashes) or not len(self._hashes):
            return []
        at = np.searchsorted(self._hashes, hashes)
        at[at == len(self._hashes)] = 0
        known = self._hashes[at] == hashes
        at = at[known]
        total = float(self._weights[at].sum()) + self.unseen * int((~known).sum())
        useful = at[self._counts[at] <= COMMON]
        if not len(useful):
            useful = at
        if not len(useful) or total <= 0:
            return []
        shared = self._shared(useful)
        return self._best(shared, total, limit, most)

    def knows(self, name: int) -> bool:
        """Tell whether a name stands anywhere in the code."""
        if self._names is None:
            every = [unit.cut.hashes for unit in self.units]
            self._names = np.unique(np.concatenate(every)) if every else np.zeros(0, np.uint64)
        at = int(np.searchsorted(self._names, np.uint64(name)))
        return at < len(self._names) and int(self._names[at]) == name

    def _shared(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        counts, starts = self._counts[at], self._starts[at]
        offsets = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum())) - np.repeat(offsets, counts) + np.repeat(starts, counts)
        weights = np.repeat(self._weights[at], counts)
        return _summed(self._owners[places], weights, len(self.units))

    def _best(self, shared: npt.NDArray[np.float64], total: float, limit: int, most: int) -> list[Candidate]:
        covered = shared / np.maximum(self._totals, 1e-9)
        # What lies in the query as a whole is preferred to what only shares as much with it.
        rank = shared * (1.0 + 0.25 * covered)
        some = min(most, len(rank))
        top = np.argpartition(-rank, some - 1)[:some]
        top = top[np.argsort(-rank[top], kind="stable")]
        best = rank[top[0]]
        kept = [u for n, u in enumerate(top.tolist()) if rank[u] > 0 and (n < limit or rank[u] >= _NEARLY * best)]
        return [Candidate(u, float(shared[u] / total), float(covered[u])) for u in kept]


def _distinct(cut: Cut) -> Hashes:
    hashes = np.unique(cut.shingles())
    return hashes[1:] if len(hashes) and hashes[0] == 0 else hashes


def _summed(owners: npt.NDArray[np.int32], weights: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    return np.bincount(owners, weights, minlength=count).astype(np.float64)
