"""BigQuery reservations as machines: a baseline, idle slots lent to a sister, autoscaling in steps that are held."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from costlens_sample.generate.bigquery_company import BI, PROD
from costlens_sample.generate.bigquery_jobs import Job
from costlens_sample.generate.clock import SECOND, SINCE, UNTIL, hours

STEP = 50
HOLD_SECONDS = 60
SECONDS = (UNTIL - SINCE) // SECOND


@dataclass
class Run:
    """A job as it ran: what it used per hour, in slot-milliseconds."""

    job: Job
    id: str
    parent: Run | None = None
    slot_ms: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def total_slot_ms(self) -> int:
        return sum(self.slot_ms.values())


def _second(instant: int) -> int:
    return (instant - SINCE) // SECOND


def asked(jobs: Iterable[Job]) -> array[int]:
    """Return the slots that jobs ask for, second by second."""
    steps = array("q", bytes(8 * (SECONDS + 1)))
    for job in jobs:
        steps[_second(job.start)] += job.slots
        steps[_second(job.end)] -= job.slots
    return array("q", list(accumulate(steps))[:SECONDS])


def autoscaled(used: array[int]) -> array[int]:
    """Return the slots scaled up beyond the baseline of `prod`: steps of 50, kept for 60 s after their last use."""
    scaled = array("q", bytes(8 * SECONDS))
    held: list[tuple[int, int]] = []  # (until, slots), slots falling
    for second, slots in enumerate(used):
        need = -(-max(0, slots - PROD.baseline) // STEP) * STEP
        if need:
            held = [(until, size) for until, size in held if size > need] + [(second + HOLD_SECONDS, need)]
        while held and held[0][0] <= second:
            held.pop(0)
        if held:
            scaled[second] = held[0][1]
    return scaled


def use(runs: list[Run], prod_used: array[int]) -> None:
    """Fill in what every run used: what it asked for; on `bi` no more than the baseline and what `prod` leaves idle."""
    bi_asked = asked(run.job for run in runs if run.job.reservation == "bi")
    for run in runs:
        job = run.job
        for hour, start, end in hours(job.start, job.end):
            if job.reservation != "bi":
                run.slot_ms[hour] += job.slots * (end - start)
                continue
            for second in range(_second(start), _second(end)):
                there = BI.baseline + max(0, PROD.baseline - prod_used[second])
                granted = min(1.0, there / bi_asked[second])
                run.slot_ms[hour] += round(job.slots * granted * SECOND)
