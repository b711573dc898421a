"""Detectors to compare ours with: each gives every day a score from what was known before it; one threshold each is tuned.

They judge the log of a day plus a little of the series' median, so that nothing is not infinitely far from little. All are causal: a
forecast for a week is made from the days before it, nothing is learnt from later.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from anomaly_events import Case
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FIRST = 21


def _logs(case: Case) -> Floats:
    values = np.maximum(case.series.values, 0.0)
    positive = values[:FIRST][values[:FIRST] > 0]
    little = 0.05 * (float(np.median(positive)) if len(positive) else 1.0)
    return np.asarray(np.log(values + little))


def _filled(logs: Floats) -> Floats:
    """Fill gaps with the same weekday of the week before, else the last value."""
    filled = logs.copy()
    for t in range(len(filled)):
        if np.isnan(filled[t]):
            filled[t] = filled[t - 7] if t >= 7 and not np.isnan(filled[t - 7]) else filled[t - 1] if t else 0.0
    return np.nan_to_num(filled)


def peer_rule(case: Case) -> Floats:
    """Score as common open tools do: today against mean and standard deviation of the 30 days before, in money."""
    values, scores = case.series.values, np.zeros(len(case.series.values))
    for t in range(FIRST, len(values)):
        past = values[max(0, t - 30) : t]
        past = past[~np.isnan(past)]
        if len(past) > 7 and np.std(past) > 0:
            scores[t] = (values[t] - past.mean()) / past.std()
    return np.nan_to_num(scores)


def median_mad(case: Case) -> Floats:
    """Score against the median of the same weekday of eight weeks, in units of the median absolute deviation."""
    logs, scores = _logs(case), np.zeros(len(case.series.values))
    for t in range(FIRST, len(logs)):
        same = logs[max(t - 56, t % 7) : t : 7]
        same = same[~np.isnan(same)]
        if len(same) < 3:
            continue
        middle = np.median(same)
        spread = 1.4826 * np.median(np.abs(same - middle))
        scores[t] = (logs[t] - middle) / max(spread, 0.05)
    return np.nan_to_num(scores)


def stl(case: Case) -> Floats:
    """Score the last remainder of a robust STL of the eight weeks up to the day."""
    from statsmodels.tsa.seasonal import STL

    logs, scores = _filled(_logs(case)), np.zeros(len(case.series.values))
    for t in range(FIRST, len(logs)):
        window = logs[max(0, t - 55) : t + 1]
        rest = STL(window, period=7, robust=True).fit(inner_iter=1, outer_iter=1).resid
        spread = 1.4826 * np.median(np.abs(rest[:-1] - np.median(rest[:-1])))
        scores[t] = (rest[-1] - np.median(rest[:-1])) / max(float(spread), 0.03)
    return np.where(np.isnan(case.series.values), 0.0, scores)


def forecaster(case: Case) -> Floats:
    """Score against MSTL with ETS (statsforecast), made anew each week; the band is the spread of its own past errors."""
    from statsforecast.models import MSTL, AutoETS

    logs, scores = _filled(_logs(case)), np.zeros(len(case.series.values))
    errors: list[float] = []
    for start in range(FIRST, len(logs), 7):
        past = logs[max(0, start - 84) : start]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ahead = MSTL(season_length=7, trend_forecaster=AutoETS(model="ZZN")).forecast(past, h=7)["mean"]
        missed = logs[start : start + 7] - ahead[: len(logs[start : start + 7])]
        if len(errors) >= 14:
            band = max(float(np.quantile(np.abs(errors[-84:]), 0.9)), 0.05)
            scores[start : start + 7] = missed / band
        errors += list(missed)
    return np.where(np.isnan(case.series.values), 0.0, scores)


def changepoints(case: Case) -> Floats:
    """Score by how far the mean after the last changepoint (PELT in C, ruptures) of eight weeks lies from the one before it."""
    import ruptures

    logs, scores = _filled(_logs(case)), np.zeros(len(case.series.values))
    for t in range(FIRST, len(logs)):
        window = logs[max(0, t - 55) : t + 1]
        weekday = np.array([np.median(window[i % 7 :: 7]) for i in range(len(window))])
        flat = window - weekday
        spread = max(1.4826 * float(np.median(np.abs(np.diff(flat)))) / np.sqrt(2), 0.03)
        found = ruptures.KernelCPD(kernel="linear", min_size=1).fit((flat / spread)[:, None]).predict(pen=10.0)
        breaks = [0, *found]
        if len(breaks) > 2 and len(window) - breaks[-2] <= 14:
            after, before = flat[breaks[-2] :], flat[breaks[-3] : breaks[-2]]
            size = (after.mean() - before.mean()) / spread
            scores[t] = size * np.sqrt(len(after))
    return np.where(np.isnan(case.series.values), 0.0, scores)


CANDIDATES: dict[str, Callable[[Case], Floats]] = {
    "peer's rule: mean and 30 days' deviation": peer_rule,
    "seasonal median / MAD": median_mad,
    "STL remainder (statsmodels)": stl,
    "MSTL + ETS, conformal (statsforecast)": forecaster,
    "changepoints (ruptures PELT)": changepoints,
}


def alarms(all_cases: Sequence[Case], scores: Sequence[Floats], threshold: float) -> list[list[int]]:
    """Return alarmed days: up at the threshold, down at twice it (a drop to nothing is far down), within the guard.

    The guard is the same for all of them, without it none finds anything at one false alarm in 100 months: a series that rests on more
    than a third of the last 28 days is not judged, nor is what lies less than 1 or a fifth off their median.
    """
    found = []
    for case, told in zip(all_cases, scores, strict=True):
        days = np.flatnonzero((told > threshold) | (told < -2 * threshold))
        found.append([int(t) for t in days if _is_material(case.series.values, int(t))])
    return found


def _is_material(values: Floats, t: int) -> bool:
    past = values[max(0, t - 28) : t]
    past = past[~np.isnan(past)]
    if not len(past) or np.mean(past <= 0) > 0.34:
        return False
    middle = float(np.median(past))
    return bool(abs(values[t] - middle) > max(1.0, 0.2 * middle))
