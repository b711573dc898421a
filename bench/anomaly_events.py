"""Puts events of known size into clean series, and scores what a detector says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from anomaly_series import Series

#: form -> how many days after its first an alarm still counts as having found it.
TOLERANCE = {"spike": 1, "burst": 1, "drop": 1, "shift": 14, "leak": 28}
#: name -> (form, size)
EVENTS = {
    "spike x1.3": ("spike", 1.3),
    "spike x1.5": ("spike", 1.5),
    "spike x2": ("spike", 2.0),
    "spike x3": ("spike", 3.0),
    "spike x4": ("spike", 4.0),
    "burst": ("burst", 0.0),
    "shift 30%": ("shift", 1.3),
    "shift 100%": ("shift", 2.0),
    "leak 3%/day": ("leak", 1.03),
    "drop to zero": ("drop", 0.0),
}
#: Kinds whose every change is noise or has no money in it: alarms there are false.
NOT_INJECTED = {"near zero", "cents"}
#: Kinds without work on most days, where no day without cost is odd and a leak is not to be told from chance.
ONLY_SPIKES = {"sparse", "weekly", "now and then", "every few days"}
AFTERMATH = 3


@dataclass(frozen=True)
class Case:
    """A series with one event, or with none: `event` is its name, its days are [first, last]."""

    series: Series
    event: str = ""
    first: int = 0
    last: int = 0


def cases(series: Iterable[Series], seed: int) -> list[Case]:
    """Return each series clean, and once with each event that it can have."""
    found = []
    for one in series:
        random = np.random.default_rng([seed, *one.name.encode()])
        found.append(Case(one))
        if one.kind in NOT_INJECTED:
            continue
        for name, (form, _) in EVENTS.items():
            if one.kind not in ONLY_SPIKES or form == "spike":
                made = _inject(one, name, random)
                found += [made] if made else []
    return found


def _inject(one: Series, name: str, random: np.random.Generator) -> Case | None:
    form, size = EVENTS[name]
    values = one.values.copy()
    n, tail = len(values), {"shift": 14, "leak": 28}.get(form, 4)
    usual = np.nanmedian(values[values > 0])
    places = [
        i
        for i in range(one.usable_from, n - tail)
        if values[i] > 0.3 * usual and not any(abs(i - odd) <= 3 for odd in one.odd)
    ]
    if not places:
        return None
    first = int(random.choice(places))
    last = first
    if form == "spike":
        values[first] *= size
    elif form == "drop":
        last = first + int(random.integers(0, 3))
        values[first : last + 1] = np.where(np.isnan(values[first : last + 1]), np.nan, 0.0)
    elif form == "burst":
        last = first + int(random.integers(2, 5))
        values[first : last + 1] *= random.uniform(1.5, 3)
    elif form == "shift":
        last = n - 1
        values[first:] *= size
    else:
        last = n - 1
        values[first:] *= size ** np.arange(1, n - first + 1)
    return Case(replace(one, values=values), name, first, last)


@dataclass
class Score:
    """Counts over cases, and what follows from them."""

    found: int = 0
    missed: int = 0
    false: int = 0
    months: float = 0.0
    delays: list[int] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.delays = []

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false, 1)

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def false_per_100(self) -> float:
        return 100 * self.false / max(self.months, 1e-9)

    @property
    def delay(self) -> float:
        return float(np.mean(self.delays)) if self.delays else float("nan")


def score(all_cases: Sequence[Case], alarms: Sequence[Iterable[int]]) -> dict[str, Score]:
    """Return scores per event, per kind and over all ("all"); false alarms of clean series alone are under "clean".

    `alarms` are each case's alarmed days as indices. Alarmed days at most two apart are one alarm. An event is found by an alarmed day
    from its first day on, within the form's tolerance (after the last day, for what ends). What is alarmed within an event or three
    days after it is no false alarm, nor is what a label calls odd.
    """
    scores: Mapping[str, Score] = defaultdict(Score)
    for case, days in zip(all_cases, alarms, strict=True):
        series, days = case.series, sorted(days)
        keys = [
            "all",
            f"kind {series.kind}",
            *([f"event {case.event}"] if case.event else ["clean", f"clean {series.kind}"]),
        ]
        delay = _delay(case, days)
        odd = {near for i in series.odd for near in (i - 1, i, i + 1, i + 2)}
        span = range(case.first, case.last + 1 + AFTERMATH) if case.event else range(0)
        false = _events([day for day in days if day not in odd and day not in span])
        for key in keys:
            total = scores[key]
            total.false += false
            total.months += (len(series.values) - len(span)) / 30.4
            if case.event:
                total.found += delay is not None
                total.missed += delay is None
                total.delays += [delay] if delay is not None else []
    return dict(scores)


def _delay(case: Case, days: Sequence[int]) -> int | None:
    if not case.event:
        return None
    form = EVENTS[case.event][0]
    until = case.first + TOLERANCE[form] if form in ("shift", "leak") else case.last + TOLERANCE[form]
    return next((day - case.first for day in days if case.first <= day <= until), None)


def _events(days: Sequence[int]) -> int:
    return sum(1 for i, day in enumerate(days) if i == 0 or day - days[i - 1] > 2)
