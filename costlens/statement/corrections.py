"""Corrections: what closed months turned out to be otherwise, as lines of the next month that is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costlens.allocate import policy_of
from costlens.ledger import closes
from costlens.ledger.snapshots import estate_of
from costlens.report import month_end
from costlens.statement.books import fingerprint, month_lines
from costlens.statement.lines import AMOUNTS, ZERO, Line, key, of_row

if TYPE_CHECKING:
    from costlens.engine import Engine
    from costlens.ledger import Ledger, Snapshot
    from costlens.ledger.closes import Close

#: Below this, in any currency, a correction is the last digit of a split.
_NEGLIGIBLE = Decimal("0.000001")


def corrections(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, month: str, shut: Mapping[str, Close]
) -> tuple[Line, ...]:
    """Return the correction lines of an open month: of each closed month that it is the next open one after.

    A closed month is allocated again from the ledger as it is now, by the policy and the teams it was closed with; from that, its lines
    as closed and what was corrected already are taken off. Days that were not written again are not looked at.
    """
    found: list[Line] = []
    for past, close in shut.items():
        if past < month and next_open(past, shut) == month:
            found += _corrections(ledger, snapshot, engine, close, shut)
    return tuple(found)


def next_open(month: str, shut: Mapping[str, Close]) -> str:
    """Return the first month after this one that is not closed."""
    while True:
        month = month_end(month).strftime("%Y-%m")
        if month not in shut:
            return month


def _corrections(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, close: Close, shut: Mapping[str, Close]
) -> list[Line]:
    booked = _booked(ledger, close.month, shut)
    body = close.content()
    if not booked and body["fingerprint"] == fingerprint(ledger, snapshot, close.month):
        return []
    policy, estate = policy_of(body["policy"]), estate_of(body["estate"])
    now = month_lines(ledger, snapshot, engine, close.month, policy, estate)
    then = [of_row(row) for row in closes.lines_of(ledger.database, close)]
    return difference(now, [*(line for line in then if line.kind != "correction"), *booked], close.month)


def _booked(ledger: Ledger, month: str, shut: Mapping[str, Close]) -> list[Line]:
    """Return the corrections of a month that later months were closed with."""
    later = [close for past, close in shut.items() if past > month and month in close.content()["corrects"]]
    rows = (of_row(row) for close in later for row in closes.lines_of(ledger.database, close))
    return [line for line in rows if line.kind == "correction" and line.corrects == month]


def difference(now: Iterable[Line], then: Iterable[Line], month: str) -> list[Line]:
    """Return `now` less `then` as correction lines, per owner and what it was for; activity is not corrected."""
    sums: dict[tuple[str, ...], Line] = {}
    for lines, sign in ((now, 1), (then, -1)):
        for line in lines:
            place = _as_correction(line, month)
            other = sums.get(key(place))
            amounts: dict[str, Any] = {
                name: getattr(other, name, ZERO) + sign * getattr(line, name) for name in AMOUNTS
            }
            sums[key(place)] = place._replace(**amounts)
    return [line for line in sums.values() if abs(line.cost) >= _NEGLIGIBLE]


def _as_correction(line: Line, month: str) -> Line:
    nothing: dict[str, Any] = dict.fromkeys(AMOUNTS, ZERO)
    return line._replace(
        kind="correction",
        rule=f"correction of {month}",
        corrects=month,
        origin_team=None,
        cause=None,
        queries=0.0,
        runs=0,
        seconds=0.0,
        bytes=0.0,
        cents=ZERO,
        **nothing,
    )
