"""The BigQuery totals that the sample must give, in Pacific days as Google bills, from the simulation itself."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from costlens_sample.generate.answer import Shares, book, in_month, rounded
from costlens_sample.generate.bigquery import Project, bytes_billed, is_on_demand
from costlens_sample.generate.bigquery_bill import (
    CURRENCY,
    MIB_STREAMED_PRICE,
    SLOT_HOUR_PRICE,
    STORAGE_PRICES,
    TABLES,
    Bill,
    gib_months,
    pacific_days,
    streamed,
)
from costlens_sample.generate.bigquery_company import PROD, RESERVATIONS, Reservation
from costlens_sample.generate.clock import HOUR, MONTH, SINCE, UNTIL
from costlens_sample.generate.pacific import pacific_day
from costlens_sample.generate.slots import Run


def bigquery(project: Project, bill: Bill) -> dict[str, Any]:
    """Return the October figures of the BigQuery project, October in Pacific time.

    `billed_total` is what the October invoice says, `billed` money per Pacific day and service of use; `pools` holds
    slot-hours; `own` is used slot-hours, no more than were paid in an hour; `hidden` is the money of queries whose
    bytes row-level security hides; `teams` and `found` are as on Snowflake, `hidden` being in `teams` alone.
    """
    paid = {reservation.name: _paid(project, reservation) for reservation in RESERVATIONS}
    used = {reservation.name: _used(project, reservation) for reservation in RESERVATIONS}
    true: Shares = {}
    found: Shares = {}
    hidden = 0.0
    for run in project.runs:
        truth = run.job.truth
        seen = None if truth.evidence == "none" else truth.team
        money = _slots(run, paid, used) + _bytes(run, bill)
        hidden += money if run.job.is_hidden else 0.0
        if money:
            book(true, truth.team, "query", money)
            book(found, seen, "query", 0.0 if run.job.is_hidden else money)
    _objects(true, found)
    invoice = sum(line.cost for line in bill.lines if line.invoice_month == MONTH.replace("-", ""))
    idle = sum(_month(paid[name]) - _own(paid[name], used[name]) for name in paid)
    return {
        "currency": CURRENCY,
        "billed_total": f"{invoice:.6f}",
        "billed": _billed(bill),
        "pools": {
            name: {
                "paid": round(_month(paid[name]), 6),
                "used": round(_month(used[name]), 6),
                "own": round(_own(paid[name], used[name]), 6),
            }
            for name in sorted(paid)
        },
        "tib": round(sum(tib for (day, _), tib in bill.tib.items() if in_month(day)), 9),
        "hidden": round(hidden, 4),
        "idle": round(idle * SLOT_HOUR_PRICE, 4),
        "teams": rounded(true),
        "found": rounded(found),
    }


def _paid(project: Project, reservation: Reservation) -> dict[int, float]:
    """Return slot-hours paid per hour."""
    return {
        hour: reservation.baseline
        + (sum(project.scaled[place * 3_600 : (place + 1) * 3_600]) / 3_600 if reservation is PROD else 0.0)
        for place, hour in enumerate(range(SINCE, UNTIL, HOUR))
    }


def _used(project: Project, reservation: Reservation) -> dict[int, float]:
    used: dict[int, float] = defaultdict(float)
    for run in project.runs:
        if run.job.reservation == reservation.name:
            for hour, slot_ms in run.slot_ms.items():
                used[hour] += slot_ms / HOUR
    return used


def _month(per_hour: dict[int, float]) -> float:
    return sum(units for hour, units in per_hour.items() if in_month(pacific_day(hour)))


def _own(paid: dict[int, float], used: dict[int, float]) -> float:
    return _month({hour: min(paid[hour], units) for hour, units in used.items()})


def _slots(run: Run, paid: dict[str, dict[int, float]], used: dict[str, dict[int, float]]) -> float:
    """Return what a job's slots came to: borrowed ones cost nothing, so that an hour never costs more than was paid."""
    name = run.job.reservation
    if name not in paid:
        return 0.0
    units = 0.0
    for hour, slot_ms in run.slot_ms.items():
        if in_month(pacific_day(hour)):
            units += slot_ms / HOUR * min(1.0, paid[name][hour] / used[name][hour])
    return units * SLOT_HOUR_PRICE


def _bytes(run: Run, bill: Bill) -> float:
    day = pacific_day(run.job.end)
    if not is_on_demand(run.job) or not in_month(day):
        return 0.0
    return bytes_billed(run.job) / 2**40 * bill.tib_price(day, run.job.region)


def _objects(true: Shares, found: Shares) -> None:
    for shares in (true, found):
        for day in filter(in_month, pacific_days()):
            for table in TABLES:
                for kind, price in STORAGE_PRICES.items():
                    book(shares, table.team, "storage", gib_months(table, kind, day) * price)
        for hour, size in streamed().items():
            if in_month(pacific_day(hour)):
                book(shares, "platform", "ingest", size / 2**20 * MIB_STREAMED_PRICE)


def _billed(bill: Bill) -> dict[str, dict[str, float]]:
    sums: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in bill.lines:
        if in_month(line.day):
            sums[line.day][line.service] += line.cost
    return {
        day.isoformat(): {service: round(cost, 6) for service, cost in sorted(part.items())}
        for day, part in sorted(sums.items())
    }
