"""The totals that the sample must give, from the simulation itself: no figure here passes through CostLens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from costlens_sample.generate.account import Account
from costlens_sample.generate.billing import CURRENCY, NAMES, PRICES, UNMETERED, Bill
from costlens_sample.generate.clock import MONTH, day_of, days, utc
from costlens_sample.generate.services import TIB, Line, slices, stored, tables

NOBODY = "none"
Shares = dict[str, dict[str, float]]  # team -> category -> money

_CATEGORIES = {"PIPE": "ingest", "AI_SERVICES": "ai", "QUERY_ACCELERATION": "acceleration"}


def in_month(day: date) -> bool:
    return f"{day:%Y-%m}" == MONTH


def book(shares: Shares, team: str | None, category: str, money: float) -> None:
    """Add money to a team, or to nobody."""
    of_team = shares.setdefault(team or NOBODY, {})
    of_team[category] = of_team.get(category, 0.0) + money


def rounded(shares: Shares) -> dict[str, dict[str, float]]:
    """Return the shares in order, with four decimal places."""
    return {team: {c: round(v, 4) for c, v in sorted(part.items())} for team, part in sorted(shares.items())}


def snowflake(account: Account, bill: Bill) -> dict[str, Any]:
    """Return the October figures of the Snowflake account.

    `pools` holds the credits that the hourly view lists; `services` what the day's bill in credits says; `billed` money
    per day and service of the money views; `teams` is the truth; `found` is what the marks on queries and the rules on
    principals lead to, with the rest under `none`; `idle` is nobody's.
    """
    true: Shares = {}
    found: Shares = {}
    _queries(account, bill, true, found)
    _objects(account, bill, true, found)
    _storage(true, found)
    idle = sum(
        entry.compute - entry.own
        for (_, hour), entry in bill.hours.items()
        if in_month(day_of(hour)) and entry.own is not None
    )
    total = sum(line.cost for line in bill.money if in_month(line.day))
    return {
        "currency": CURRENCY,
        "billed_total": str(total),
        "billed": _billed(bill),
        "pools": _pools(bill),
        "services": _services(bill),
        "unmetered": {
            "pool": UNMETERED[0],
            "hour": utc(UNMETERED[1]).isoformat(),
            "credits": str(bill.hours[UNMETERED].compute),
        },
        "idle": round(float(idle) * float(PRICES["compute"]), 4),
        "teams": rounded(true),
        "found": rounded(found),
    }


def _pools(bill: Bill) -> dict[str, dict[str, str | None]]:
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    adaptive = set()
    for (pool, hour), entry in bill.hours.items():
        if not in_month(day_of(hour)) or (pool, hour) == UNMETERED:
            continue
        sums[pool]["compute"] += entry.compute
        sums[pool]["overhead"] += entry.overhead
        sums[pool]["own"] += entry.own or Decimal(0)
        if entry.own is None:
            adaptive.add(pool)
    return {
        pool: {key: None if key == "own" and pool in adaptive else str(value) for key, value in sorted(part.items())}
        for pool, part in sorted(sums.items())
    }


def _services(bill: Bill) -> dict[str, str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in bill.days:
        if in_month(entry.day):
            sums[entry.service] += entry.billed
    return {service: str(units) for service, units in sorted(sums.items())}


def _billed(bill: Bill) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for line in bill.money:
        if in_month(line.day):
            sums[line.day.isoformat()][line.service] += line.cost
    return {day: {service: str(cost) for service, cost in sorted(part.items())} for day, part in sorted(sums.items())}


def _overhead_price(bill: Bill) -> Mapping[date, float]:
    """Return what a cloud-services credit came to on each day, after the 10 % rule."""
    prices = {}
    for day in days():
        entry = bill.warehouses(day)
        billed = float((entry.overhead + entry.adjustment) * PRICES["compute"])
        prices[day] = billed / float(entry.overhead) if entry.overhead else 0.0
    return prices


def _queries(account: Account, bill: Bill, true: Shares, found: Shares) -> None:
    overhead_price = _overhead_price(bill)
    for e in account.executions:
        truth = e.statement.truth
        seen = None if truth.evidence == "none" else truth.team
        used = sum(units for hour, units in e.credits.items() if in_month(day_of(hour)))
        ended = day_of(e.ended - 1)
        parts = {"query": used * float(PRICES["compute"])}
        if in_month(ended):
            parts["overhead"] = e.statement.overhead * overhead_price[ended]
        if e.statement.acceleration and in_month(day_of(e.started)):
            parts["acceleration"] = e.statement.acceleration * float(PRICES["compute"])
        for category, money in parts.items():
            if money:
                book(true, truth.team, category, money)
                book(found, seen, category, money)


def _objects(account: Account, bill: Bill, true: Shares, found: Shares) -> None:
    teams = {e.query_id: e.statement.truth.team for e in account.executions}
    for line in bill.lines:
        if line.service == "QUERY_ACCELERATION" or not in_month(day_of(line.start)):
            continue
        money = float(line.credits * PRICES[NAMES[line.service][2]])
        category = _CATEGORIES.get(line.service, "serverless")
        book(true, _team(line, teams), category, money)
        book(found, None if line.query_id else line.thing.team, category, money)


def _team(line: Line, teams: Mapping[str, str]) -> str | None:
    return teams[line.query_id] if line.query_id else line.thing.team


def _storage(true: Shares, found: Shares) -> None:
    for day in filter(in_month, days()):
        whole = sum(stored(day, table) for table in tables()) / TIB
        for table in tables():
            money = float(slices(day) * PRICES["storage"]) * stored(day, table) / TIB / whole
            book(true, table.team, "storage", money)
            book(found, table.team, "storage", money)
