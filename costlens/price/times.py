"""Hours, days and billing months as expressions over integer microseconds, and when a day's money stops changing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing

EPOCH = date(1970, 1, 1)
#: A query is split over at most this many hours (416 days); what began before that is bad data.
MOST_HOURS = 10_000

Materialise = Callable[["ir.Table", str], "ir.Table"]
#: Gives up a table that it made.
Forget = Callable[["ir.Table"], None]


def floor_to(at: ir.Value, unit: int) -> ir.Value:
    """Round an instant down to a whole hour or day; by remainder, which stays in integers on every backend."""
    return at - at % unit


def day_of(at: ir.Value) -> ir.Value:
    """Return the UTC day of an instant."""
    return (floor_to(at, DAY) / DAY).round().cast("int32")


def instant_of(day: ir.Value) -> ir.Value:
    """Return the first instant of a UTC day."""
    return day.cast("int64") * DAY


class Steps:
    """Runs the steps of one pricing, and holds the numbers that its calendars are made of."""

    def __init__(self, materialise: Materialise, forget: Forget = lambda table: None) -> None:
        self._materialise, self._forget = materialise, forget
        self._numbers: ir.Table | None = None
        self._made: list[ir.Table] = []

    def __call__(self, rows: ir.Table, hint: str) -> ir.Table:
        """Run an expression and return a table that holds its rows."""
        self._made.append(self._materialise(rows, hint))
        return self._made[-1]

    @contextmanager
    def stage(self) -> Iterator[list[ir.Table]]:
        """Forget at the end what is made within, but for the tables that the block puts into the list.

        An engine whose memory is full of what nobody asks for again writes it to disk, and all that comes after takes longer.
        """
        first = len(self._made)
        kept: list[ir.Table] = []
        yield kept
        made, self._made[first:] = self._made[first:], kept
        for table in made:
            if table is not self._numbers and not any(table is other for other in kept):
                self._forget(table)

    def forget(self, *tables: ir.Table) -> None:
        """Give up tables that were made and that nothing asks for any more."""
        for table in tables:
            self._forget(table)

    def counts_to(self, steps: ir.Table) -> ir.Table:
        """Return the pairs (`steps`, `step`) with 0 <= step <= steps for each number in the one column of `steps`."""
        if self._numbers is None:
            digit = ibis.union(*[ibis.literal(n).cast("int64").name("step").as_table() for n in range(10)])
            self._numbers = self(_digits(self(_digits(digit, 10), "numbers"), 100), "numbers")
        wanted = self(steps.distinct(), "steps")
        numbers = self._numbers
        return self(wanted.join(numbers, [numbers.step <= wanted.steps]).select("steps", "step"), "counts")


def _digits(numbers: ir.Table, base: int) -> ir.Table:
    """Return the numbers of two digits, each one of `numbers`."""
    both = numbers.cross_join(numbers.select(high=numbers.step))
    return both.select(step=both.step + both.high * base)


def split(spans: ir.Table, unit: int, materialise: Steps) -> ir.Table:
    """Cut spans [a, b) at whole hours or days: adds `at` (start of the piece's hour or day), `crosses`, and clips a and b.

    Only spans that cross a mark are joined with a calendar.
    """
    begin = ibis.ifelse(spans.b - spans.a > MOST_HOURS * unit, spans.b - (MOST_HOURS - 1) * unit, spans.a)
    spans = spans.mutate(a=begin)
    marked = spans.mutate(at=floor_to(spans.a, unit), end_at=floor_to(spans.b - 1, unit))
    whole = marked.filter(marked.at == marked.end_at).drop("end_at").mutate(crosses=ibis.literal(False))
    crossing = marked.filter(marked.at < marked.end_at)
    crossing = materialise(
        crossing.mutate(steps=((crossing.end_at - crossing.at) / unit).round().cast("int64")), "crossing"
    )
    joined = crossing.join(materialise.counts_to(crossing.select("steps")), "steps")
    joined = joined.mutate(at=joined.at + joined.step * unit, crosses=ibis.literal(True))
    pieces = joined.mutate(
        a=ibis.ifelse(joined.a > joined.at, joined.a, joined.at),
        b=ibis.ifelse(joined.b < joined.at + unit, joined.b, joined.at + unit),
    )
    return ibis.union(whole, pieces.select(*whole.columns))


def day_to_date(day: int) -> date:
    """Return the calendar date of a day number."""
    return EPOCH + timedelta(days=day)


def instant(on: date, zone: str) -> int:
    """Return the instant at which a date begins in a zone, in microseconds."""
    at = datetime.combine(on, time(), ZoneInfo(zone)).astimezone(timezone.utc)
    return int(at.timestamp()) * 1_000_000


def month_after(on: date) -> date:
    """Return the first day of the next month."""
    return date(on.year + on.month // 12, on.month % 12 + 1, 1)


def billing_period(at: ir.Value, days: Collection[int], zone: str) -> ir.Value:
    """Return the billing month, YYYY-MM, of an instant on one of `days` (or a day beside them); boundaries come as data."""
    month = day_to_date(min(days) - 2).replace(day=1)
    last = day_to_date(max(days) + 2)
    branches = []
    while month <= last:
        following = month_after(month)
        branches.append((at < instant(following, zone), f"{month:%Y-%m}"))
        month = following
    return ibis.cases(*branches, else_=ibis.null("string"))


def billing_day(at: ir.Value, days: Collection[int], zone: str) -> ir.Value:
    """Return the vendor's calendar day of an instant on one of `days`; a day of 23 or 25 hours is one day."""
    if zone == "UTC":
        return day_of(at)
    uneven: list[tuple[ir.Value, ir.Value]] = []  # days that are not 24 hours long
    offsets: list[tuple[int, int]] = []  # until when which offset of the zone holds
    for day in range(min(days) - 2, max(days) + 3):
        begin, end = instant(day_to_date(day), zone), instant(day_to_date(day + 1), zone)
        if end - begin != DAY:
            uneven.append(((at >= begin) & (at < end), ibis.literal(day, "int32")))
        if not offsets or offsets[-1][1] != day * DAY - begin:
            offsets.append((end, day * DAY - begin))
        offsets[-1] = (end, offsets[-1][1])
    offset = ibis.cases(*[(at < until, ibis.literal(by, "int64")) for until, by in offsets], else_=offsets[-1][1])
    return ibis.cases(*uneven, else_=day_of(at + offset)) if uneven else day_of(at + offset)


def rates_final_at(day: int, billing: Billing) -> int:
    """Return the instant from which the vendor's money of a day no longer changes, in microseconds."""
    closing = month_after(day_to_date(day)).replace(day=billing.rates_final_day) + timedelta(days=1)
    return instant(closing, billing.calendar)


def weights_final_at(day: int, billing: Billing) -> int:
    """Return the instant from which the weights of a UTC day no longer change, in microseconds."""
    return (day + 1) * DAY + round(billing.final_after.total_seconds() * 1_000_000)


def final_at(day: int, billing: Billing) -> int:
    """Return the instant from which every charge of a day is final, in microseconds."""
    return max(weights_final_at(day, billing), rates_final_at(day, billing))


def turned_final(days: Iterable[int], before: int, after: int, billing: Billing) -> set[int]:
    """Return the days whose status differs between two `as_of`: they are to be priced again though no fact changed."""
    turned = set()
    for day in days:
        flips = (weights_final_at(day, billing), rates_final_at(day, billing))
        if any((before >= at) != (after >= at) for at in flips):
            turned.add(day)
    return turned
