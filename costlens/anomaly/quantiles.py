"""Medians and quantiles along rows that have gaps, for many rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]


def ordered(rows: Floats) -> tuple[Floats, Counts]:
    """Return each row sorted, gaps (NaN) last, and how many values it has."""
    held = np.sort(rows, axis=1)
    return held, np.count_nonzero(~np.isnan(held), axis=1)


def at(held: Floats, counts: Counts, share: float) -> Floats:
    """Return a quantile of sorted rows, between the two nearest values; NaN where a row has none."""
    place = np.maximum(counts - 1, 0) * share
    low = place.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(counts - 1, 0))
    rows = np.arange(len(held))
    first, second = held[rows, low], held[rows, high]
    return np.asarray(first + (second - first) * (place - low))


def median(rows: Floats) -> Floats:
    """Return the median of each row, gaps left out."""
    return at(*ordered(rows), 0.5)


def mean(rows: Floats) -> tuple[Floats, Counts]:
    """Return the mean of each row, gaps left out, and how many values it is of; NaN where there is none."""
    known = ~np.isnan(rows)
    counts = known.sum(axis=1)
    sums = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), counts
