"""Which rule tells of a day that is not over: judged on the sample month, as it is and with bursts and early work put into it.

`whole` holds the day's cost so far against the whole day's band; `by the hour, +N` holds it against what earlier days had cost N hours
later in the day. A look is taken after each hour. A day is falsely told where the whole day, once over, is no anomaly. One line a rule.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
from click.testing import CliRunner

from costlens.anomaly import ledger_series
from costlens.anomaly.baseline import Tuning
from costlens.anomaly.detector import judge
from costlens.commands import main as costlens
from costlens.config import load_config
from costlens.daily import owned
from costlens.engine import Engine
from costlens.estate import Estate
from costlens.ledger import Ledger
from costlens.reading import with_team
from costlens.settings.anomalies import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HOUR = 3_600_000_000
LOOKS = range(1, 24)
LEARNT, INJECTED_FROM = 14, 21
CASES = 120
#: kind, size (in usual days, or as a factor; hours early), length in hours.
EVENTS = (
    ("burst", 1, 1), ("burst", 1, 4), ("burst", 2, 1), ("burst", 2, 4), ("burst", 4, 4),
    ("times", 2, 24), ("times", 3, 24), ("early", 2, 0), ("early", 4, 0),
)  # fmt: skip
LEADS = (None, 0, 2, 4)


@dataclass(frozen=True)
class Month:
    """The sample's series by (series, day, hour), its floor by day, and which whole days are anomalies."""

    first: int
    costs: Floats
    floor: Floats
    odd: NDArray[np.bool_]


def month(folder: Path) -> Month:
    """Load the sample month and sum what is metered by the hour."""
    done = CliRunner().invoke(costlens, ["demo", "--dir", str(folder)])
    assert done.exit_code == 0, done.output
    root = load_config(folder / "costlens.yml").root
    with Ledger.open(root.lake, root.database) as ledger, Engine() as engine:
        at = ledger.snapshot()
        tables = {name: ledger.table(name, at, engine) for name in ("queries", "charges", "attributions")}
        charges = tables["charges"]
        charges = charges.filter(
            charges.hour.notnull() & charges.currency.notnull() & (charges.category != "adjustment")
        )
        rows = with_team(engine, owned(tables["queries"], charges, tables["attributions"]), ledger.estate(at))
        # Summed as days are: a column for each hour. Teams are known by then.
        rows = rows.drop("rule_team").rename(rule_team="team").mutate(day=(rows.hour // HOUR).cast("int64"))
        by_hour = ledger_series.summed(engine, rows, Estate())
        ends = engine.rows(by_hour.aggregate(first=by_hour.day.min(), last=by_hour.day.max()))[0]
        first, last = ends["first"] // 24, ends["last"] // 24
        hours = ledger_series.Span(first * 24, (last + 1) * 24, (last + 1) * 24)
        whole = by_hour.mutate(day=(by_hour.day // 24).cast("int64"))
        days = ledger_series.Span(first, last + 1, last + 1)
        floor = ledger_series.floors(engine, whole, days, Settings().floor_scale)["USD"]
        every = by_hour.select("source").distinct().mutate(day=ibis.range(hours.first, hours.until).unnest())
        made = [ledger_series.series(engine, by_hour, kind, hours, known=every).values for kind in Settings().kinds]
    costs = np.nan_to_num(np.concatenate(made)).reshape(-1, last + 1 - first, 24)
    costs[:, 0] = np.nan
    costs = costs[np.nanmax(costs.sum(2), axis=1) > floor.min()]
    return Month(first, costs, floor, judge(costs.sum(2), first, None, floor).alarm > 0)


def alarms(data: Month, costs: Floats, day: int, lead: int | None) -> NDArray[np.bool_]:
    """Return (series, look): whether the last day is told of after each hour."""
    looks = []
    for hour in LOOKS:
        until = 24 if lead is None else min(hour + lead, 24)
        sums = costs[:, : day + 1, :until].sum(2)
        sums[:, day] = costs[:, day, :hour].sum(1)
        looks.append(sums)
    told = judge(np.concatenate(looks), data.first, Tuning(), data.floor[: day + 1])
    is_told = (told.alarm[:, day] > 0) & (told.began[:, day] == day)
    told_at: NDArray[np.bool_] = is_told.reshape(len(looks), len(costs)).T
    return told_at


def false_and_right(data: Month, lead: int | None) -> tuple[int, int]:
    """Count days told that as a whole are no anomaly, nor within three days of one, and those that are."""
    false = right = 0
    for day in range(LEARNT, data.costs.shape[1]):
        for row in np.flatnonzero(alarms(data, data.costs, day, lead).any(1)).tolist():
            right += int(data.odd[row, day])
            false += int(not data.odd[row, max(0, day - 3) : day + 1].any())
    return false, right


def injected(data: Month, event: tuple[str, int, int], dice: np.random.Generator) -> list[tuple[int, int, Floats]]:
    """Return cases of an event in series that are material and calm: day, hour of its begin, costs."""
    whole = data.costs.sum(2)
    calm = ~data.odd[:, 10:].any(1) & (np.median(whole[:, 15:], 1) > 2 * data.floor[-1])
    kind, size, length = event
    made = []
    for _ in range(CASES):
        row, day = int(dice.choice(np.flatnonzero(calm))), int(dice.integers(INJECTED_FROM, whole.shape[1]))
        costs, begin = data.costs[row].copy(), 0
        if kind == "burst":
            begin = int(dice.integers(0, 25 - length))
            costs[day, begin : begin + length] += size * np.median(whole[row, day - 14 : day]) / length
        elif kind == "times":
            costs[day] *= size
        else:
            costs[day] = np.roll(costs[day], -size)
        made.append((day, begin, costs))
    return made


def found(data: Month, cases: list[tuple[int, int, Floats]], lead: int | None) -> tuple[float, float]:
    """Return the share of cases told on their day, and the median hours from their begin to the word."""
    delays = []
    for day in sorted({day for day, _, _ in cases}):
        mine = [case for case in cases if case[0] == day]
        told = alarms(data, np.stack([costs for _, _, costs in mine]), day, lead)
        delays += [max(LOOKS[int(np.argmax(row))] - mine[i][1], 0) for i, row in enumerate(told) if row.any()]
    return len(delays) / len(cases), float(np.median(delays)) if delays else float("nan")


def run() -> None:
    """Print a line for each rule."""
    with tempfile.TemporaryDirectory() as folder:
        data = month(Path(folder) / "demo")
    dice = np.random.default_rng(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    cases: list[tuple[Any, Any]] = [(event, injected(data, event, dice)) for event in EVENTS]
    days = len(data.costs) * (data.costs.shape[1] - LEARNT)
    print(f"{len(data.costs)} series, {days:,} series-days, a look after each of {len(LOOKS)} hours")
    for lead in LEADS:
        began = time.process_time()
        false, right = false_and_right(data, lead)
        told = [(f"{kind} {size}/{length}h", *found(data, made, lead)) for (kind, size, length), made in cases]
        words = "; ".join(
            f"{name} {share:.2f}" + (f" after {wait:.0f} h" if share else "") for name, share, wait in told
        )
        rule = "whole" if lead is None else f"by the hour, +{lead}"
        print(f"{rule}: false {false}, right {right}; {words} ({time.process_time() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    run()
