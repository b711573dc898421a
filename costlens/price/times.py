"""Hours, days and billing months as expressions over integer microseconds, and when a day's money stops changing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
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


def floor_to(at: ir.Value, unit: int) -> ir.Value:
    """Round an instant down to a whole hour or day; by remainder, which stays in integers on every backend."""
    return at - at % unit


def day_of(at: ir.Value) -> ir.Value:
    """Return the UTC day of an instant."""
    return (floor_to(at, DAY) / DAY).round().cast("int32")


def instant_of(day: ir.Value) -> ir.Value:
    """Return the first instant of a UTC day."""
    return day.cast("int64") * DAY


def empty(schema: dict[str, str]) -> ir.Table:
    """Return a table without rows."""
    row = {name: ibis.null(kind).cast(kind) for name, kind in schema.items()}
    return ibis.literal(1).name("one").as_table().select(**row).filter(ibis.literal(False))


def counts_to(steps: ir.Table, materialise: Materialise) -> ir.Table:
    """Return the pairs (`steps`, `step`) with 0 <= step <= steps for each number in the one column of `steps`."""
    digit = ibis.union(*[ibis.literal(n).cast("int64").name("digit").as_table() for n in range(10)])
    number = digit.select(step=digit.digit)
    for power in (10, 100, 1000):
        more = digit.select(more=digit.digit * power)
        both = number.cross_join(more)
        number = both.select(step=both.step + both.more)
    numbers = materialise(number, "numbers")
    wanted = materialise(steps.distinct(), "steps")
    return materialise(wanted.join(numbers, [numbers.step <= wanted.steps]).select("steps", "step"), "counts")


def split(spans: ir.Table, unit: int, materialise: Materialise) -> ir.Table:
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
    joined = crossing.join(counts_to(crossing.select("steps"), materialise), "steps")
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
    first, last = min(days) - 2, max(days) + 2
    changes: list[tuple[int, int]] = []  # (until, offset of the zone in microseconds)
    for day in range(first, last + 1):
        begin, end = instant(day_to_date(day), zone), instant(day_to_date(day + 1), zone)
        offset = day * DAY - begin
        if changes and changes[-1][1] == offset:
            changes[-1] = (end, offset)
        else:
            changes.append((end, offset))
    # A day that begins at one offset keeps it to its end: that puts all its 23 to 25 hours on it.
    start_of = ibis.cases(
        *[(at < until, ibis.literal(offset, "int64")) for until, offset in changes], else_=changes[-1][1]
    )
    return day_of(at + start_of)


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
