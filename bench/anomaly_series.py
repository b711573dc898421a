"""Made-up and real daily series of cost of many kinds, for judging detectors: what is in them is known, and nothing is wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DATA = Path(__file__).parent.parent / "tests" / "anomaly" / "data"
NOISES = (0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Series:
    """Days from `start` on; a day that is not known is NaN. `kind` names its family, `noise` the spread of its log."""

    name: str
    kind: str
    start: date
    values: Values
    noise: float = 0.0
    usable_from: int = 0
    """Index of the first day that an event may be put on."""
    odd: tuple[int, ...] = ()
    """Days that are labelled as odd: an alarm there is neither right nor wrong."""

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=i) for i in range(len(self.values))]


class World:
    """Calendar and chance of one series to be."""

    def __init__(self, random: np.random.Generator, noise: float) -> None:
        self.random, self.noise = random, noise
        self.length = int(random.integers(80, 200))
        self.start = date(2025, 1, 1) + timedelta(days=int(random.integers(0, 40)))
        days = [self.start + timedelta(days=i) for i in range(self.length)]
        self.weekday = np.array([day.weekday() for day in days])
        self.to_month_end = np.array(
            [((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days for day in days]
        )
        self.level = float(np.exp(random.uniform(np.log(5), np.log(5000))))
        self.t = np.arange(self.length)

    def chance(self, heavy: bool = False, memory: float = 0.0) -> Values:
        """Return multiplicative noise, of Student's t with 3 degrees where heavy, with memory from day to day."""
        r = self.random
        e = r.standard_t(3, self.length) / np.sqrt(3) if heavy else r.normal(size=self.length)
        if memory:
            for i in range(1, self.length):
                e[i] = memory * e[i - 1] + np.sqrt(1 - memory**2) * e[i]
        return np.asarray(np.exp(self.noise * e))

    def week(self) -> Values:
        """Return the factor of each day's weekday: a quiet weekend, or any pattern."""
        r = self.random
        factors = (
            np.array([1, 1, 1, 1, 1, *([r.uniform(0.1, 0.7)] * 2)])
            if r.random() < 0.6
            else np.exp(r.normal(0, 0.35, 7))
        )
        return np.asarray(factors[self.weekday])


def _month_end(w: World) -> Values:
    before = int(w.random.integers(1, 4))
    is_end = (w.to_month_end <= before) if w.random.random() < 0.7 else (w.to_month_end > 28) | (w.to_month_end <= 1)
    week = w.week() if w.random.random() < 0.5 else 1.0
    return np.asarray(w.level * np.where(is_end, w.random.uniform(1.5, 4), 1.0) * week * w.chance())


def _trend_change(w: World) -> Values:
    slopes = np.where(w.t < w.random.integers(40, w.length), w.random.normal(0, 0.004), w.random.normal(0, 0.004))
    return np.asarray(w.level * np.exp(np.cumsum(slopes)) * w.week() * w.chance())


def _sparse(w: World) -> Values:
    runs = w.random.random(w.length) < w.random.uniform(0.08, 0.6)
    return np.asarray(w.level * runs * w.chance())


def _near_zero(w: World) -> Values:
    cents = w.random.exponential(w.random.uniform(0.005, 0.1), w.length)
    cents *= w.random.random(w.length) < w.random.uniform(0.3, 1.0)
    bursts = np.where(w.random.random(w.length) < 0.03, w.random.uniform(2, 8, w.length), 1.0)
    return np.asarray(np.round(cents * bursts, 2 if w.random.random() < 0.5 else 6))


def _new(w: World) -> Values:
    values = w.level * w.week() * w.chance()
    first = int(w.random.integers(15, w.length // 2))
    values[:first] = np.nan if w.random.random() < 0.5 else 0.0
    if w.random.random() < 0.5:
        values *= np.clip((w.t - first + 1) / w.random.integers(2, 10), 0, 1)
    return np.asarray(values)


def _gaps(w: World) -> Values:
    values = w.level * w.week() * w.chance()
    for _ in range(int(w.random.integers(1, 5))):
        at = int(w.random.integers(5, w.length - 5))
        values[at : at + int(w.random.integers(1, 6))] = np.nan
    return np.asarray(values)


def _restated(w: World) -> Values:
    """Part of a day's cost is told on the day after, as late rows are."""
    values = w.level * w.week() * w.chance()
    for at in w.random.choice(w.length - 1, 4, replace=False):
        part = values[at] * w.random.uniform(0.02, 0.25)
        values[at] -= part
        values[at + 1] += part
    return np.asarray(values)


def _walk(w: World) -> Values:
    steps = w.random.normal(0, w.random.uniform(0.005, 0.03), w.length)
    return np.asarray(w.level * np.exp(np.cumsum(steps)) * w.week() * w.chance())


FAMILIES: dict[str, Callable[[World], Values]] = {
    "flat": lambda w: np.asarray(w.level * w.chance()),
    "weekday": lambda w: np.asarray(w.level * w.week() * w.chance()),
    "weekend off": lambda w: np.asarray(w.level * (w.weekday < 5) * w.chance()),
    "month end": _month_end,
    "growth": lambda w: np.asarray(w.level * np.exp(w.random.uniform(0.001, 0.01) * w.t) * w.week() * w.chance()),
    "trend change": _trend_change,
    "memory": lambda w: np.asarray(w.level * w.week() * w.chance(memory=w.random.uniform(0.3, 0.8))),
    "walk": _walk,
    "heavy tails": lambda w: np.asarray(w.level * w.week() * w.chance(heavy=True)),
    "sparse": _sparse,
    "weekly": lambda w: np.asarray(w.level * (w.weekday == 0) * w.chance()),
    "near zero": _near_zero,
    "new": _new,
    "gaps": _gaps,
    "restated": _restated,
}


def made_up(seed: int, each: int) -> list[Series]:
    """Return `each` series of every family, its noises in turn."""
    found = []
    for number, (kind, make) in enumerate(FAMILIES.items()):
        for i in range(each):
            random = np.random.default_rng([seed, number, i])
            world = World(random, NOISES[i % len(NOISES)])
            values = np.maximum(make(world), 0.0)
            known = np.flatnonzero(np.nan_to_num(values) > 0)
            first = int(known[0]) if len(known) else 0
            found.append(Series(f"{kind}/{seed}/{i}", kind, world.start, values, world.noise, first + 28))
    return found


def real(part: int) -> list[Series]:
    """Return the real series of one half (0 or 1): NAB with its labelled windows, Binder."""
    rows: dict[str, list[tuple[date, float, bool]]] = {}
    with (DATA / "nab_daily.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            is_odd = row["label"] == "1" or row["window"] == "1"
            rows.setdefault(row["series"], []).append((date.fromisoformat(row["ts"]), float(row["value"]), is_odd))
    with (DATA / "binder_daily.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = f"binder/{row['key']}"
            rows.setdefault(name, []).append((date.fromisoformat(row["date"]), float(row["cost"]), False))
    found = []
    for number, (name, days) in enumerate(sorted(rows.items())):
        if number % 2 == part and sum(value > 0 for _, value, _ in days) > 30:
            values = np.array([value for _, value, _ in days])
            odd = tuple(i for i, day in enumerate(days) if day[2])
            found.append(Series(name, "real", days[0][0], values, 0.0, 28, odd))
    return found
