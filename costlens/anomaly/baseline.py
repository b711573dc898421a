"""What a series is expected to cost tomorrow: level, trend, weekday, and how far it usually strays, learnt from its own past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from costlens.anomaly import quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

WEEKS = 84
NOISE_DAYS = 56
TREND_DAYS = 42
#: How far a series whose trend is not known yet may grow in a day.
UNKNOWN_TREND = 0.008
YOUNG = 22
#: Variance of a bounded mean against that of a plain one.
UNSURE = 1.15
#: Days that the levels are taken over.
LEVELS = (3, 7, 28)


@dataclass(frozen=True)
class Tuning:
    """The detector's constants, found by a random search on series of other seeds than `make eval-anomaly` holds out."""

    offset: float = 0.028
    prior_spread: float = 0.222
    prior_days: float = 6.6
    least_spread: float = 0.03
    z_up: float = 4.4
    z_few: float = 10.7
    z_heavy: float = 0.8
    heavy_from: float = 0.6
    heavy_most: float = 6.5
    beyond_worst: float = 0.9
    least_up: float = 0.196
    drop_share: float = 0.0279
    z_down: float = 7.7
    z_noisy: float = 0.39
    first_month_end: float = 1.27
    monthly_turn: float = 0.296
    monthly_other: float = 1.0
    monthly_share: float = 1.1
    monthly_less: float = 0.36
    z_rest: float = 2.2
    sparse_rate: float = 4.0
    sparse_z: float = 2.96
    sparse_few: float = 4.1
    sparse_worst: float = 1.54
    sparse_least: float = 0.37
    shift_z: float = 2.12
    pair_z: float = 3.4
    shift_few: float = 17.5
    shift_least: float = 0.188
    shift_own: float = 1.41
    release: float = 0.398
    accept_days: int = 14
    least_days: int = 9
    young_least: float = 2.8
    young_floors: float = 3.0
    cents: float = 0.5
    cents_factor: float = 1.6
    cents_rare: float = 2.5
    least_money: float = 0.05

    def sensitive(self, sensitivity: float) -> Tuning:
        """Return a tuning whose bands are narrower by that factor; shifts need that much less evidence."""
        return replace(
            self,
            **{name: getattr(self, name) / sensitivity for name in ("z_up", "z_down", "sparse_z", "shift_z", "pair_z")},
        )


@dataclass
class Noise:
    """How far usual days stray from what is expected, per series: spread, worst, and days that tell."""

    spread: Floats
    worst: Floats
    counts: Floats


class Baseline:
    """The past of a chunk of series, as far as it counts; days of an event are taken out until they are accepted as the new level."""

    def __init__(self, values: Floats, first_day: int, tuning: Tuning) -> None:
        self.values, self.first_day, self.tuning = values, first_day, tuning
        self.series, self.days = values.shape
        n = self.series
        self.kept = np.full(values.shape, np.nan)
        """Values that count as the past: days of events left out, levels before an accepted shift lifted to it."""
        self.flat = np.full(values.shape, np.nan)
        """Logs without the weekday; none where nothing runs on that weekday."""
        self.ordinary = np.ones(values.shape, bool)
        """Days that tell how far a usual day strays: no month's turn that stood out."""
        self.week = np.zeros((n, 7))
        self.scale = np.full(n, np.nan)
        self.age = np.zeros(n, np.int64)
        self.quiet = np.zeros((n, 7))
        """Share of days without cost, per weekday."""
        self.is_sparse = np.zeros(n, bool)
        self.slope, self.doubt = np.zeros(n), np.full(n, UNKNOWN_TREND)
        self.weights = np.ones((n, len(LEVELS))) / len(LEVELS)
        self.memory = np.zeros(n)
        """How much of a day's distance from the month's level is left on the next day."""
        self.noise = Noise(*(np.full(n, value) for value in (tuning.prior_spread, 0.0, 0.0)))

    def weekday(self, t: int) -> int:
        return (self.first_day + t) % 7

    def weekdays(self, since: int, until: int) -> NDArray[np.int64]:
        return (np.arange(since, until) + self.first_day) % 7

    def offset(self) -> Floats:
        """Return what is added before taking logs, so that nothing is not infinitely far from little."""
        return np.asarray(self.tuning.offset * np.where(np.isnan(self.scale), 1.0, np.maximum(self.scale, 1e-12)))

    def log(self, amounts: Floats) -> Floats:
        return np.asarray(np.log(amounts + self.offset()))

    def amount(self, logs: Floats) -> Floats:
        return np.asarray(np.maximum(np.exp(np.minimum(logs, 50.0)) - self.offset(), 0.0))

    def forecast(self, t: int) -> Floats:
        """Return the log expected of day t: a blend of levels of the last days, each by how well it did lately."""
        flat = self.flat[:, max(0, t - LEVELS[-1]) : t]
        if flat.shape[1] == 0:
            return np.full(self.series, np.nan)
        guesses = np.stack([_level(flat[:, -k:], k) + self.slope * (k + 1) / 2 for k in LEVELS], axis=1)
        return np.asarray(_blend(guesses, self.weights) + self.week[:, self.weekday(t)])

    def keep(self, t: int, values: Floats, ordinary: Flags) -> None:
        """Add day t to the past: NaN where it was part of an event or is not known."""
        self.age += (self.age > 0) & ~np.isnan(self.values[:, t])
        self.age[(self.age == 0) & (self.values[:, t] > 0)] = 1
        values = np.where(self.age > 0, values, np.nan)
        self.kept[:, t], self.ordinary[:, t] = values, ordinary
        weekday = self.weekday(t)
        flat = self.log(values) - self.week[:, weekday]
        self.flat[:, t] = np.where(self.quiet[:, weekday] < 0.5, flat, np.nan)
        if weekday == 0:
            self.refresh(np.flatnonzero(self.age > 0), t + 1)
        else:
            self.refresh(np.flatnonzero((self.age > 0) & (self.age < YOUNG)), t + 1)

    def refresh(self, rows: NDArray[np.int64], t: int) -> None:
        """Learn everything again from the days before t, for some series."""
        if not len(rows):
            return
        since = max(0, t - WEEKS)
        past, weekdays = self.kept[rows, since:t], self.weekdays(since, t)
        scale = quantiles.median(np.where(past > 0, past, np.nan)[:, -NOISE_DAYS:])
        self.scale[rows] = np.where(np.isnan(scale), self.scale[rows], scale)
        logs = np.log(past + self.offset()[rows, None])
        self.quiet[rows], self.is_sparse[rows] = _quiet(past[:, -NOISE_DAYS:], weekdays[-NOISE_DAYS:])
        self.week[rows], learnt = _week(logs, weekdays)
        busy = self.quiet[rows][:, weekdays] < 0.5
        flat = np.where(busy, logs - self.week[rows][:, weekdays], np.nan)
        self.flat[rows, since:t] = flat
        self.slope[rows], self.doubt[rows] = trend(flat[:, -TREND_DAYS:])
        self._learn_noise(rows, flat, self.ordinary[rows, since:t], learnt)

    def _learn_noise(self, rows: NDArray[np.int64], flat: Floats, ordinary: Flags, learnt: Floats) -> None:
        """Learn how far each day strayed from what the days before it said, and which of the levels said it best.

        `learnt` is what learning the weekdays from the same days hides of their noise.
        """
        errors = np.stack([_errors(flat, k, self.slope[rows])[:, -NOISE_DAYS:] for k in LEVELS], axis=2)
        errors[~ordinary[:, -NOISE_DAYS:]] = np.nan
        missed = np.minimum(np.abs(errors), 1.0)
        counts = (~np.isnan(missed)).sum(axis=1)
        mean = (np.nan_to_num(missed).sum(axis=1) + 0.3) / (counts + 1)
        self.weights[rows] = 1 / mean**4
        self.memory[rows] = _memory(errors[:, :, -1])
        strayed = _blend(errors.reshape(-1, len(LEVELS)), np.repeat(self.weights[rows], errors.shape[1], axis=0))
        held, counts = quantiles.ordered(np.abs(strayed.reshape(errors.shape[:2])))
        if held.shape[1] == 0:
            return
        tuning = self.tuning
        middle = quantiles.at(held, counts, 0.5)
        bounded = np.minimum(held, 2.5 * 1.4826 * middle[:, None])  # uses all days, yet no single one moves it much
        raw = np.nan_to_num(np.sqrt(quantiles.mean(bounded**2)[0])) * learnt
        told = np.log(np.maximum(raw, tuning.least_spread)) * counts + np.log(tuning.prior_spread) * tuning.prior_days
        spread = np.exp(told / (counts + tuning.prior_days))
        worst = np.nan_to_num(quantiles.at(held, counts, 1.0))
        for name, value in zip(("spread", "worst", "counts"), (spread, worst, counts), strict=True):
            getattr(self.noise, name)[rows] = value

    def lift(self, rows: NDArray[np.int64], since: int, until: int, by: Floats) -> None:
        """Take the level of an event for the new one: lift the past of these series to it."""
        first = max(0, since - WEEKS)
        self.kept[rows, first:since] *= np.exp(by)[:, None]
        self.kept[rows, since:until] = self.values[rows, since:until]
        self.ordinary[rows, since:until] = True
        self.refresh(rows, until)


def trend(flat: Floats) -> tuple[Floats, Floats]:
    """Return the slope per day of each row, drawn to none by its doubt, and that doubt."""
    half = TREND_DAYS // 2
    if flat.shape[1] <= half:
        return np.zeros(len(flat)), np.full(len(flat), UNKNOWN_TREND)
    held, counts = quantiles.ordered((flat[:, half:] - flat[:, :-half]) / half)
    middle = np.nan_to_num(quantiles.at(held, counts, 0.5))
    spread = np.nan_to_num(quantiles.at(held, counts, 0.75) - quantiles.at(held, counts, 0.25)) * 0.7413
    doubt = 1.25 * spread / np.sqrt(np.maximum(counts, 1)) + np.where(counts < 10, 0.01, 0.0005)
    few = counts < 7
    slope = np.where(few, 0.0, np.clip(middle**3 / (middle**2 + doubt**2), -0.03, 0.03))
    return slope, np.where(few, UNKNOWN_TREND, doubt)


def _level(flat: Floats, k: int) -> Floats:
    return quantiles.mean(flat)[0] if k < 5 else quantiles.median(flat)


def _blend(guesses: Floats, weights: Floats) -> Floats:
    """Return the mean of guesses by weight, of those there are."""
    weights = np.where(np.isnan(guesses), 0.0, weights)
    total = weights.sum(axis=1)
    return np.asarray(
        np.where(total > 0, (np.nan_to_num(guesses) * weights).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)
    )


def _errors(flat: Floats, k: int, slope: Floats) -> Floats:
    """Return how far each day lay from the level of the k days before it."""
    padded = np.pad(flat, ((0, 0), (k, 0)), constant_values=np.nan)
    before = np.lib.stride_tricks.sliding_window_view(padded, k, axis=1)[:, : flat.shape[1]]
    keep = before[:, -NOISE_DAYS:]
    levels = _level(keep.reshape(-1, k), k).reshape(keep.shape[:2])
    return np.asarray(flat[:, -NOISE_DAYS:] - levels - slope[:, None] * (k + 1) / 2)


def _memory(errors: Floats) -> Floats:
    """Return the correlation of neighbouring days' errors, drawn to none where they are few."""
    now, before = np.clip(errors[:, 1:], -1, 1), np.clip(errors[:, :-1], -1, 1)
    both = ~np.isnan(now * before)
    product = np.where(both, now * before, 0.0).sum(axis=1)
    square = np.where(both, (now**2 + before**2) / 2, 0.0).sum(axis=1)
    n = both.sum(axis=1)
    return np.asarray(np.clip(product / (square + 1e-9) * n / (n + 10), 0.0, 0.9))


def _week(logs: Floats, weekdays: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return each weekday's distance from the week around it, as far as it stands out of the noise.

    Also how much farther than it seems a day strays: it took part in what is said of its weekday, and that is not certain.
    """
    effects, spreads, many = np.zeros((len(logs), 7)), np.full((len(logs), 7), np.nan), np.zeros((len(logs), 7))
    off = logs - _week_means(logs)
    for day in range(7):
        mine = off[:, weekdays == day]
        held, counts = quantiles.ordered(mine)
        if held.shape[1] == 0:
            continue
        middle = quantiles.at(held, counts, 0.5)
        spread = quantiles.mean(np.abs(mine - middle[:, None]))[0] * 1.2533
        reach = 1.5 * spread[:, None]
        bounded = middle + quantiles.mean(np.clip(mine - middle[:, None], -reach, reach))[0]
        effects[:, day], many[:, day] = np.nan_to_num(np.where(counts > 3, bounded, middle)), counts
        spreads[:, day] = np.where(counts > 1, spread * np.sqrt(counts / np.maximum(counts - 1, 1)), np.nan)
    pooled = np.nan_to_num(
        quantiles.median(spreads), nan=1.0
    )  # one day of a weekday tells its noise from its effect by no means
    doubt = np.mean((pooled**2 * UNSURE)[:, None] / np.maximum(many, 0.5), axis=1)
    signal = np.maximum(np.mean(effects**2, axis=1) - doubt, 0.0)
    share = signal / (signal + doubt + 1e-9)
    weeks = np.maximum(many.mean(axis=1), 1.0)
    learnt = np.sqrt(1 + share**2 * (1 / np.maximum(weeks - 1, 0.5) + UNSURE / weeks))
    return effects * share[:, None], learnt


def _quiet(past: Floats, weekdays: NDArray[np.int64]) -> tuple[Floats, Flags]:
    """Return the share of days without cost per weekday, and which series run by no weekday at all."""
    known, zero = ~np.isnan(past), past <= 0
    quiet, mixed = np.zeros((len(past), 7)), np.zeros(len(past))
    for day in range(7):
        mine = weekdays == day
        n = known[:, mine].sum(axis=1)
        quiet[:, day] = zero[:, mine].sum(axis=1) / np.maximum(n, 1)
        mixed += np.minimum(quiet[:, day], 1 - quiet[:, day])
    return quiet, mixed / 7 > 0.07


def _week_means(logs: Floats) -> Floats:
    """Return the mean of the seven days around each day; of the last seven for the last days."""
    known = ~np.isnan(logs)
    sums = np.pad(np.cumsum(np.where(known, logs, 0.0), axis=1), ((0, 0), (1, 0)))
    counts = np.pad(np.cumsum(known, axis=1), ((0, 0), (1, 0)))
    n = logs.shape[1]
    last = np.minimum(np.arange(n) + 4, n)
    first = np.maximum(np.where(last == n, n - 7, last - 7), 0)
    many = counts[:, last] - counts[:, first]
    return np.where(many >= 5, (sums[:, last] - sums[:, first]) / np.maximum(many, 1), np.nan)
