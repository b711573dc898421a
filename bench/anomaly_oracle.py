"""What no detector can do better by much: an oracle that knows how each made-up series was made, judged like ours.

It knows each day's true cost before chance, how far chance spreads and by which distribution, how much memory it has, and the catalogue of
events with its sizes; it knows not whether, when and which. A day alarms where the likelihood of some event going on, by the days so far, outweighs
that of none by more than one threshold for all series, set on another seed to one false alarm in 100 clean series-months. It is generous:
it also knows the steps of a walk, the days that are restated, and what has no money in it.

    python bench/anomaly_oracle.py [--seed 8008] [--each 24] [--most 0.3]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import anomaly_series
import anomaly_unseen
import numpy as np
from anomaly import BUDGET, OURS, TUNING_SEED, ours, table
from anomaly_events import NOT_INJECTED, Case, Score, cases, score
from anomaly_series import NOISES, Series, Values, World, made_up
from anomaly_unseen import Unseen, unseen

#: Logs of what each event adds day by day, as far as it can be found in time; all events come equally often, so do an event's sizes.
LONGEST = 29
EVENTS = (
    *((1.0, np.log([size])) for size in (1.3, 1.5, 2.0, 3.0, 4.0)),
    *((1 / 12, np.full(days, np.log(size))) for size in (1.65, 2.0, 2.4, 2.8) for days in (3, 4, 5)),
    *((1.0, np.full(15, np.log(size))) for size in (1.3, 2.0)),
    (1.0, np.log(1.03) * np.arange(1, LONGEST + 1)),
)
STEP = 1e-4


@dataclass(frozen=True)
class Truth:
    """A series before chance: cost of each day (0 = none runs), spread of its log, memory from day to day, heavy tails or not."""

    cost: Values
    spread: Values
    memory: float
    is_heavy: bool


def truth(one: Series) -> Truth:
    """Make a series again with the same draws, but with chance held still, and moved a little, one source of it after the other."""
    kind, seed, number = one.name.split("/")

    def made(moved: int | None) -> tuple[World, Values, list[tuple[bool, float]]]:
        world: World
        drawn: list[tuple[bool, float]] = []
        is_first = kind in anomaly_series.FAMILIES
        families = list(anomaly_series.FAMILIES if is_first else anomaly_unseen.FAMILIES)
        stream = [int(seed), *([] if is_first else [77]), families.index(kind), int(number)]
        random = np.random.default_rng(stream)
        world = World(random, NOISES[int(number) % len(NOISES)]) if is_first else Unseen(random)
        draw = world.chance

        def still(heavy: bool = False, memory: float = 0.0) -> Values:
            drawn.append((heavy, memory))
            draw(heavy, memory)
            return np.full(world.length, np.exp(STEP) if moved == len(drawn) - 1 else 1.0)

        world.chance = still  # type: ignore[method-assign]
        values = anomaly_series.FAMILIES[kind](world) if is_first else anomaly_unseen.FAMILIES[kind](world)  # type: ignore[arg-type]
        return world, np.maximum(values, 0.0), drawn

    world, cost, drawn = made(None)
    positive = np.where(cost > 0, cost, np.nan)
    moves = [np.nan_to_num(np.log(made(i)[1] / positive)) / STEP for i in range(len(drawn))]
    spread = world.noise * np.sqrt(np.sum(np.square(moves), axis=0)) if moves else np.zeros(len(cost))
    is_heavy, memory = drawn[0] if drawn else (False, 0.0)
    return Truth(np.nan_to_num(cost), spread, memory, is_heavy)


def evidence(case: Case, known: Truth) -> Values:
    """Return (days, LONGEST): the log of how much likelier the days so far are with an event that set in at most so many days ago."""
    values, days = case.series.values, len(case.series.values)
    can = (known.cost > 0) & (known.spread > 0) & (values > 0)
    off = np.where(can, np.log(np.where(can, values, 1.0) / np.where(can, known.cost, 1.0)), np.nan)
    before = np.clip(np.concatenate([[0.0], np.nan_to_num(off[:-1])]), -2 * known.spread, 2 * known.spread)
    news = np.pad(off - known.memory * before, (0, LONGEST), constant_values=np.nan)
    spread = np.pad(known.spread * np.sqrt(1 - known.memory**2), (0, LONGEST), constant_values=1.0)
    at = np.arange(days)[:, None] + np.arange(LONGEST)
    by_onset = np.full((days, LONGEST), -np.inf)
    for weight, adds in EVENTS:
        n = len(adds)
        new = adds - known.memory * np.concatenate([[0.0], adds[:-1]])
        z, shifted = news[at[:, :n]] / spread[at[:, :n]], (news[at[:, :n]] - new) / spread[at[:, :n]]
        told = np.log(weight) + np.cumsum(np.nan_to_num(_log(shifted, known) - _log(z, known)), axis=1)
        by_onset[:, :n] = np.logaddexp(by_onset[:, :n], told)
    by_day = np.full((days, LONGEST), -np.inf)
    for k in range(LONGEST):
        by_day[k:, k] = by_onset[: days - k, k]
    found = np.logaddexp.accumulate(by_day, axis=1)
    found[np.isnan(off)] = -np.inf
    found[(values <= 0) & (known.cost > 0)] = np.inf  # nothing where work was to come
    return np.asarray(found)


def _log(z: Values, known: Truth) -> Values:
    """Return the log of the density, but for a constant; Student's t is drawn with a deviation of 1."""
    return np.asarray(-2 * np.log1p(z**2) if known.is_heavy else -(z**2) / 2)


def alarms(told: Values, threshold: float) -> list[int]:
    """Return the days above the threshold; after one, events are looked for that set in later."""
    found: list[int] = []
    for t in np.flatnonzero(told[:, -1] > threshold).tolist():
        since = t - found[-1] if found else LONGEST
        if told[t, min(since, LONGEST) - 1] > threshold:
            found.append(t)
    return found


def looked(all_cases: Sequence[Case]) -> list[Values]:
    """Return the evidence of each case; none for what has no money in it."""
    truths: dict[str, Truth] = {}
    found = []
    for case in all_cases:
        name = case.series.name
        if case.series.kind in NOT_INJECTED:
            found.append(np.full((len(case.series.values), LONGEST), -np.inf))
            continue
        if name not in truths:
            truths[name] = truth(case.series)
        found.append(evidence(case, truths[name]))
    return found


def threshold(clean: Sequence[Case], budget: float) -> float:
    """Return the lowest threshold that gives no more false alarms in 100 series-months."""
    told = looked(clean)
    for one in np.arange(0.0, 20.0, 0.1).tolist():
        if score(clean, [alarms(days, one) for days in told])["all"].false_per_100 <= budget:
            return float(one)
    return 20.0


def series(seed: int, each: int, most: float) -> list[Series]:
    return [one for one in (*made_up(seed, each), *unseen(seed, each)) if one.noise <= most]


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--seed", type=int, default=8008)
    read.add_argument("--each", type=int, default=24)
    read.add_argument("--budget", type=float, default=BUDGET, help="false alarms in 100 clean series-months")
    read.add_argument("--most", type=float, nargs="*", default=[0.3], help="spread of a usual day, at most")
    read.add_argument("--without-ours", action="store_true")
    given = read.parse_args()
    rows: dict[str, dict[str, Score]] = {}
    for most in given.most:
        clean = [case for case in cases(series(TUNING_SEED, given.each, most), TUNING_SEED) if not case.event]
        limit = threshold(clean, given.budget)
        held_out = cases(series(given.seed, given.each, most), given.seed)
        told = [alarms(days, limit) for days in looked(held_out)]
        rows[f"oracle, to {most} (threshold {limit:.1f})"] = score(held_out, told)
        if not given.without_ours:
            rows[f"{OURS}, to {most}"] = score(held_out, ours(held_out))
    print(table(rows))
    if len(given.most) == 1:
        scores = score(held_out, told)
        for key, one in sorted(scores.items()):
            if key.startswith("kind "):
                print(key[5:], f"{one.f1:.2f} {one.recall:.2f} false {scores['clean ' + key[5:]].false_per_100:.2f}")


if __name__ == "__main__":
    main()
