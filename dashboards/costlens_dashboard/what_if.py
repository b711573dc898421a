"""What a pool would have cost with another auto-suspend or size: an estimate, from the intervals in which its queries ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Auto-suspends that are tried, in seconds.
SUSPENDS = (60, 120, 300, 600)
MINIMUM_SECONDS = 60
_SIZES = ("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE", "3XLARGE", "4XLARGE", "5XLARGE", "6XLARGE")


@dataclass(frozen=True)
class Option:
    """One other setting: what the period would have cost, and why it is thought so."""

    setting: str
    cost: float
    saved: float
    reasoning: str


def options(pool: Mapping[str, Any]) -> list[Option]:
    """Return cheaper settings of a pool with `own`, `idle`, `units`, `size` and the columns of `questions.pools.intervals`.

    A warehouse's real running time is what was metered over its size's rate. A setting's cost is the real one times the running
    time that it would have had over the one that the same model gives for what was metered.
    """
    if pool.get("kind") == "reservation":
        return _reservation(pool)
    size, units = pool.get("size"), float(pool.get("units") or 0)
    if size not in _SIZES or units <= 0:
        return []
    paid, idle = float(pool["own"]) + float(pool["idle"]), float(pool["idle"])
    real = units / 2 ** _SIZES.index(size) * 3600
    found = []
    for limit in SUSPENDS:
        running = float(pool["ran"]) + float(pool[f"s{limit}"]) + _minimum(pool, limit)
        cost = min(paid * running / real, paid) if real else paid
        if cost < paid * 0.99:
            gaps = f"{running / 3600:,.1f} h running instead of {real / 3600:,.1f} h; {int(pool[f'n{limit}']):,} starts"
            found.append(Option(f"auto-suspend {limit} s", cost, paid - cost, gaps))
    if _SIZES.index(size) > 0 and idle > 0:
        smaller = _SIZES[_SIZES.index(size) - 1]
        words = "idle at half the rate; statements that take twice as long at half the rate cost the same"
        found.append(Option(f"size {smaller}", paid - idle / 2, idle / 2, words))
    return sorted(found, key=lambda option: -option.saved)


def _reservation(pool: Mapping[str, Any]) -> list[Option]:
    """Return what autoscaled slots alone would have cost, without a baseline.

    BigQuery takes slots as queries need them and keeps them a minute at least: what was used, times the time that slots would
    have been held over the time that something ran. At the rate paid now; a commitment's slot is cheaper than an autoscaled one.
    """
    own, paid, ran = float(pool["own"]), float(pool["own"]) + float(pool["idle"]), float(pool["ran"])
    held = ran + float(pool[f"s{MINIMUM_SECONDS}"]) + _minimum(pool, MINIMUM_SECONDS)
    cost = own * held / ran if ran > 0 else paid
    if cost >= paid * 0.99:
        return []
    words = f"used slots, kept {held / ran:,.2f} times as long for the minute after; at today's rate, commitments aside"
    return [Option("no baseline, autoscaled", cost, paid - cost, words)]


def _minimum(pool: Mapping[str, Any], limit: int) -> float:
    """Return the seconds that starts cost beyond running: a start that runs shorter than the minimum is billed for it."""
    starts = int(pool[f"n{limit}"] or 0)
    mean = (float(pool["ran"]) + float(pool[f"s{limit}"])) / starts if starts else 0.0
    return max(MINIMUM_SECONDS - mean, 0.0) * starts
