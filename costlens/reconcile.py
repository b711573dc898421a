"""Reconciles a month: what was metered (facts times rates), what was charged, what was billed, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens import registry
from costlens.details import once
from costlens.price.money import rate_table, rated
from costlens.price.overhead import billed_overhead
from costlens.price.times import Steps, billing_period, instant_of
from costlens.rounding import CENT

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Connector
    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot

ZERO = Decimal(0)
TEBIBYTE = 1 << 40
#: Below half a cent a difference is none.
HALF_CENT = Decimal("0.005")


@dataclass
class Reconciliation:
    """Money of one currency in one month, unrounded; `billed` is None where no bill was read."""

    currency: str
    metered: Decimal = ZERO
    charged: Decimal = ZERO
    billed: Decimal | None = None
    estimated: Decimal = ZERO
    adjusted: Decimal = ZERO
    beside: Decimal = ZERO
    """Charges taken from the bill alone: nothing of theirs is metered."""
    reasons: list[str] = field(default_factory=list)

    @property
    def residual(self) -> Decimal | None:
        return None if self.billed is None else self.billed - self.charged

    @property
    def unexplained(self) -> Decimal:
        """What is charged beyond the metered, the estimated, the adjustments and what only the bill has."""
        return self.charged - self.metered - self.estimated - self.adjusted - self.beside

    def in_cents(self) -> dict[str, Decimal]:
        """Return the parts of what is charged in cents, that add up to it: the odd cent goes to the largest, metered."""
        names = ("estimated", "adjusted", "beside", "unexplained")
        parts = {name: getattr(self, name).quantize(CENT) for name in names}
        return {"metered": self.charged.quantize(CENT) - sum(parts.values(), ZERO), **parts}

    def lines(self) -> list[str]:
        """Return the reasons, and as the last line the four figures."""
        shown = "not known" if self.billed is None else _cents(self.billed)
        residual = "not known" if self.residual is None else _cents(self.residual)
        metered = _cents(self.in_cents()["metered"])
        figures = f"metered {metered}, charged {_cents(self.charged)}, billed {shown}, residual {residual}"
        return [*(f"  {reason}" for reason in self.reasons), f"{self.currency}: {figures}"]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as text, cents, for JSON."""
        figures = {"charged": self.charged, "billed": self.billed, **self.in_cents()}
        return {
            "currency": self.currency,
            **{key: None if value is None else _plain(value) for key, value in figures.items()},
            "residual": None if self.residual is None else _plain(self.residual),
            "reasons": self.reasons,
        }


def reconcile(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, month: str, source: str | None
) -> dict[str, Reconciliation]:
    """Return the reconciliation of each currency of a billing month.

    Metered is computed anew from the facts and the rates of the day, apart from the charges, so that the two can disagree.
    """
    found: dict[str, Reconciliation] = {}
    kinds = snapshot.info.get("types", {})
    for name in sorted(kinds):
        if source in (None, name):
            books = _Month(ledger, snapshot, engine, month, name, registry.connector(kinds[name]))
            books.add_to(found)
    for balance in found.values():
        balance.reasons.extend(_reasons(balance))
    return found


class _Month:
    """The books of one source in one month."""

    def __init__(
        self, ledger: Ledger, snapshot: Snapshot, engine: Engine, month: str, source: str, kind: type[Connector]
    ) -> None:
        first = date(int(month[:4]), int(month[5:]), 1)
        start = first.toordinal() - date(1970, 1, 1).toordinal()
        self.days = range(start - 1, start + 33)
        self.month, self.engine, self.billing = month, engine, kind.billing
        self.tables = {
            name: ledger.table(name, snapshot, engine, source=source, days=self.days)
            for name in ("metering", "usage", "bill", "rates", "queries", "charges")
        }
        self.tables["usage"] = once(self.tables["usage"], self.billing.details)
        self.tables.update(kind.settle(self.tables))
        rates = self.tables["rates"]
        self.prices = rate_table(rates.filter(rates.feed == "resolved"), Steps(engine.materialise))

    def add_to(self, found: dict[str, Reconciliation]) -> None:
        charges = self.tables["charges"]
        mine = charges.filter(charges.billing_period == self.month)
        sums = mine.group_by(["currency", "category", "status", "method"]).agg(cost=mine.cost.sum())
        for row in self.engine.rows(sums):
            if row["currency"] is None:
                continue
            balance = found.setdefault(row["currency"], Reconciliation(row["currency"]))
            balance.charged += row["cost"]
            balance.estimated += row["cost"] if row["status"] == "estimated" else ZERO
            balance.adjusted += row["cost"] if row["category"] == "adjustment" else ZERO
            balance.beside += row["cost"] if row["category"] != "adjustment" and row["method"] == "billed" else ZERO
        for row in self._metered():
            if row["currency"] is not None:
                found.setdefault(row["currency"], Reconciliation(row["currency"])).metered += row["cost"]
        for currency, cost in self._billed().items():
            balance = found.setdefault(currency, Reconciliation(currency))
            balance.billed = (balance.billed or ZERO) + cost

    def _metered(self) -> Iterable[dict[str, Any]]:
        lines = ibis.union(
            *(self._in_month(rows) for rows in (self._pools(), self._overhead(), self._lines(), self._bytes()))
        )
        priced = rated(lines, self.prices)
        cost = (priced.units.cast("decimal(26, 12)") * priced.price.cast("decimal(20, 12)")).cast("decimal(28, 12)")
        rows = priced.mutate(cost=cost)
        return self.engine.rows(rows.group_by("currency").agg(cost=rows.cost.sum()))

    def _pools(self) -> ir.Table:
        rows = self.tables["metering"]
        return rows.select("day", "account", "region", "service", "unit", at=rows.hour, units=rows.units)

    def _overhead(self) -> ir.Table:
        """Return the day's overhead beyond what is free: of it a pool's own figure is only the measure."""
        billed = billed_overhead(self.tables, self.billing, self.days, Steps(self.engine.materialise))
        return billed.select(
            "day",
            "account",
            "region",
            service=ibis.literal(self.billing.overhead_service, "string"),
            unit=ibis.literal(self.billing.pool_unit),
            at=instant_of(billed.day),
            units=billed.billed.cast("decimal(38, 12)"),
        )

    def _lines(self) -> ir.Table:
        rows = self.tables["usage"]
        return rows.select("day", "account", "region", "service", "unit", at=rows.started_at, units=rows.units)

    def _bytes(self) -> ir.Table:
        rows = self.tables["queries"]
        rows = rows.filter(rows.bytes_billed.notnull() & (rows.pool_kind == "on-demand"))
        return rows.select(
            "day",
            "account",
            "region",
            service=ibis.literal(self.billing.bytes_service, "string"),
            unit=ibis.literal("TiB"),
            at=rows.ended_at,
            units=(rows.bytes_billed / float(TEBIBYTE)).cast("decimal(38, 12)"),
        )

    def _in_month(self, rows: ir.Table) -> ir.Table:
        return rows.filter(billing_period(rows["at"], self.days, self.billing.calendar) == self.month).drop("at")

    def _billed(self) -> dict[str, Decimal]:
        """Return the vendor's money where it is there, else its units times the rate."""
        bill = self.tables["bill"].filter(self.tables["bill"].billing_period == self.month)
        money = bill.filter(bill.cost.notnull())
        costs = {
            row["currency"]: row["cost"]
            for row in self.engine.rows(money.group_by("currency").agg(cost=money.cost.sum()))
        }
        if costs:
            return costs
        units = bill.filter(bill.units.notnull())
        owed = units.mutate(units=units.units + units.adjustment_units.fill_null(0)).select(
            "day", "account", "region", "service", "unit", "units"
        )
        priced = rated(owed, self.prices)
        cost = (priced.units.cast("decimal(26, 12)") * priced.price.cast("decimal(20, 12)")).cast("decimal(28, 12)")
        rows = priced.mutate(cost=cost)
        found = self.engine.rows(rows.group_by("currency").agg(cost=rows.cost.sum()))
        return {row["currency"]: row["cost"] for row in found if row["currency"] is not None}


#: Why money is charged that is not metered.
_WHY = {
    "estimated": "is estimated: hours with queries that the warehouse has not metered",
    "adjusted": "is adjustment: what the bill says differently from units times rate",
    "beside": "is on the bill only: services that nothing is metered for",
    "unexplained": "is charged beyond all that, for no known reason",
}


def _reasons(balance: Reconciliation) -> Iterable[str]:
    cents = balance.in_cents()
    for part, why in _WHY.items():
        if abs(getattr(balance, part)) >= HALF_CENT:
            yield f"{_cents(cents[part])} {why}"
    if balance.billed is None:
        yield "no bill was read: grant the billing views, or wait for the first day's bill"
    elif abs(balance.residual or ZERO) >= HALF_CENT:
        yield f"{_cents(balance.residual or ZERO)} of the bill is not in the charges, or not billed yet"


def _plain(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01")) + 0)


def _cents(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')) + 0:,}"
