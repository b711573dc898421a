"""Finds what is dear from its first day on: the detector knows no usual day of it yet, and would wait two weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costlens.anomaly.events import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: What a new series may be told as: a new shape is mostly an old statement rewritten, and a team is its assets.
KINDS = ("asset", "user", "pool")
#: So many days of its source must be known before it came: else nobody knows that it is new.
KNOWN_DAYS = 14
#: From then on the detector knows what is usual.
NEW_DAYS = 14
#: A first day is dear from so many floors on.
FLOORS = 3.0


def newcomers(values: Floats, floor: Floats) -> Iterator[Event]:
    """Yield an event of form `new` for each row whose first days cost more than `FLOORS` times the day's floor.

    `values` are (series, days), NaN where the source is not known; the band of what never ran is nothing to that limit.
    A verdict on a day uses that day and earlier ones.
    """
    limit = FLOORS * floor
    for row in np.flatnonzero((values > limit).any(axis=1)).tolist():
        began = int(np.argmax(np.nan_to_num(values[row]) > 0))
        if int((~np.isnan(values[row, :began])).sum()) < KNOWN_DAYS:
            continue
        days = began + np.flatnonzero(values[row, began : began + NEW_DAYS] > limit[began : began + NEW_DAYS])
        if len(days):
            yield _event(values, limit, row, days)


def _event(values: Floats, limit: Floats, row: int, days: NDArray[np.int64]) -> Event:
    first, last = int(days[0]), int(days[-1])
    span = slice(first, last + 1)
    later = values[row, last + 1 :]
    later = later[~np.isnan(later)]
    return Event(
        row=row,
        began=first,
        first=first,
        last=last,
        form="new",
        actual=float(np.nansum(values[row, span])),
        expected=0.0,
        low=0.0,
        high=float(limit[span].sum()),
        score=float(np.nanmax(values[row, span] / limit[span])),
        days=tuple(days.tolist()),
        is_over=len(later) > 0 and float(later[-7:].max()) <= float(limit[last]),
    )
