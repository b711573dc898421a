"""Small worlds to allocate: queries on pools, idle hours and lines of usage, as charges, attributions and `daily` that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.allocate import DIMENSIONS, Books, Policy, allocate
from costlens.engine import Engine
from costlens.estate import Estate, Ownership
from costlens.model import TABLES, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

HOUR = 3_600_000_000
DAY = 24 * HOUR
FIRST = (date(2026, 10, 1) - date(1970, 1, 1)).days
_ARROW = {
    "text": pa.string(),
    "instant": pa.int64(),
    "day": pa.int32(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
}
ESTATE = Estate(
    ownership=(Ownership("a/growth", "growth"), Ownership("a/sales", "sales"), Ownership("a/core", "platform"))
)


@dataclass
class World:
    """Rows by table; hours are counted from the first of October."""

    charges: list[dict[str, Any]] = field(default_factory=list)
    attributions: list[dict[str, Any]] = field(default_factory=list)
    daily: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)
    pool_events: list[dict[str, Any]] = field(default_factory=list)
    billed_as: list[dict[str, Any]] = field(default_factory=list)

    def charge(self, hour: int, cost: str, category: str = "query", **other: Any) -> dict[str, Any]:
        """Add a charge; one without an owner is nobody's."""
        pool = other.pop("pool", "WH")
        row = {
            "source": "shop",
            "day": FIRST + hour // 24,
            "hour": FIRST * DAY + hour * HOUR,
            "billing_period": "2026-10",
        }
        row |= {"account": "acc", "region": "eu", "service": "WAREHOUSE", "category": category, "currency": "USD"}
        row |= {"unit": "credits", "status": "final", "pool": pool, "pool_id": pool, "cost": Decimal(cost)}
        row |= {"units": Decimal(cost), "list_cost": Decimal(cost), **other}
        self.charges.append(row)
        return row

    def query(
        self, hour: int, cost: str, owner: str | None, *, pool: str = "WH", start: int = 0, end: int = 1, **other: Any
    ) -> None:
        """Add a query that ran from minute `start` to minute `end` of an hour; `owner` is an asset, or `team:NAME`."""
        number = f"q{len(self.queries)}"
        row = self.charge(hour, cost, query_id=number, pool=pool, **other)
        begin = row["hour"]
        self.queries.append(
            {"source": row["source"], "day": row["day"], "query_id": number, "pool_id": pool}
            | {"started_at": begin + start * 60_000_000, "ended_at": begin + end * 60_000_000}
        )
        who = self._who(owner)
        if owner:
            told = {"source": row["source"], "day": row["day"], "subject_kind": "query", "subject_id": number, **who}
            self.attributions.append(told | {"share": 1.0, "method": "tag"})
        self._daily(row, who, queries=1.0, seconds=60.0 * (end - start))

    def idle(
        self,
        hour: int,
        cost: str,
        *,
        pool: str = "WH",
        owner: str | None = None,
        cause: str = "suspend tail",
        **other: Any,
    ) -> None:
        """Add the idle of a pool-hour; `owner` is who the pool belongs to by a rule."""
        row = self.charge(hour, cost, "idle", pool=pool, cause=cause, **other)
        who = self._who(owner)
        if owner:
            told = {"source": row["source"], "day": row["day"], "subject_kind": "pool", "subject_id": pool, **who}
            told |= {"share": 1.0, "method": "principal"}
            if told not in self.attributions:
                self.attributions.append(told)
        self._daily(row, who)

    def line(self, hour: int, cost: str, category: str, owner: str | None = None, **other: Any) -> None:
        """Add a charge that is no query's."""
        row = self.charge(hour, cost, category, pool=other.pop("pool", None), **other)
        self._daily(row, self._who(owner))

    def suspend(self, hour: int, minute: int, pool: str = "WH") -> None:
        at = FIRST * DAY + hour * HOUR + minute * 60_000_000
        self.pool_events.append(
            {"source": "shop", "day": FIRST + hour // 24, "pool_id": pool, "at": at, "event": "suspend"}
        )

    def _daily(self, row: dict[str, Any], who: dict[str, Any], **activity: float) -> None:
        kept = {name: value for name, value in row.items() if name in TABLES["daily"].names}
        self.daily.append({**kept, **who, **activity, "method": "tag" if who else "none"})

    @staticmethod
    def _who(owner: str | None) -> dict[str, Any]:
        if owner is None:
            return {}
        return {"rule_team": owner.removeprefix("team:")} if owner.startswith("team:") else {"asset": owner}

    def allocated(
        self, policy: Policy, estate: Estate = ESTATE, dimensions: Sequence[str] = DIMENSIONS
    ) -> list[dict[str, Any]]:
        """Return the lines that the policy makes of this world."""
        with Engine(threads=1) as engine:
            tables = {name: _table(engine, name, getattr(self, name)) for name in ("charges", "attributions", "daily")}
            billed = pa.table(
                {n: pa.array([r[n] for r in self.billed_as], pa.string()) for n in ("source", "service", "billed_as")}
            )
            books = Books(
                **tables,
                queries=_table(engine, "queries", self.queries),
                pool_events=_table(engine, "pool_events", self.pool_events),
                billed_as=engine.register(billed, "billed_as", [Column(n, "text") for n in billed.column_names]),
                estate=estate,
                days=range(FIRST - 1, FIRST + 33),
            )
            return engine.rows(allocate(books, policy, engine, dimensions))


def _table(engine: Engine, name: str, rows: Sequence[dict[str, Any]]) -> ir.Table:
    columns = TABLES[name].columns
    table = pa.table({c.name: pa.array([row.get(c.name) for row in rows], _ARROW[c.type]) for c in columns})
    return engine.register(table, name, columns)


def by(rows: Sequence[dict[str, Any]], *names: str) -> dict[Any, Decimal]:
    """Return money summed by columns; what comes to nothing is left out."""
    sums: dict[Any, Decimal] = {}
    for row in rows:
        key = row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)
        sums[key] = sums.get(key, Decimal(0)) + row["cost"]
    return {key: amount for key, amount in sums.items() if amount}
