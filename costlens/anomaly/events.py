"""Events: the alarmed days of one series that belong together, with their form, amounts and expected band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costlens.anomaly.detector import Verdicts

    Floats = NDArray[np.float64]

#: From so many days on, what lasts is a new level and no burst.
SHIFT_DAYS = 7
LEAK_PER_DAY = 0.012


@dataclass(frozen=True)
class Event:
    """Alarmed days of series `row` from column `first` to `last`; `began` is where it set in, which a slow one tells only later.

    Amounts are sums over its days [began, last] that are known; `score` is the largest distance, in units of the threshold.
    """

    row: int
    began: int
    first: int
    last: int
    form: str
    actual: float
    expected: float
    low: float
    high: float
    score: float
    days: tuple[int, ...]
    is_over: bool

    @property
    def money(self) -> float:
        return self.actual - self.expected


def events(values: Floats, told: Verdicts) -> Iterator[Event]:
    """Yield the events of each series in order; a later day may lengthen the last one of a series and change its form."""
    rows, columns = np.nonzero(told.alarm)
    groups: dict[tuple[int, int, int], list[int]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        key = (row, int(told.began[row, column]), int(told.alarm[row, column]))
        groups.setdefault(key, []).append(column)
    for (row, began, direction), days in groups.items():
        yield _event(values, told, row, began, direction, days)


def _event(values: Floats, told: Verdicts, row: int, began: int, direction: int, days: list[int]) -> Event:
    last = days[-1]
    span = slice(began, last + 1)
    known = ~np.isnan(values[row, span])
    amounts = values[row, span][known]
    expected, low, high = (np.nan_to_num(band[row, span])[known] for band in (told.expected, told.low, told.high))
    later = values[row, last + 1 :]
    form = "drop" if direction < 0 else _form(amounts, expected, last - began + 1, len(days))
    return Event(
        row=row,
        began=began,
        first=days[0],
        last=last,
        form=form,
        actual=float(amounts.sum()),
        expected=float(expected.sum()),
        low=float(low.sum()),
        high=float(high.sum()),
        score=float(np.max(np.abs(told.score[row, days]))),
        days=tuple(days),
        is_over=_is_over(later[~np.isnan(later)], amounts, expected, form),
    )


def _is_over(later: Floats, amounts: Floats, expected: Floats, form: str) -> bool:
    """Tell whether cost has come back: for a new level, the last week lies nearer to the old one; for a drop, work was done."""
    if not len(later) or form not in ("shift", "leak", "drop") or not len(amounts):
        return bool(len(later))
    if form == "drop":
        return float(later[-7:].max()) > float(expected.mean()) / 2
    return float(later[-7:].mean()) < (float(amounts.mean()) + float(expected.mean())) / 2


def _form(amounts: Floats, expected: Floats, length: int, alarmed: int) -> str:
    """Name what lies above: for one day, for some, for good, or more each day."""
    if length == 1:
        return "spike"
    is_slow = length > alarmed + 1
    if length < SHIFT_DAYS and not is_slow:
        return "burst"
    ratios = np.log(np.maximum(amounts, 1e-9) / np.maximum(expected, 1e-9))
    if len(ratios) >= 5:
        slope = float(np.polyfit(np.arange(len(ratios)), ratios, 1)[0])
        if slope > LEAK_PER_DAY and slope * len(ratios) > 0.6 * float(np.mean(ratios)):
            return "leak"
    return "shift"
