"""Closes a month: its lines are frozen as they are in one snapshot, if the books balance; and opens it again, with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from costlens.errors import CostLensError, UsageError
from costlens.focus.printing import KEPT, kept_rows
from costlens.ledger import closes
from costlens.reconcile import HALF_CENT, Reconciliation
from costlens.render import amount
from costlens.report import first_day, month_end
from costlens.settings.statements import Settings
from costlens.statement.asked import ask, wanted_currency
from costlens.statement.books import fingerprint
from costlens.statement.build import Facts, statement
from costlens.statement.convert import converted
from costlens.statement.forms import FORMS
from costlens.statement.gather import frozen, gather
from costlens.statement.lines import as_row
from costlens.statement.stored import content

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.ledger import Ledger, Snapshot
    from costlens.ledger.closes import Close

#: How many days of a residual are named.
_NAMED = 5


class DoesNotBalance(CostLensError):
    """A month's charges and its bill differ by more than is allowed."""


@dataclass(frozen=True)
class Done:
    """What closing a month came to; `is_new` is False where it was closed already."""

    record: Close
    facts: Facts
    is_new: bool


def close(config: Config, ledger: Ledger, month: str, *, who: str, at: datetime, accepted: str | None = None) -> Done:
    """Freeze a month; a closed one stays as it is.

    Raises UsageError where the month is not over, DoesNotBalance where a residual is above the threshold and `accepted` does not say why
    that is right.
    """
    first_day(month)
    there = closes.closed(closes.records(ledger.database)).get(month)
    if there is not None:
        return Done(there, frozen(ledger, there), is_new=False)
    return ledger.read(lambda snapshot: _close(config, ledger, snapshot, month, who, at, accepted))


def _close(
    config: Config, ledger: Ledger, snapshot: Snapshot, month: str, who: str, at: datetime, accepted: str | None
) -> Done:
    chain = closes.records(ledger.database)
    wanted = ask(config, month)
    facts = gather(ledger, wanted, snapshot)
    currency, rates = wanted_currency(config)
    if currency is not None:
        converted(facts, currency, rates)  # a rate that is missing is told before anything is closed
    _check_over(facts)
    limit = config.section(Settings).residual
    faults = list(_faults(facts.balances.values(), limit))
    if faults and not accepted:
        faults.append(f'close it all the same with --accept-residual "why", or set `statements.residual` above {limit}')
        raise DoesNotBalance("\n".join(faults))
    record = closes.append(
        ledger.database,
        month,
        closes.CLOSE,
        at=at,
        who=who,
        reason=accepted if faults else None,
        snapshot=snapshot.id,
        content={
            **content(facts, wanted.policy, ledger.estate(snapshot), fingerprint(ledger, snapshot, month)),
            "currency": currency,
            "rates": [rate.as_row() for rate in rates],
        },
        lines=[as_row(line) for line in facts.lines],
        documents={KEPT: kept_rows(config, ledger, snapshot, wanted, facts)},
        expected=chain[-1].hash if chain else closes.ROOT,
    )
    shut = frozen(ledger, record)
    for form in FORMS.values():
        closes.keep_document(ledger.database, record, f"{form.name}//", form.render(statement(shut)))
    return Done(record, shut, is_new=True)


def _check_over(facts: Facts) -> None:
    end = month_end(facts.month)
    if facts.as_of.date() < end:
        raise UsageError(f"close: {facts.month} is not over: the ledger is as of {facts.as_of:%Y-%m-%d}: sync later")
    if facts.charged_until is None or facts.charged_until < end:
        raise UsageError(
            f"close: {facts.month} has charges until {facts.charged_until} only: run `costlens sync`, then close it"
        )


def _faults(balances: Iterable[Reconciliation], limit: Decimal) -> Iterable[str]:
    """Say which currencies do not balance, and the days that differ most."""
    for balance in balances:
        residual = balance.residual
        if residual is None:
            if balance.charged:
                yield f"close: no bill in {balance.currency} was read: {amount(balance.charged)} is charged"
            continue
        if abs(residual) <= limit:
            continue
        yield (
            f"close: billed {amount(balance.billed or Decimal(0))} {balance.currency}, charged {amount(balance.charged)}: "
            f"the residual {amount(residual)} is above {limit}"
        )
        days = [day for day in balance.days if abs(_residual(day.billed, day.charged)) >= HALF_CENT]
        for day in sorted(days, key=lambda one: -abs(_residual(one.billed, one.charged)))[:_NAMED]:
            yield (
                f"  {day.day} {day.source} {day.service or '(no service)'}: "
                f"{amount(_residual(day.billed, day.charged))}, {day.reason}"
            )


def _residual(billed: Decimal | None, charged: Decimal) -> Decimal:
    return (billed or Decimal(0)) - charged


def reopen(ledger: Ledger, month: str, *, who: str, at: datetime, reason: str) -> Close:
    """Open a closed month again; what was closed stays on record."""
    first_day(month)
    if not reason.strip():
        raise UsageError("reopen: say why with --reason: it is recorded")
    chain = closes.records(ledger.database)
    if month not in closes.closed(chain):
        raise UsageError(f"reopen: {month} is not closed: `costlens close --list` shows what is")
    return closes.append(
        ledger.database, month, closes.REOPEN, at=at, who=who, reason=reason.strip(), expected=chain[-1].hash
    )


def listing(ledger: Ledger, show: Callable[[datetime], str]) -> list[str]:
    """Return a line for each record of the chain, oldest first."""
    lines = []
    for record in closes.records(ledger.database):
        why = f" ({record.reason})" if record.reason else ""
        of = f", {record.lines:,} lines of snapshot {record.snapshot}" if record.kind == closes.CLOSE else ""
        lines.append(
            f"{record.id}  {record.month}  {record.kind:<6}  {show(record.at)}  {record.who}{of}  {record.hash[:16]}{why}"
        )
    return lines
