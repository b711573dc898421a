"""Reconciles a month: what was metered (facts times rates), what was charged, what was billed, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens import registry
from costlens.details import once
from costlens.price.bill import billed_as
from costlens.price.money import rate_table, rated
from costlens.price.overhead import billed_overhead
from costlens.price.times import EPOCH, Steps, billing_day, billing_period, instant_of
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
#: An adjustment up to this part of a day's charges is the vendor's own rounding of units and rates.
ROUNDING_SHARE = Decimal("0.005")


@dataclass
class Balance:
    """Money of one currency, unrounded, of one day and service or of a whole month; `billed` is None where no bill was read."""

    currency: str
    metered: Decimal = ZERO
    charged: Decimal = ZERO
    billed: Decimal | None = None
    estimated: Decimal = ZERO
    adjusted: Decimal = ZERO
    beside: Decimal = ZERO
    """Charges taken from the bill alone: nothing of theirs is metered."""

    @property
    def residual(self) -> Decimal | None:
        return None if self.billed is None else self.billed - self.charged

    @property
    def unexplained(self) -> Decimal:
        """What is charged beyond the metered, the estimated, the adjustments and what only the bill has."""
        return self.charged - self.metered - self.estimated - self.adjusted - self.beside

    def add(self, other: Balance) -> None:
        """Add another balance of the same currency."""
        for name in ("metered", "charged", "estimated", "adjusted", "beside"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.billed is not None:
            self.billed = (self.billed or ZERO) + other.billed


@dataclass
class DayBalance(Balance):
    """The balance of one source's service, as billed, on one day of the vendor's calendar."""

    source: str = ""
    service: str = ""
    day: date = EPOCH
    hidden: int = 0
    """Jobs whose bytes the vendor does not show: row-level security."""
    reason: str = ""
    """Why bill and charges differ, or why the charges needed the bill; nothing where they do not."""


@dataclass
class Reconciliation(Balance):
    """Money of one currency in one month, unrounded, with its days; `billed` is None where no bill was read."""

    reasons: list[str] = field(default_factory=list)
    days: list[DayBalance] = field(default_factory=list)

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
            days = books.balances()
            _give_reasons(days)
            for day in days:
                balance = found.setdefault(day.currency, Reconciliation(day.currency))
                balance.add(day)
                balance.days.append(day)
    for balance in found.values():
        balance.reasons.extend(_reasons(balance))
        balance.days.sort(key=lambda one: (one.source, one.service, one.day))
    return found


class _Month:
    """The books of one source in one month."""

    def __init__(
        self, ledger: Ledger, snapshot: Snapshot, engine: Engine, month: str, source: str, kind: type[Connector]
    ) -> None:
        first = date(int(month[:4]), int(month[5:]), 1)
        start = first.toordinal() - EPOCH.toordinal()
        self.days = range(start - 1, start + 33)
        self.month, self.source, self.engine, self.billing = month, source, engine, kind.billing
        self.tables = {
            name: ledger.table(name, snapshot, engine, source=source, days=self.days)
            for name in ("metering", "usage", "bill", "rates", "queries", "charges")
        }
        self.tables["usage"] = once(self.tables["usage"], self.billing.details)
        self.tables.update(kind.settle(self.tables))
        rates = self.tables["rates"]
        self.prices = rate_table(rates.filter(rates.feed == "resolved"), Steps(engine.materialise))
        self._found: dict[tuple[str, str, int], DayBalance] = {}

    def balances(self) -> list[DayBalance]:
        """Return the balance of each currency, service and day."""
        for row in self._charged():
            balance = self._of(row)
            balance.charged += row["cost"]
            balance.estimated += row["cost"] if row["status"] == "estimated" else ZERO
            balance.adjusted += row["cost"] if row["category"] == "adjustment" else ZERO
            balance.beside += row["cost"] if row["category"] != "adjustment" and row["method"] == "billed" else ZERO
        for row in self._metered():
            if row["currency"] is not None:
                balance = self._of(row)
                balance.metered += row["cost"]
                balance.hidden += row["hidden"]
        for row in self._billed():
            balance = self._of(row)
            balance.billed = (balance.billed or ZERO) + row["cost"]
        return list(self._found.values())

    def _of(self, row: dict[str, Any]) -> DayBalance:
        key = (row["currency"], row["service"] or "", row["on"])
        made = DayBalance(
            row["currency"], source=self.source, service=key[1], day=EPOCH + timedelta(days=row["on"] or 0)
        )
        return self._found.setdefault(key, made)

    def _charged(self) -> Iterable[dict[str, Any]]:
        charges = self.tables["charges"]
        mine = charges.filter((charges.billing_period == self.month) & charges.currency.notnull())
        begun = ibis.coalesce(mine.hour, mine.started_at)
        on = billing_day(begun, self.days, self.billing.calendar).fill_null(mine.day)
        # What only the bill says is booked on the bill's own date.
        on = ibis.ifelse((mine.method == "billed").fill_null(False), mine.day, on)
        keyed = mine.mutate(on=on, service=billed_as(mine.service, self.billing))
        keys = ["currency", "service", "on", "category", "status", "method"]
        return self.engine.rows(keyed.group_by(keys).agg(cost=keyed.cost.sum()))

    def _metered(self) -> Iterable[dict[str, Any]]:
        parts = [self._pools(), self._overhead(), self._lines()]
        if self.billing.bytes_service is not None:
            parts.append(self._bytes())
        lines = ibis.union(*(self._in_month(rows) for rows in parts))
        priced = rated(lines, self.prices)
        rows = priced.mutate(cost=_money(priced), service=billed_as(priced.service, self.billing))
        return self.engine.rows(
            rows.group_by("currency", "service", "on").agg(cost=rows.cost.sum(), hidden=rows.hidden.sum())
        )

    def _pools(self) -> ir.Table:
        rows = self.tables["metering"]
        return rows.select("day", "account", "region", "service", "unit", at=rows.hour, units=rows.units, hidden=0)

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
            hidden=0,
        )

    def _lines(self) -> ir.Table:
        rows = self.tables["usage"]
        return rows.select(
            "day", "account", "region", "service", "unit", at=rows.started_at, units=rows.units, hidden=0
        )

    def _bytes(self) -> ir.Table:
        """Return the jobs billed by bytes; those whose bytes are hidden are counted, though nothing can be metered for them."""
        rows = self.tables["queries"]
        rows = rows.filter(
            (rows.pool_kind == "on-demand") & (rows.bytes_billed.notnull() | rows.bytes_scanned.isnull())
        )
        is_hidden = rows.bytes_billed.isnull() & (rows.status == "success") & ~rows.from_cache.fill_null(False)
        return rows.select(
            "day",
            "account",
            "region",
            service=ibis.literal(self.billing.bytes_service, "string"),
            unit=ibis.literal("TiB"),
            at=rows.ended_at,
            units=(rows.bytes_billed.fill_null(0) / float(TEBIBYTE)).cast("decimal(38, 12)"),
            hidden=ibis.ifelse(is_hidden.fill_null(False), 1, 0),
        )

    def _in_month(self, rows: ir.Table) -> ir.Table:
        mine = rows.filter(billing_period(rows["at"], self.days, self.billing.calendar) == self.month)
        on = billing_day(mine["at"], self.days, self.billing.calendar)
        return mine.mutate(on=on.cast("int32"), hidden=mine.hidden.cast("int64")).drop("at")

    def _billed(self) -> Iterable[dict[str, Any]]:
        """Return the vendor's money where it is there, else its units times the rate."""
        bill = self.tables["bill"].filter(self.tables["bill"].billing_period == self.month)
        bill = bill.mutate(name=billed_as(bill.service, self.billing))
        money = bill.filter(bill.cost.notnull())
        keys = {"currency": money.currency, "service": money.name, "on": money.day}
        costs = self.engine.rows(money.group_by(**keys).agg(cost=money.cost.sum()))
        if costs:
            return costs
        units = bill.filter(bill.units.notnull())
        owed = units.mutate(units=units.units + units.adjustment_units.fill_null(0)).select(
            "day", "account", "region", "service", "unit", "units"
        )
        priced = rated(owed, self.prices)
        rows = priced.mutate(cost=_money(priced), service=billed_as(priced.service, self.billing), on=priced.day)
        found = self.engine.rows(rows.group_by("currency", "service", "on").agg(cost=rows.cost.sum()))
        return [row for row in found if row["currency"] is not None]


def _money(priced: ir.Table) -> ir.Value:
    return (priced.units.cast("decimal(26, 12)") * priced.price.cast("decimal(20, 12)")).cast("decimal(28, 12)")


def _give_reasons(days: list[DayBalance]) -> None:
    """Say for each day and service of a source why it is not settled by what was metered."""
    billed = [one for one in days if one.billed is not None]
    last = max((one.day for one in billed), default=None)
    names = {one.service for one in billed}
    for one in days:
        one.reason = _of_residual(one, last, names) or _of_adjustment(one)


def _of_residual(one: DayBalance, last: date | None, names: set[str]) -> str:
    if last is None:
        return "no bill was read"
    if one.billed is None and abs(one.charged) >= HALF_CENT:
        if one.day > last:
            return "not yet billed"
        if one.service not in names:
            return "unmapped service: no line of the bill has its name"
        return "no line of the bill on this day"
    residual = (one.billed or ZERO) - one.charged
    if abs(residual) < HALF_CENT:
        return ""
    if not one.charged:
        return f"billed and not charged: run `costlens sync --since {one.day}`"
    return "rounding" if abs(residual) <= CENT else "the bill was restated after the day was priced: sync again"


def _of_adjustment(one: DayBalance) -> str:
    if one.beside and not one.metered:
        return "on the bill only: nothing of it is metered"
    if one.hidden:
        jobs = "1 job" if one.hidden == 1 else f"{one.hidden:,} jobs"
        return f"bytes of {jobs} are hidden (row-level security): priced from the bill"
    if abs(one.adjusted) < HALF_CENT:
        return ""
    if abs(one.adjusted) <= abs(one.charged) * ROUNDING_SHARE:
        return "rounding of the vendor's units and rates"
    return "credits, discounts or prices that only the bill knows"


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
