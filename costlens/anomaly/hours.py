"""The day that is not over: what each series cost by now, against what it had cost some hours later on each of the days before.

Work that comes a few hours earlier than usual is no news, hence the hours later. The detector of whole days judges these sums as well:
weekdays, month ends, growth and rare work are known here as there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import ibis
import numpy as np

from costlens.anomaly import ledger_series
from costlens.anomaly.causes import Candidate
from costlens.anomaly.detector import Verdicts, judge
from costlens.anomaly.events import Event
from costlens.anomaly.so_far import SoFar
from costlens.daily import owned
from costlens.reading import day_number

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from costlens.anomaly.baseline import Tuning
    from costlens.anomaly.ledger_series import SeriesOf
    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot

    Floats = NDArray[np.float64]

#: So many hours earlier than usual may work come.
LEAD = 4
PAST_DAYS = 42
_HOUR = 3_600_000_000
_CHARGES = (
    "source", "day", "hour", "category", "currency", "status", "pool", "pool_id", "query_id", "object_id", "units", "cost", "list_cost",
)  # fmt: skip
_QUERIES = (
    "source", "query_id", "day", "user", "role", "shape", "pool", "account", "region", "ended_at", "execution_ms", "bytes_scanned",
)  # fmt: skip


@dataclass(frozen=True)
class Running:
    """A day that is not over; `until` is how many of its hours are known of each source.

    `spent` is a table as `ledger_series.read` returns it, of what is metered by the hour: the day itself up to `until`, the days before
    up to `LEAD` hours later.
    """

    day: int
    spent: ir.Table
    until: Mapping[str, int]

    def so_far(self, source: str, values: Floats) -> SoFar:
        """Say how far a series is known whose last value is the day's; a series of many sources as far as the slowest of them."""
        hours = self.until[source] if source else min(self.until.values())
        midnight = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(days=self.day)
        usual = midnight + timedelta(hours=min(hours + LEAD, 24))
        first = self.day - len(values) + 1
        days = ((ledger_series.day(first + number), float(cost)) for number, cost in enumerate(values) if cost == cost)
        return SoFar(midnight + timedelta(hours=hours), usual, tuple(days))


def read(ledger: Ledger, snapshot: Snapshot, engine: Engine, as_of: datetime) -> Running | None:
    """Return the day of `as_of` as far as complete hours of it are known, None where none is."""
    today = day_number(as_of.date())
    since, end = today - PAST_DAYS, today + 1
    charges = ledger.table("charges", snapshot, engine, since=since, until=end, columns=list(_CHARGES))
    left_out = charges.category.isin(list(ledger_series.LEFT_OUT))
    charges = charges.filter(charges.hour.notnull() & charges.currency.notnull() & ~left_out)
    charges = charges.mutate(clock=((charges.hour // _HOUR) % 24).cast("int64"))
    last = charges.filter(charges.day == today).group_by("source").agg(last=charges.clock.max())
    until = {row["source"]: min(row["last"] + 1, as_of.hour) for row in engine.rows(last)}
    until = {source: hours for source, hours in until.items() if hours}
    if not until:
        return None
    hours = ibis.cases(*((charges.source == source, hours) for source, hours in until.items()), else_=0)
    lead = ibis.ifelse((charges.day == today) | (hours == 0), 0, LEAD)
    charges = charges.filter(charges.clock < hours + lead).drop("clock")
    # A query counts on the day it ended, its charges on the days it ran.
    queries = ledger.table("queries", snapshot, engine, since=since, until=end + 1, columns=list(_QUERIES))
    rows = owned(queries, charges, ledger.table("attributions", snapshot, engine, since=since, until=end + 1))
    return Running(today, ledger_series.summed(engine, rows, ledger.estate(snapshot)), until)


def candidates(
    engine: Engine,
    spent: ir.Table,
    running: Running,
    kinds: Collection[str],
    tuning: Tuning,
    floors: Mapping[str, float],
    told: Collection[tuple[str, str, str, str]],
) -> Iterator[Candidate]:
    """Yield the series that cost too much by now; `told` are those (kind, key, source, currency) of which whole days tell.

    `spent` are whole days, `floors` the money by currency below which nothing is told.
    """
    if not floors:
        return
    days = ledger_series.Span(running.day - PAST_DAYS, running.day + 1, running.day)
    for kind in kinds:
        made = ledger_series.series(engine, _dear(running, kind, min(floors.values())), kind, days, known=spent)
        least = np.array([floors.get(currency, np.inf) for _, _, currency in made.names])
        rows = np.flatnonzero(made.values[:, -1] > least) if len(made.names) else np.zeros(0, np.int64)
        rows = np.array([row for row in rows.tolist() if (kind, *made.names[row]) not in told], np.int64)
        for currency in sorted({made.names[row][2] for row in rows.tolist()}):
            mine = np.array([row for row in rows.tolist() if made.names[row][2] == currency])
            verdicts = judge(made.values[mine], days.first, tuning, floors[currency])
            yield from _odd(made, mine, verdicts, running)


def _dear(running: Running, kind: str, floor: float) -> ir.Table:
    """Return the cost of the keys that today cost more than the floor; few do, and the others need not be looked at."""
    spent, column = running.spent, "source" if kind == "source" else kind
    today = (
        spent.filter((spent.day == running.day) & spent[column].notnull()).group_by(column).agg(today=spent.cost.sum())
    )
    return spent.semi_join(today.filter(today.today > floor), column)


def _odd(made: SeriesOf, rows: NDArray[np.int64], told: Verdicts, running: Running) -> Iterator[Candidate]:
    """Yield what the last day alone makes odd: what began before is told of whole days."""
    last = made.values.shape[1] - 1
    for number in np.flatnonzero((told.alarm[:, last] > 0) & (told.began[:, last] == last)).tolist():
        values = made.values[rows[number]]
        band = {name: float(np.nan_to_num(getattr(told, name)[number, last])) for name in ("expected", "low", "high")}
        event = Event(
            row=number,
            began=last,
            first=last,
            last=last,
            form="spike",
            actual=float(values[last]),
            **band,
            score=float(told.score[number, last]),
            days=(last,),
            is_over=False,
        )
        key, source, currency = made.names[rows[number]]
        known = running.so_far(source, values)
        yield Candidate(made.kind, key, source, currency, event, running.day, running.day, known)
