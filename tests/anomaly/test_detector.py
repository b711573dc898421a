"""The detector: causal, quiet on what is usual, loud on what is not, whatever else is in the file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from costlens.anomaly.baseline import Tuning
from costlens.anomaly.detector import judge
from costlens.anomaly.events import events

FIRST = (date(2026, 1, 5) - date(1970, 1, 1)).days  # a Monday
Values = NDArray[np.float64]


def week(days: int, noise: float = 0.05, seed: int = 1) -> Values:
    random = np.random.default_rng(seed)
    factor = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.3])[np.arange(days) % 7]
    return np.asarray(100 * factor * np.exp(noise * random.normal(size=days)))


def forms(values: Values) -> list[tuple[str, int, int]]:
    told = judge(values[None, :], FIRST)
    return [(one.form, one.began, one.last) for one in events(values[None, :], told)]


def test_a_usual_week_is_no_news() -> None:
    assert forms(week(150)) == []


@pytest.mark.parametrize("factor", [2, 4])
def test_a_spike_is_one_day(factor: float) -> None:
    values = week(100)
    values[80] *= factor
    assert forms(values) == [("spike", 80, 80)]


def test_a_spike_on_a_quiet_day_is_one() -> None:
    values = week(100)
    values[82] *= 3  # a Saturday: still less than a Monday
    assert forms(values) == [("spike", 82, 82)]


def test_nothing_spent_is_a_drop() -> None:
    values = week(100)
    values[80] = 0
    assert forms(values) == [("drop", 80, 80)]


@pytest.mark.parametrize(
    ("factor", "days"), [(4, 1), (3, 4), (2, 10), (2, 20), (2, 40), (0, 1), (0, 5), (0, 20), (0, 40)]
)
def test_the_return_to_what_was_usual_is_no_news(factor: float, days: int) -> None:
    """What is told lies within the event, and is one; work that lay still for weeks begins again without an alarm."""
    values = np.stack([week(160, 0.1, seed) for seed in range(20)])
    values[:, 80 : 80 + days] *= factor
    told = judge(values, FIRST)
    flagged = told.alarm != 0
    assert flagged[:, 80 : 80 + days].any(axis=1).all()
    assert flagged[:, 80 + days :].sum() <= 1  # of 20 series, each of up to 79 days
    assert len({(one.row, one.first) for one in events(values, told) if one.first >= 80}) <= 21


def test_a_month_end_in_a_series_first_days_is_remembered() -> None:
    values = week(95, 0.08)
    for day in range(95):
        if (date(2026, 1, 22) + timedelta(days=day)).day == 1:
            values[day] *= 3
    first = (date(2026, 1, 22) - date(1970, 1, 1)).days
    assert (judge(values[None, :], first).alarm == 0).all()


def test_a_gap_is_no_drop() -> None:
    values = week(100)
    values[70:75] = np.nan
    assert forms(values) == []


def test_what_a_gap_held_back_may_come_at_once() -> None:
    values = week(100)
    held = values[71:73].sum()
    values[71:73] = np.nan
    values[73] += held
    assert forms(values) == []


def test_a_shift_is_told_once_and_becomes_the_level() -> None:
    values = week(160)
    values[90:] *= 2
    ((form, began, last),) = forms(values)
    assert (form, began) == ("shift", 90)
    assert last < 110


def test_a_slow_leak_is_found() -> None:
    values = week(130)
    values[90:] *= 1.03 ** np.arange(1, 41)
    found = forms(values)
    assert found
    assert found[0][0] in ("leak", "shift")
    assert 88 <= found[0][1] <= 110


def test_growth_is_no_news() -> None:
    assert forms(week(150) * np.exp(0.005 * np.arange(150))) == []


def test_a_month_end_that_comes_again_is_no_news() -> None:
    values = week(180)
    for day in range(180):
        if (date(2026, 1, 5) + timedelta(days=day + 1)).day == 1:
            values[day] *= 2.5
    assert forms(values) == []


def test_a_new_series_is_no_news() -> None:
    values = np.concatenate([np.zeros(60), week(60)])
    assert forms(values) == []


def test_cents_are_no_news() -> None:
    random = np.random.default_rng(3)
    values = np.round(random.exponential(0.02, (200, 120)), 2)
    assert int((judge(values, FIRST).alarm != 0).sum()) <= 8  # 24,000 days


def _various() -> Values:
    rows: list[Any] = [week(120, noise, seed) for seed, noise in enumerate([0.05, 0.1, 0.2, 0.3])]
    spiked, shifted, dropped, leaking = (week(120, 0.1, seed) for seed in range(10, 14))
    spiked[[50, 75, 100]] *= 4
    shifted[70:] *= 2
    dropped[80:83] = 0
    leaking[60:] *= 1.03 ** np.arange(60)
    sparse = np.where(np.random.default_rng(5).random(120) < 0.3, week(120), 0.0)
    return np.stack([*rows, spiked, shifted, dropped, leaking, sparse])


@pytest.mark.parametrize("until", [40, 72, 77, 81, 84, 101, 119])
def test_the_future_changes_no_verdict(until: int) -> None:
    values = _various()
    whole, cut = judge(values, FIRST), judge(values[:, :until], FIRST)
    for name in ("expected", "low", "high", "score", "alarm", "began"):
        np.testing.assert_array_equal(getattr(whole, name)[:, :until], getattr(cut, name), err_msg=name)


def test_a_verdict_depends_on_the_own_series_alone() -> None:
    values = _various()
    together = judge(values, FIRST)
    for row in range(len(values)):
        alone = judge(values[row : row + 1], FIRST)
        np.testing.assert_array_equal(together.alarm[row], alone.alarm[0])
        np.testing.assert_allclose(together.high[row], alone.high[0])


def test_the_unit_of_money_changes_nothing_beyond_cents() -> None:
    values = _various()
    np.testing.assert_array_equal(judge(values, FIRST).alarm, judge(values * 1000, FIRST).alarm)


def test_a_floor_in_money_keeps_small_change_quiet() -> None:
    values = week(100)
    values[80] *= 4
    assert (judge(values[None, :], FIRST, floor=50.0).alarm != 0).any()
    assert not (judge(values[None, :], FIRST, floor=500.0).alarm != 0).any()


def test_an_earlier_first_column_changes_nothing() -> None:
    values = _various()
    padded = np.concatenate([np.full((len(values), 33), np.nan), values], axis=1)
    np.testing.assert_array_equal(judge(values, FIRST).alarm, judge(padded, FIRST - 33).alarm[:, 33:])


@pytest.mark.parametrize("before", [0.0, np.nan])
def test_a_new_series_that_falls_to_nothing_is_told(before: float) -> None:
    """What was before its first day is no work that lay still."""
    values = np.concatenate([np.full(50, before), week(50)])
    values[91] = 0
    assert forms(values) == [("drop", 91, 91)]


def test_what_strayed_far_before_must_stray_farther() -> None:
    """Days that are three times as dear by chance, as Student's t with 3 degrees makes them, are soon no news."""
    random = np.random.default_rng(7)
    values = 100 * np.exp(0.2 * random.standard_t(3, (200, 150)))
    told, untaught = judge(values, FIRST), judge(values, FIRST, Tuning(z_heavy=0))
    assert (told.alarm[:, 75:] != 0).sum() < 0.8 * (untaught.alarm[:, 75:] != 0).sum()


def test_a_weekly_job_that_is_dear_is_told() -> None:
    values = np.where(np.arange(120) % 7 == 0, week(120), 0.0)
    values[98] *= 3
    assert forms(values) == [("spike", 98, 98)]


def test_a_spike_at_a_month_end_of_a_series_without_any_is_told() -> None:
    told = 0
    for seed in range(20):
        values = week(120, 0.2, seed)
        values[85] *= 4  # 31 March
        told += ("spike", 85, 85) in forms(values)
    assert told >= 17
