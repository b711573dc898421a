"""Compares detectors of spend anomalies on real and made-up series with events of known size: `make eval-anomaly`.

Every candidate has a guard and one threshold, set on the tuning half to as few false alarms as ours has there (or one per 100
series-months); what is told is the held-out half, other series altogether. `--speed` measures ours on 100,000 series of 90 days instead.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from anomaly_candidates import CANDIDATES, alarms
from anomaly_events import Case, Score, cases, score
from anomaly_series import made_up, real
from anomaly_unseen import unseen

from costlens.anomaly.baseline import Tuning
from costlens.anomaly.detector import judge

EPOCH = date(1970, 1, 1)
BUDGET = 1.0
#: Our constants were found on seeds 1 to 501; nothing was looked at on the held-out seed before.
TUNING_SEED, HELD_OUT_SEED = 1, 8008
SPREADS = (0.1, 0.15, 0.2, 0.25, 0.3)
OURS = "CostLens"


def ours(all_cases: Sequence[Case], tuning: Tuning | None = None) -> list[list[int]]:
    """Return the days that our detector alarms on, series of near dates judged in one matrix."""
    groups: dict[int, list[int]] = {}
    for number, case in enumerate(all_cases):
        groups.setdefault((case.series.start - EPOCH).days // 60, []).append(number)
    found: list[list[int]] = [[] for _ in all_cases]
    for numbers in groups.values():
        starts = [(all_cases[i].series.start - EPOCH).days for i in numbers]
        first = min(starts)
        width = max(start - first + len(all_cases[i].series.values) for start, i in zip(starts, numbers, strict=True))
        values = np.full((len(numbers), width), np.nan)
        for row, (start, i) in enumerate(zip(starts, numbers, strict=True)):
            values[row, start - first : start - first + len(all_cases[i].series.values)] = all_cases[i].series.values
        told = judge(values, first, tuning)
        for row, (start, i) in enumerate(zip(starts, numbers, strict=True)):
            found[i] = [int(t) - (start - first) for t in np.flatnonzero(told.alarm[row])]
    return found


def _score(work: tuple[str, Case]) -> Any:
    return CANDIDATES[work[0]](work[1])


def compared(
    name: str, tuning: Sequence[Case], held_out: Sequence[Case], pool: ProcessPoolExecutor
) -> dict[str, Score]:
    """Return the scores of a candidate on the held-out half, at the threshold that its false alarms on the other allow."""
    clean = [case for case in tuning if not case.event]
    scores = list(pool.map(_score, [(name, case) for case in clean], chunksize=4))
    budget = max(BUDGET, score(clean, ours(clean))["all"].false_per_100)
    steps = np.geomspace(1.5, 1000, 100)
    threshold = next(
        (s for s in steps if score(clean, alarms(clean, scores, float(s)))["all"].false_per_100 <= budget), steps[-1]
    )
    judged = list(pool.map(_score, [(name, case) for case in held_out], chunksize=4))
    return score(held_out, alarms(held_out, judged, float(threshold)))


def line(name: str, scores: dict[str, Score]) -> str:
    """Return a candidate's row of the table."""
    whole, clean = scores["all"], scores["clean"]
    parts = [f"{scores[f'event {event}'].recall:.2f}" for event in EVENTS_SHOWN]
    delays = "/".join(f"{scores[f'event {event}'].delay:.0f}" for event in ("shift 100%", "shift 30%", "leak 3%/day"))
    return (
        f"| {name} | {whole.f1:.2f} | {whole.precision:.2f} | {whole.recall:.2f} | {clean.false_per_100:.2f} | "
        f"{whole.false_per_100:.2f} | {' | '.join(parts)} | {delays} |"
    )


EVENTS_SHOWN = (
    *("spike x4", "spike x3", "spike x2", "spike x1.5", "spike x1.3"),
    *("drop to zero", "burst", "shift 100%", "shift 30%", "leak 3%/day"),
)


def table(rows: dict[str, dict[str, Score]]) -> str:
    heads = (
        "detector",
        "F1",
        "precision",
        "recall",
        "false, clean",
        "false, all",
        *EVENTS_SHOWN,
        "days to shift 100 %/30 %/leak",
    )
    return "\n".join(
        ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *(line(n, s) for n, s in rows.items())]
    )


def details(held_out: Sequence[Case], found: Sequence[Sequence[int]]) -> str:
    """Return our recall by noise and our scores by kind of series."""
    text = [
        "",
        "By the spread of a usual day (log), made-up series:",
        "",
        "| spread | F1 | x4 | x2 | shift 30% | false/100 |",
    ]
    text.append("|---|---|---|---|---|---|")
    for low, noise in zip((0.01, *SPREADS), SPREADS, strict=False):
        mine = [i for i, case in enumerate(held_out) if low < case.series.noise <= noise]
        scores = score([held_out[i] for i in mine], [found[i] for i in mine])
        shown = " | ".join(f"{scores[f'event {event}'].recall:.2f}" for event in ("spike x4", "spike x2", "shift 30%"))
        text.append(f"| to {noise} | {scores['all'].f1:.2f} | {shown} | {scores['all'].false_per_100:.2f} |")
    scores = score(held_out, found)
    text += [
        "",
        "By kind of series:",
        "",
        "| kind | F1 | recall | false/100, clean | false/100, all |",
        "|---|---|---|---|---|",
    ]
    for key, one in sorted(scores.items()):
        if key.startswith("kind "):
            clean = scores.get(f"clean {key[5:]}", Score())
            text.append(
                f"| {key[5:]} | {one.f1:.2f} | {one.recall:.2f} | {clean.false_per_100:.2f} | {one.false_per_100:.2f} |"
            )
    return "\n".join(text)


def speed(series: int, days: int) -> str:
    """Measure our detector on so many series, half on each of two processes."""
    begun = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        done = list(pool.map(_speed, [(seed, series // 2, days) for seed in (1, 2)]))
    seconds = time.perf_counter() - begun
    return (
        f"{series:,} series of {days} days judged in {seconds:.1f} s by 2 processes, "
        f"{sum(one[0] for one in done):.1f} s of computing together ({sum(one[1] for one in done):,} alarmed days)"
    )


def _speed(work: tuple[int, int, int]) -> tuple[float, int]:
    """Return seconds of computing and alarmed days."""
    seed, series, days = work
    random = np.random.default_rng(seed)
    week = np.exp(random.normal(0, 0.3, (series, 7)))[:, np.arange(days) % 7]
    values = np.exp(random.normal(3, 2, (series, 1))) * week * np.exp(random.normal(0, 0.2, (series, days)))
    values[: series // 3] *= random.random((series // 3, days)) < 0.3
    begun = time.process_time()
    alarmed = int((judge(values, 20_000).alarm != 0).sum())
    return time.process_time() - begun, alarmed


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--each", type=int, default=24, help="made-up series of each kind, for ours")
    read.add_argument("--few", type=int, default=2, help="made-up series of each kind, for the slow candidates")
    read.add_argument("--speed", action="store_true")
    read.add_argument("--only-ours", action="store_true")
    read.add_argument("--json", type=Path, help="write the scores here too")
    given = read.parse_args()
    if given.speed:
        print(speed(100_000, 90))
        return
    rows: dict[str, dict[str, Score]] = {}
    held_out = cases([*made_up(HELD_OUT_SEED, given.each), *unseen(HELD_OUT_SEED, given.each), *real(1)], HELD_OUT_SEED)
    few = [
        cases([*made_up(seed, given.few), *unseen(seed, given.few), *real(half)], seed)
        for seed, half in ((TUNING_SEED, 0), (HELD_OUT_SEED, 1))
    ]
    if not given.only_ours:
        with ProcessPoolExecutor(2) as pool:
            for name in CANDIDATES:
                begun = time.perf_counter()
                rows[name] = compared(name, few[0], few[1], pool)
                print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    rows[f"{OURS}, the same series"] = score(few[1], ours(few[1]))
    found = ours(held_out)
    rows[OURS] = score(held_out, found)
    months = sum(len(case.series.values) for case in held_out if not case.event) / 30.4
    events = sum(1 for case in held_out if case.event)
    print(f"held out: {len(held_out):,} cases, {events:,} events, {months:,.0f} clean series-months\n")
    print(table(rows))
    print(details(held_out, found))
    if given.json:
        told = {name: {key: vars(one) for key, one in scores.items()} for name, scores in rows.items()}
        given.json.write_text(json.dumps(told, default=str, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
