"""More made-up series: other families, any spread from 0.05 to 0.3, 90 to 180 days from any day of the year on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
from anomaly_series import Series, Values, World


class Unseen(World):
    """One series to be, of 90, 120 or 180 days from any day of the year on."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__(random, float(random.uniform(0.05, 0.3)))
        self.length = int(random.choice([90, 120, 180]))
        self.start = date(2025, 1, 1) + timedelta(days=int(random.integers(0, 365)))
        days = [self.start + timedelta(days=i) for i in range(self.length)]
        self.weekday = np.array([day.weekday() for day in days])
        self.day = np.array([day.day for day in days])
        self.left = np.array([((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days for day in days])
        self.level = float(np.exp(random.uniform(np.log(2), np.log(3000))))
        self.t = np.arange(self.length)

    def weekdays(self) -> Values:
        """Return a weekday's factor: weekends at 20 to 60 %, a dear Monday, or each as it likes."""
        r = self.random
        factors = np.ones(7)
        kind = r.integers(0, 3)
        if kind == 0:
            factors[5:] = r.uniform(0.2, 0.6)
        elif kind == 1:
            factors[0] = r.uniform(1.5, 3)
            factors[5:] = r.uniform(0.3, 0.9)
        else:
            factors = np.exp(r.normal(0, 0.3, 7))
        return np.asarray(factors[self.weekday])

    def turn(self) -> Values:
        """Return a month's factor: its last days, its first, or the day on which accounts are closed."""
        r = self.random
        days = int(r.integers(1, 4))
        at = (self.left <= days, self.day <= days, self.day == int(r.integers(2, 6)))[int(r.integers(0, 3))]
        return np.asarray(np.where(at, r.uniform(1.5, 3.5), 1.0))


def _sparse(w: Unseen) -> Values:
    runs = w.random.random(w.length) < w.random.uniform(0.1, 0.4)
    return np.asarray(w.level * runs * w.chance())


def _every_few_days(w: Unseen) -> Values:
    step = int(w.random.choice([2, 3, 7, 14]))
    return np.asarray(w.level * (w.t % step == 0) * w.chance())


def _new(w: Unseen) -> Values:
    first = int(w.random.integers(w.length // 4, w.length // 2))
    values = w.level * w.weekdays() * w.chance()
    values[:first] = np.nan if w.random.random() < 0.5 else 0.0
    return np.asarray(values)


def _near_zero(w: Unseen) -> Values:
    values = w.random.gamma(0.5, w.random.uniform(0.01, 0.3), w.length)
    return np.asarray(np.round(np.where(w.random.random(w.length) < 0.3, 0.0, values), 4))


def _restated(w: Unseen) -> Values:
    """The last two days are told in part, and corrected later; what is judged is what stands: some days a little low."""
    values = w.level * w.weekdays() * w.chance()
    low = w.random.random(w.length) < 0.05
    return np.asarray(np.where(low, values * w.random.uniform(0.85, 0.98, w.length), values))


def _two_jobs(w: Unseen) -> Values:
    """A daily job, and another on Mondays and Thursdays."""
    other = w.random.uniform(0.5, 2) * np.isin(w.weekday, (0, 3)) * w.chance()
    return np.asarray(w.level * (w.chance() + other))


def _calmer(w: Unseen) -> Values:
    """Spread that is half or twice as much from some day on."""
    scale = np.where(w.t < w.random.integers(30, w.length - 20), 1.0, w.random.choice([0.5, 1.6]))
    return np.asarray(w.level * w.weekdays() * w.chance() ** scale)


FAMILIES: dict[str, Callable[[Unseen], Values]] = {
    "steady": lambda w: np.asarray(w.level * w.chance()),
    "weekdays": lambda w: np.asarray(w.level * w.weekdays() * w.chance()),
    "business days": lambda w: np.asarray(w.level * (w.weekday < 5) * w.chance()),
    "month's turn": lambda w: np.asarray(w.level * w.turn() * w.chance()),
    "turn and week": lambda w: np.asarray(w.level * w.turn() * w.weekdays() * w.chance()),
    "growing": lambda w: np.asarray(w.level * np.exp(w.random.uniform(0.002, 0.012) * w.t) * w.weekdays() * w.chance()),
    "adding": lambda w: np.asarray(w.level * (1 + w.random.uniform(0.003, 0.02) * w.t) * w.chance()),
    "shrinking": lambda w: np.asarray(
        w.level * np.exp(-w.random.uniform(0.002, 0.01) * w.t) * w.weekdays() * w.chance()
    ),
    "now and then": _sparse,
    "every few days": _every_few_days,
    "begun lately": _new,
    "cents": _near_zero,
    "told late": _restated,
    "two jobs": _two_jobs,
    "calmer, wilder": _calmer,
    "slow turns": lambda w: np.asarray(
        w.level * (1 + 0.3 * np.sin(w.t / w.random.uniform(12, 30))) * w.weekdays() * w.chance()
    ),
}


def unseen(seed: int, each: int) -> list[Series]:
    """Return `each` series of every family."""
    found = []
    for number, (kind, make) in enumerate(FAMILIES.items()):
        for i in range(each):
            world = Unseen(np.random.default_rng([seed, 77, number, i]))
            values = np.maximum(make(world), 0.0)
            known = np.flatnonzero(np.nan_to_num(values) > 0)
            first = int(known[0]) if len(known) else 0
            found.append(Series(f"{kind}/{seed}/{i}", kind, world.start, values, world.noise, first + 28))
    return found
