"""What Snowflake bills beside warehouses: serverless features with their object, AI, storage, transfer."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costlens_sample.generate.account import Account
from costlens_sample.generate.clock import HOUR, SINCE, UNTIL, at, chance, days, hour_of
from costlens_sample.generate.company import MODELS, SOURCES

TIB = 2**40


@dataclass(frozen=True)
class Thing:
    """A table, pipe, task or warehouse that a serverless feature works for, and the team that owns it."""

    id: int
    name: str  # as DATABASE.SCHEMA.NAME, a warehouse by its name alone
    kind: str
    asset: str | None
    team: str | None


@dataclass(frozen=True)
class Line:
    """Credits that one feature used for one object from `start` to `end`."""

    service: str
    thing: Thing
    start: int
    end: int
    credits: Decimal
    query_id: str | None = None


CLUSTERED = Thing(501, "ANALYTICS.CONTENT.ARTIST_DAILY_STREAMS", "TABLE", "content/artist_daily_streams", "content")
CLUSTERED_PLAYS = Thing(502, "ANALYTICS.STAGING.STG_APP__PLAYS", "TABLE", "staging/stg_app__plays", "content")
VIEW = Thing(
    503, "ANALYTICS.GROWTH.LISTENERS_BY_REGION_MV", "MATERIALIZED_VIEW", "growth/listeners_by_region_mv", "growth"
)
PIPE = Thing(504, "RAW.APP.PLAY_PIPE", "PIPE", "raw/app/play", "platform")
TASK = Thing(505, "ANALYTICS.FINANCE.LEDGER_CLOSE", "TASK", "finance/ledger_close", "finance")
SEARCHED = Thing(506, "ANALYTICS.PAYMENTS.FCT_CHARGES", "TABLE", "payments/fct_charges", "payments")
MODEL_CALLS = Thing(507, "AI_COMPLETE", "FUNCTION", "content/editorial_picks", "content")

#: service, object, hours between, credits each
_PLAN = (
    ("AUTO_CLUSTERING", CLUSTERED, 3, 0.55),
    ("AUTO_CLUSTERING", CLUSTERED_PLAYS, 6, 0.4),
    ("MATERIALIZED_VIEW", VIEW, 4, 0.16),
    ("PIPE", PIPE, 1, 0.12),
    ("SERVERLESS_TASK", TASK, 6, 0.5),
    ("SEARCH_OPTIMIZATION", SEARCHED, 12, 0.45),
)


def _nine(value: float) -> Decimal:
    return Decimal(repr(round(value, 9)))


def lines(account: Account) -> list[Line]:
    """Return every serverless line, by start; AI lines are in AI credits, the others in platform credits."""
    found = [*_planned(), *_acceleration(account), *_model_calls(account)]
    return sorted(found, key=lambda line: (line.start, line.service, line.thing.id))


def _planned() -> Iterator[Line]:
    random = chance("services")
    for service, thing, every, units in _PLAN:
        for start in range(SINCE, UNTIL, every * HOUR):
            yield Line(service, thing, start, start + HOUR, _nine(units * random.uniform(0.7, 1.3)))


def _acceleration(account: Account) -> Iterator[Line]:
    sums: dict[tuple[int, str, int], float] = defaultdict(float)
    for e in account.executions:
        if e.statement.acceleration and e.warehouse:
            sums[(hour_of(e.started), e.warehouse.name, e.warehouse.id)] += e.statement.acceleration
    for (hour, name, number), units in sorted(sums.items()):
        yield Line("QUERY_ACCELERATION", Thing(number, name, "WAREHOUSE", None, None), hour, hour + HOUR, _nine(units))


def _model_calls(account: Account) -> Iterator[Line]:
    """The editorial picks ask a language model about every new release."""
    random = chance("model calls")
    for e in account.executions:
        if e.statement.truth.asset == MODEL_CALLS.asset and not e.statement.error:
            hour = hour_of(e.started)
            units = _nine(random.uniform(6, 9))
            yield Line("AI_SERVICES", MODEL_CALLS, hour, hour + HOUR, units, e.query_id)


@dataclass(frozen=True)
class Table:
    """A table that is stored; `dropped` ones cost until their fail-safe ends."""

    id: int
    name: str
    active: int
    time_travel: int
    failsafe: int
    asset: str | None
    team: str | None
    is_transient: bool = False
    dropped: date | None = None

    @property
    def bytes(self) -> int:
        return self.active + self.time_travel + self.failsafe


def tables() -> list[Table]:
    """Return what is stored at the end of the sample: about 120 TiB."""
    random = chance("storage")
    rows: list[Table] = []
    for m in MODELS:
        size = round(m.seconds * random.uniform(0.8, 1.6) * 2**31)
        is_transient = m.materialized == "table"
        failsafe = 0 if is_transient else size // 3
        rows.append(Table(1_000 + len(rows), m.relation, size, size // 9, failsafe, m.asset, m.team, is_transient))
    for source in SOURCES:
        size = round(source.seconds * random.uniform(0.9, 1.8) * 2**34)
        rows.append(Table(1_000 + len(rows), source.relation, size, size // 12, size // 8, source.asset, "platform"))
    plays = 78 * TIB
    rows.append(Table(1_900, "RAW.APP.PLAY", plays, plays // 40, plays // 30, "raw/app/play", "platform"))
    rows.append(Table(1_901, "ML.SCRATCH.ALL_PAIRS", 9 * TIB, TIB, 2 * TIB, None, None, dropped=date(2026, 10, 30)))
    return rows


def stored(day: date, table: Table) -> int:
    """Return a table's billable bytes on a day: all grow by 0.5 % a day, the scratch table came late."""
    if table.id == 1_901 and day < date(2026, 10, 11):
        return 0
    left = (date(2026, 11, 3) - day).days
    return round(table.bytes * 1.005**-left)


def slices(day: date) -> Decimal:
    """Return the day's part of the month's storage: average TiB / days in the month."""
    month = calendar.monthrange(day.year, day.month)[1]
    return Decimal(sum(stored(day, table) for table in tables())) / TIB / month


def transfers() -> list[tuple[int, int]]:
    """Return (start, bytes) of the nightly copies to Google's region, about 300 GB each."""
    random = chance("transfer")
    return [(at(day, 4), round(random.uniform(0.2, 0.4) * 10**12)) for day in days()]
