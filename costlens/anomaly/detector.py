"""Judges each day of many daily series by what was known the day before: within the expected band, or a spike, drop or shift."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costlens.anomaly.baseline import Baseline, Tuning
from costlens.anomaly.episodes import Episodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHUNK = 4096
THREADS = min(os.cpu_count() or 1, 8)


@dataclass(frozen=True)
class Verdicts:
    """What is said of each day, arrays of (series, days): the band it was expected in, how far out it lies, and whether it alarms.

    `score` is the distance from what was expected in units of the threshold: above 1 is out, up or (below -1) down. `alarm` is 1 up,
    -1 down, 0 none. `began` is the day on which the event of an alarmed day set in, as known that day.
    """

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    alarm: NDArray[np.int8]
    began: NDArray[np.int32]


def judge(values: Floats, first_day: int, tuning: Tuning | None = None, floor: float | Floats = 0.0) -> Verdicts:
    """Judge every day of `values` (series, days; NaN = not known), whose first column is `first_day` (days since 1970).

    The verdict on a day uses that day and earlier ones of its own series, nothing else. `floor` is the money
    below which nothing alarms, one or one a day.
    """
    floors = np.broadcast_to(np.asarray(floor, np.float64), values.shape[1:])
    tuning = tuning or Tuning()
    chunks = [values[i : i + CHUNK] for i in range(0, max(len(values), 1), CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:  # numpy lets go of the interpreter's lock while it sorts and adds
        parts = list(pool.map(lambda chunk: _judge(chunk, first_day, tuning, floors), chunks))
    names = ("expected", "low", "high", "score", "alarm", "began")
    return Verdicts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _judge(values: Floats, first_day: int, tuning: Tuning, floors: Floats) -> Verdicts:
    shape = values.shape
    told = Verdicts(
        expected=np.full(shape, np.nan),
        low=np.full(shape, np.nan),
        high=np.full(shape, np.nan),
        score=np.zeros(shape),
        alarm=np.zeros(shape, np.int8),
        began=np.full(shape, -1, np.int32),
    )
    base = Baseline(np.maximum(values, 0.0), first_day, tuning)
    episodes = Episodes(base, tuning, floors)
    for t in range(shape[1]):
        day = episodes.step(t)
        told.expected[:, t], told.low[:, t], told.high[:, t] = day.expected, day.low, day.high
        told.score[:, t], told.alarm[:, t], told.began[:, t] = day.score, day.alarm, day.began
    return told
