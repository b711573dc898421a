"""Converts a month's lines into one currency by a dated table of rates; without a rate nothing is converted."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from costlens.errors import ConfigError
from costlens.reconcile import Reconciliation
from costlens.statement.build import Facts
from costlens.statement.lines import AMOUNTS, Line, in_cents

_COLUMNS = ("month", "from", "to", "rate", "date", "source")
_PLACES = Decimal("1e-12")


@dataclass(frozen=True)
class Rate:
    """What one unit of a currency is worth in another in a month's statement, of which day and whose figure."""

    month: str
    source: str
    target: str
    rate: Decimal
    dated: date
    origin: str

    def words(self) -> str:
        return f"1 {self.source} = {self.rate} {self.target} of {self.dated} ({self.origin})"

    def as_row(self) -> dict[str, str]:
        """Return it as a row of a rate table."""
        given = (self.month, self.source, self.target, f"{self.rate:f}", self.dated.isoformat(), self.origin)
        return dict(zip(_COLUMNS, given, strict=True))


def read_rates(path: Path) -> tuple[Rate, ...]:
    """Read a rate table; raises ConfigError with the file and the line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
                raise ConfigError(f"{path}: column {missing[0]} is missing: wanted are {', '.join(_COLUMNS)}")
            return tuple(rate_of(row, path, number) for number, row in enumerate(reader, 2))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): correct `statements.rate_table`") from None


def rate_of(row: Mapping[str, str], path: Path | str, number: int) -> Rate:
    """Return a row of a rate table as a rate."""
    try:
        rate, dated = Decimal(row["rate"]), date.fromisoformat(row["date"])
        if rate <= 0:
            raise ValueError
    except (InvalidOperation, ValueError, TypeError):
        raise ConfigError(
            f"{path}, line {number}: `rate` is a number above 0 and `date` a day such as 2026-10-31"
        ) from None
    return Rate(row["month"], row["from"], row["to"], rate, dated, row["source"])


def converted(facts: Facts, currency: str, rates: Iterable[Rate]) -> Facts:
    """Return the facts with all money in one currency; raises ConfigError where the month's rate of a currency is not in the table.

    The month before is converted by its own rates, or left out where there are none. What was billed is told in its own currency by the
    form JSON of the month unconverted; here it is converted by the same rate, so that it still balances.
    """
    table = {(rate.month, rate.source): rate for rate in rates if rate.target == currency}
    used: dict[str, Rate] = {}
    for source in sorted({line.currency for line in facts.lines} - {currency}):
        rate = table.get((facts.month, source))
        if rate is None:
            raise ConfigError(
                f"statements.rate_table: no rate from {source} to {currency} for {facts.month}: add a line"
            )
        used[source] = rate
    before = facts.before
    if before is not None:
        month = f"{date.fromordinal(date.fromisoformat(facts.month + '-01').toordinal() - 1):%Y-%m}"
        past = {source: rate for (when, source), rate in table.items() if when == month}
        known = {currency, *past}
        before = _lines(before, currency, past) if {line.currency for line in before} <= known else None
    return replace(
        facts,
        lines=_lines(facts.lines, currency, used),
        before=before,
        balances=_balances(facts.balances, currency, used),
        budgets={name: budgets for name, budgets in facts.budgets.items() if name == currency},
        converted=tuple(rate.words() for rate in used.values()),
    )


def _lines(lines: Iterable[Line], currency: str, rates: Mapping[str, Rate]) -> tuple[Line, ...]:
    made = []
    for line in lines:
        rate = rates[line.currency].rate if line.currency != currency else Decimal(1)
        money = {name: (getattr(line, name) * rate).quantize(_PLACES) for name in AMOUNTS if name != "units"}
        made.append(line._replace(currency=currency, **money))
    return in_cents(made)


def _balances(
    balances: Mapping[str, Reconciliation], currency: str, rates: Mapping[str, Rate]
) -> dict[str, Reconciliation]:
    whole = Reconciliation(currency)
    for name, balance in sorted(balances.items()):
        if name != currency and name not in rates:
            continue
        rate = rates[name].rate if name != currency else Decimal(1)
        for day in balance.days:
            money = {
                part: (getattr(day, part) * rate).quantize(_PLACES)
                for part in ("metered", "charged", "estimated", "adjusted", "beside")
            }
            billed = None if day.billed is None else (day.billed * rate).quantize(_PLACES)
            made = replace(day, currency=currency, billed=billed, **money)
            whole.add(made)
            whole.days.append(made)
        whole.reasons += [f"{name}: {reason}" for reason in balance.reasons]
    return {currency: whole}
