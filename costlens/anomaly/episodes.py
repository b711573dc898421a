"""Turns distances from the baseline into events: when one sets in, how long it lasts, when it is the new level."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from costlens.anomaly import quantiles
from costlens.anomaly.baseline import NOISE_DAYS, TREND_DAYS, Baseline, Tuning, trend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

WINDOWS = (2, 3, 5, 7, 10, 14)
NEAR = 3
YOUNG_DAYS = 14
LAG = 14
EPOCH = date(1970, 1, 1)
#: A bounded mean of Student's t with 3 degrees, for a scale of 1; what both densities say of a distance of nothing; and no day says more.
HEAVY_SCALE = 1.3
LIGHTER = float(np.log(HEAVY_SCALE * 0.36755 / 0.39894))
HEAVY_MOST = 4.5
HEAVY_BOUND = 12.0


@dataclass(frozen=True)
class Day:
    """The verdict on one day of each series."""

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    alarm: NDArray[np.int8]
    began: NDArray[np.int32]


class Episodes:
    """Walks through the days of a chunk of series."""

    def __init__(self, base: Baseline, tuning: Tuning, floors: Floats) -> None:
        self.base, self.tuning = base, tuning
        self.floors = np.maximum(floors, tuning.least_money)
        n, days = base.values.shape
        self.active = np.zeros(n, np.int8)
        self.first = np.full(n, -1, np.int32)
        self.level = np.full(n, np.nan)
        """Log expected without weekday when the event set in: it stays while the event lasts."""
        self.spread = np.full(n, np.nan)
        self.size = np.full(n, np.nan)
        self.away = np.full((n, days), np.nan)
        """Distance of every day, also of those in events."""
        self.raw = np.full((n, days), np.nan)
        """The same, of young series too."""
        self.noisy = np.zeros(n)
        self.heavy = np.zeros(n)
        """How much likelier the usual days so far are with heavy tails than with none, as a logarithm."""
        self.born = np.full(n, days)
        """Column of the first day with cost."""
        self.drifts = np.full((len(WINDOWS), n, days), np.nan)
        self.debt = np.zeros(n)
        """What lately cost less than expected, and may come on top later."""

    def step(self, t: int) -> Day:
        base, tuning = self.base, self.tuning
        y = base.values[:, t]
        log = base.forecast(t)
        in_event = self.active != 0
        weekly = np.where(base.is_sparse, 0.0, base.week[:, base.weekday(t)])
        log = np.where(in_event, self.level + weekly, log)
        spread = np.where(in_event, self.spread, base.noise.spread)
        counts = base.noise.counts
        away = base.log(y) - log
        self.away[:, t] = np.where(base.age >= YOUNG_DAYS, away, np.nan)
        self.raw[:, t] = away
        expected = base.amount(log)
        active_day = (log - np.log(base.offset()) > 1.0) & (base.quiet[:, base.weekday(t)] < 0.5)
        limit = self._limit(spread)
        limit = np.where(np.abs(y - expected) < tuning.cents, limit * tuning.cents_factor, limit)
        young = base.age < YOUNG_DAYS
        limit = np.where(young, np.maximum(limit, tuning.young_least), limit)
        known = (base.age >= tuning.least_days) & ~np.isnan(y)
        ready = known & ~np.isnan(away)
        up = ready & active_day & ~base.is_sparse & (away > limit)
        stands_out = ready & active_day & (np.abs(away) > 0.4 * limit)
        again = self._monthly(t, np.maximum(tuning.z_up * spread, tuning.least_up))
        monthly = np.maximum(again, self._last_week(t, limit))
        up &= away - monthly > limit
        typical, sparse_limit = self._sparse_limit(t)
        rare = base.is_sparse | ~active_day
        log = np.where(rare & ~in_event, typical, log)
        away = np.where(rare & ~in_event, base.log(y) - typical, away)
        expected = np.where(base.is_sparse & ~in_event, base.amount(typical), np.where(active_day, expected, 0.0))
        far = np.where(y - expected < tuning.cents_rare, (sparse_limit - typical) * (tuning.cents_factor - 1), 0.0)
        up |= known & ~young & rare & (base.log(y) > sparse_limit + far) & (y > 0)
        floor = self.floors[t] * np.where(young, tuning.young_floors, 1.0)
        up &= (y - expected - self.debt) > np.maximum(floor, (np.exp(tuning.least_up) - 1) * expected)
        down = self._dropped(t, ready & active_day & ~base.is_sparse, y, expected, away, spread)
        drift, began = self._drift(t, spread, counts, away - monthly, ready & active_day & ~base.is_sparse)
        drift &= ~young & (not _is_month_turn(self._date(t)))
        drift &= (away - monthly > 0.5 * tuning.shift_least) & (y - expected - self.debt > self.floors[t])
        alarm = np.where(up | drift, 1, np.where(down, -1, 0)).astype(np.int8)
        since = np.where(drift & ~up, began, t).astype(np.int32)
        alarm, since = self._carry(t, alarm, since, away, spread, log - weekly, y, expected, active_day)
        self._weigh(t, ready & active_day & ~base.is_sparse & ~young & ~in_event & (alarm == 0), spread)
        score = np.where(rare, (base.log(y) - log) / np.maximum(sparse_limit - log, 0.1), away / limit)
        high = np.where(rare, base.amount(sparse_limit), base.amount(log + limit))
        low = np.where(rare, 0.0, np.minimum(base.amount(log - limit), expected))
        self._learn(t, alarm, stands_out & ((again > 0) | _is_month_turn(self._date(t))), y, expected)
        return Day(expected, low, np.maximum(high, expected), np.nan_to_num(score), alarm, since)

    def _limit(self, spread: Floats) -> Floats:
        """Return how far above its log a day may lie: more for few days, for heavy tails and for series that alarmed lately."""
        tuning, noise = self.tuning, self.base.noise
        z = tuning.z_up + tuning.z_few / np.maximum(noise.counts, 1)
        z = z + tuning.z_heavy * np.clip(self.heavy - tuning.heavy_from, 0, tuning.heavy_most)
        z = z - tuning.z_rest * (self.base.quiet >= 0.5).mean(axis=1)  # fewer days, fewer chances to be wrong
        z = z * (1 + tuning.z_noisy * self.noisy)
        return np.asarray(np.maximum(np.maximum(z * spread, tuning.beyond_worst * noise.worst), tuning.least_up))

    def _monthly(self, t: int, limit: Floats) -> Floats:
        """Return how far the same day of earlier months lay above: a month's end that comes again is no news.

        Where no month's end was seen yet, one may be high.
        """
        base, today = self.base, EPOCH + timedelta(days=self.base.first_day + t)
        is_turn = _is_month_turn(today)
        least, most = np.full(base.series, np.nan), np.full(base.series, np.nan)
        months = np.zeros(base.series)
        for month in _same_days(today):
            if month[-1] <= t:
                far = np.fmax.reduce([self.away[:, t - back] for back in month])
                far = np.where(t - self.born >= month[-1], np.nan_to_num(far), np.nan)
                least, most, months = np.fmin(least, far), np.fmax(most, far), months + ~np.isnan(far)
        is_first = np.isnan(least)
        share = self.tuning.monthly_turn if is_turn else np.where(months > 1, self.tuning.monthly_other, 1.0)
        is_known = (np.nan_to_num(least) > share * limit) | (is_turn & (np.nan_to_num(most) > limit))
        came = most * self.tuning.monthly_share - self.tuning.monthly_less * limit  # chance may have been part of it
        found = np.where(is_known, np.maximum(came, 0.0), 0.0)
        if is_turn:
            found = np.where(is_first, np.maximum(found, self.tuning.first_month_end), found)
        return np.asarray(found)

    def _last_week(self, t: int, limit: Floats) -> Floats:
        """Return how far the same weekday of last week lay above: a weekday that is dear again is a weekday to learn."""
        if t < 7 or _is_month_turn(EPOCH + timedelta(days=self.base.first_day + t - 7)):
            return np.zeros(self.base.series)
        before = np.nan_to_num(self.raw[:, t - 7])
        return np.where(before > 0.6 * limit, before * 1.1 + 0.1 * limit, 0.0)

    def _sparse_limit(self, t: int) -> tuple[Floats, Floats]:
        """Return the log of a usual day of a series that runs now and then, and that above which one is too dear."""
        base, tuning = self.base, self.tuning
        past = base.kept[:, max(0, t - 84) : t]
        held, counts = quantiles.ordered(np.where(past > 0, np.log(past + base.offset()[:, None]), np.nan))
        if held.shape[1] == 0:
            return np.full(base.series, np.nan), np.full(base.series, np.inf)
        middle = quantiles.at(held, counts, 0.5)
        off, _ = quantiles.ordered(np.abs(held - middle[:, None]))
        spread = np.maximum(1.4826 * quantiles.at(off, counts, 0.5), quantiles.at(off, counts, 0.9) / 1.645)
        spread = np.sqrt((spread**2 * counts + 4 * 0.3**2) / (counts + 4))
        rate = counts / np.clip(t - self.born, 7, 84)
        z = tuning.sparse_z + tuning.sparse_few / np.maximum(counts, 1) + tuning.sparse_rate * (rate - 0.3)
        z = z * (1 + tuning.z_noisy * self.noisy)
        reach = np.maximum(
            np.maximum(z * spread, tuning.sparse_worst * quantiles.at(off, counts, 1.0)), tuning.sparse_least
        )
        return middle, np.where(counts >= 5, np.nan_to_num(middle) + np.nan_to_num(reach), np.inf)

    def _dropped(self, t: int, can: Flags, y: Floats, expected: Floats, away: Floats, spread: Floats) -> Flags:
        """Tell whether next to nothing was spent where that never happened before."""
        base, tuning = self.base, self.tuning
        past = base.values[:, max(0, t - NOISE_DAYS) : t]
        weekdays = base.weekdays(max(0, t - NOISE_DAYS), t)
        busy = base.quiet[:, weekdays] < 0.5
        level = np.where(np.isnan(base.scale), 1.0, base.scale)[:, None]
        since_start = np.arange(max(0, t - NOISE_DAYS), t)[None, :] >= self.born[:, None]
        lows = ((past < 0.05 * level) & busy & since_start).sum(axis=1)
        runs = ((past >= 0.05 * level) & busy).sum(axis=1)
        dropped = (
            can
            & (y < tuning.drop_share * expected)
            & (-away > tuning.z_down * spread * np.where(expected < tuning.cents, 1.5, 1.0))
        )
        is_new: Flags = (lows <= 1 + 3 * (self.active < 0)) & (runs >= 12)
        return np.asarray(dropped & is_new & (expected - y > self.floors[t]))

    def _drift(
        self, t: int, spread: Floats, counts: Floats, away: Floats, can: Flags
    ) -> tuple[Flags, NDArray[np.int64]]:
        """Tell whether the last days together lie above the weeks before them, and since when."""
        base, tuning = self.base, self.tuning
        found, began = np.zeros(base.series, bool), np.full(base.series, t)
        if t < LAG + 1:
            return found, began
        since = max(0, t - LAG - 35)
        slope, doubt = trend(base.flat[:, max(0, t - LAG + 1 - TREND_DAYS) : t - LAG + 1])
        old = base.flat[:, since : t - LAG + 1]
        held, many = quantiles.ordered(old)
        middle = quantiles.at(held, many, 0.5)
        centre = quantiles.mean(np.where(np.isnan(old), np.nan, np.arange(since, t - LAG + 1)[None, :]))[0]
        monthly = np.nan_to_num(self.away[:, t] - away)
        today = base.log(base.values[:, t]) - base.week[:, base.weekday(t)] - monthly
        today = np.where(base.quiet[:, base.weekday(t)] < 0.5, today, np.nan)
        recent = np.concatenate([base.flat[:, t - LAG + 1 : t], today[:, None]], axis=1)
        lately = np.concatenate([self.away[:, t - 2 : t], away[:, None]], axis=1)
        lately[np.isnan(recent[:, -3:])] = np.nan
        best = np.full(base.series, 0.0)
        few = (tuning.shift_few / np.maximum(counts, 1)) ** 2
        lasting = np.sqrt((1 + base.memory) / (1 - base.memory))
        for number, k in enumerate(WINDOWS):
            if (
                k <= NEAR
            ):  # against what was expected of each day: the weeks before lie too far back to tell a few days by
                drift, n = quantiles.mean(lately[:, -k:])
                enough, least = n == k, tuning.pair_z
                theory = spread * np.sqrt(1 / k + 0.15)
            else:
                mean, n = quantiles.mean(recent[:, -k:])
                reach = t - (k - 1) / 2 - centre
                drift = mean - middle - np.maximum(slope, 0) * reach
                enough, least = (many >= 10) & (n >= 0.7 * k), tuning.shift_z
                theory = spread * lasting * np.sqrt(1 / np.maximum(n, 1) + 1.57 / np.maximum(many, 1))
                theory = theory + doubt * reach * 0.5
            self.drifts[number, :, t] = np.where((self.active == 0) & can & enough, drift, np.nan)
            scale = np.maximum(theory, self._usual_drift(number, t))
            z = drift / scale / (least + few) / (1 + tuning.z_noisy * self.noisy)
            hit = can & enough & (z > 1) & (drift > tuning.shift_least)
            began = np.where(hit & (z > best), t - k + 1, began)
            best = np.where(hit, np.fmax(best, z), best)
            found |= hit
        return found, began

    def _usual_drift(self, number: int, t: int) -> Floats:
        """Return how far windows of that length usually drift, by their own past: series with memory drift more."""
        past = self.drifts[number, :, max(0, t - 84) : max(0, t - LAG)]
        if past.shape[1] == 0:
            return np.zeros(self.base.series)
        held, counts = quantiles.ordered(np.abs(past))
        usual = np.nan_to_num(quantiles.at(held, counts, 0.75)) / 1.15
        return np.where(counts >= 14, usual * self.tuning.shift_own, 0.0)

    def _carry(
        self,
        t: int,
        alarm: NDArray[np.int8],
        began: NDArray[np.int32],
        away: Floats,
        spread: Floats,
        level: Floats,
        y: Floats,
        expected: Floats,
        active_day: Flags,
    ) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """Carry events on, end them, or start them; returns alarms and since when."""
        base, tuning = self.base, self.tuning
        known = ~np.isnan(y)
        up, down = self.active > 0, self.active < 0
        lasts = up & known & active_day & (away > tuning.release * self.size)
        is_told = t - self.first < tuning.accept_days
        least = np.where(is_told, 0.5, 2 * tuning.drop_share) * expected
        lasts |= down & known & active_day & (y < least) & (base.values[:, max(t - 1, 0)] <= 0.5 * expected)
        dear = up & known & ~active_day & (base.log(y) - self.level > tuning.release * self.size)
        told = (lasts & known & active_day & (up | is_told)) | dear
        lasts |= (self.active != 0) & (~known | ~active_day)
        alarmed = np.where(self.active != 0, np.where(told, self.active, 0), alarm).astype(np.int8)
        started = (self.active == 0) & (alarm != 0)
        self.first = np.where(started, began, np.where(self.active != 0, self.first, -1)).astype(np.int32)
        self.level = np.where(started, level, self.level)
        self.spread = np.where(started, spread, self.spread)
        self.size = np.where(started, np.maximum(away, 0.1), self.size)
        self.noisy = self.noisy * 0.985 + started
        since = np.where(alarmed != 0, self.first, -1).astype(np.int32)
        self.active = np.where(started, alarm, np.where(lasts, self.active, 0)).astype(np.int8)
        return alarmed, since

    def _learn(self, t: int, alarm: NDArray[np.int8], monthly: Flags, y: Floats, expected: Floats) -> None:
        """Add the day to the past, but for what is an alarm or a month's turn that stands out."""
        base = self.base
        usual = (alarm == 0) & (self.active >= 0) & ~np.isnan(y)
        base.keep(t, np.where(usual & ~monthly, y, np.nan), ~monthly)
        self._look_back(t)
        short = np.where(np.isnan(y), np.nan_to_num(expected), np.maximum(np.nan_to_num(expected - y), 0.0))
        short = np.where((short > 0.1 * expected) & ~base.is_sparse, short, 0.0)
        left = np.where(np.isnan(y), self.debt, 0.5 * self.debt)
        self.debt = np.where(base.age > 0, left + np.nan_to_num(short), 0.0)
        old = (self.active > 0) & (t - self.first + 1 >= self.tuning.accept_days)
        if old.any():
            self._accept(t, old)

    def _weigh(self, t: int, usual: Flags, spread: Floats) -> None:
        """Add what the day says of the tails; bounded, so that a series may become another."""
        if not _is_month_turn(self._date(t)):
            added = np.where(usual, _heavier(self.raw[:, t] / spread), 0.0)
            self.heavy = np.clip(self.heavy + added, -HEAVY_BOUND, HEAVY_BOUND)

    def _look_back(self, t: int) -> None:
        """Say how far the first days of a series lay off, once there are enough: a month's end may be among them."""
        self.born = np.where((self.base.age > 0) & (self.born > t), t, self.born)
        turns = np.array([_is_month_turn(self._date(t - back)) for back in range(2 * YOUNG_DAYS - 1, -1, -1)])
        for age in (YOUNG_DAYS, 2 * YOUNG_DAYS):
            rows = np.flatnonzero((self.base.age == age) & ~np.isnan(self.base.values[:, t]))
            if len(rows):
                since = max(0, t - age + 1)
                first = self._flat_of_all(rows, since, t + 1)
                off = first - quantiles.median(first)[:, None]
                self.away[rows, since : since + YOUNG_DAYS] = off[:, :YOUNG_DAYS]
                stands_out = turns[-off.shape[1] :] & (off > 2 * self.base.noise.spread[rows, None])
                self.base.ordinary[rows, since : t + 1] &= ~stands_out

    def _flat_of_all(self, rows: NDArray[np.int64], since: int, until: int) -> Floats:
        """Return logs without the weekday, also of days that do not count as the past."""
        base, weekdays = self.base, self.base.weekdays(since, until)
        logs = np.log(base.values[rows, since:until] + base.offset()[rows, None]) - base.week[rows][:, weekdays]
        return np.where(base.quiet[rows][:, weekdays] < 0.5, logs, np.nan)

    def _date(self, t: int) -> date:
        return EPOCH + timedelta(days=self.base.first_day + t)

    def _accept(self, t: int, rows: Flags) -> None:
        """Take what has lasted for the new level; with it, the event is over.

        A drop is told for as long, but never becomes the level: that work begins again is no news.
        """
        since = max(0, t - self.tuning.accept_days + 1)
        by = np.clip(np.nan_to_num(quantiles.median(self.away[rows, since : t + 1])), -3, 3)
        self.base.lift(np.flatnonzero(rows), since, t + 1, by)
        for off in (self.away, self.raw):
            off[rows, since : t + 1] -= by[:, None]
        self.active[rows] = 0


def _heavier(z: Floats) -> Floats:
    """Return the logarithm of how much likelier a distance is by Student's t with 3 degrees than by a normal distribution.

    Both have the same spread as `Noise.spread` learns it, which bounds the largest errors.
    """
    square = np.minimum(np.nan_to_num(z), HEAVY_MOST) ** 2
    return np.asarray(LIGHTER + square / 2 - 2 * np.log1p(square * HEAVY_SCALE**2 / 3))


def _same_days(today: date) -> list[list[int]]:
    """Return, for each of the two months before, how many days ago its same day was: by number, and counted from its end."""
    first = today.replace(day=1)
    left = (_next_month(first) - today).days
    found = []
    for _ in range(2):
        end = first
        first = (first - timedelta(days=1)).replace(day=1)
        same = {first + timedelta(days=today.day - 1), end - timedelta(days=left)}
        if _is_month_turn(today):
            same |= {day + timedelta(days=near) for day in tuple(same) for near in (-1, 1)}
        found.append(sorted((today - day).days for day in same))
    return found


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _is_month_turn(today: date) -> bool:
    return today.day <= 5 or (_next_month(today.replace(day=1)) - today).days <= 3
