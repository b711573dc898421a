"""The lines of a month: each part of a charge that a policy gives to somebody, with where it came from, in cents that add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from costlens.rounding import rounded

ZERO = Decimal(0)
UNATTRIBUTED = "(unattributed)"
IDLE = "(idle)"
OVERHEAD = "(overhead)"
ADJUSTMENT = "(adjustment)"
NOBODY = (IDLE, OVERHEAD, ADJUSTMENT, UNATTRIBUTED)


class Line(NamedTuple):
    """Money of one month: whose it is (`team`, `asset`), what it was for, and how it came there.

    `kind`: direct, idle, shared, unattributed, bill or correction; `rule` the words of the policy; `origin_team` whose it was
    before; `corrects` the closed month that a correction is of. `cost` is exact, `cents` what the statement shows.
    """

    source: str
    account: str | None
    region: str | None
    service: str | None
    category: str | None
    cause: str | None
    pool: str | None
    asset: str | None
    team: str | None
    billed_as: str | None
    currency: str
    unit: str | None
    kind: str
    rule: str | None
    origin_team: str | None
    units: Decimal
    cost: Decimal
    list_cost: Decimal
    provisional: Decimal
    estimated: Decimal
    queries: float
    runs: int
    seconds: float
    bytes: float
    corrects: str | None = None
    cents: Decimal = ZERO

    @property
    def owner(self) -> str:
        """Return the team, or what the statement calls money that is nobody's."""
        return self.team or nobody(self)


#: What a line is told apart by; all else is measured.
KEYS = (
    *("source", "account", "region", "service", "category", "cause", "pool", "asset", "team", "billed_as"),
    *("currency", "unit", "kind", "rule", "origin_team", "corrects"),
)
_NAMES = attrgetter(*KEYS)
AMOUNTS = ("units", "cost", "list_cost", "provisional", "estimated")
ACTIVITY = ("queries", "runs", "seconds", "bytes")


def nobody(line: Line) -> str:
    """Return the name of what belongs to no team: what it is."""
    if line.category == "idle" and line.rule in (None, "idle: separate"):
        return IDLE
    return {"overhead": OVERHEAD, "adjustment": ADJUSTMENT}.get(line.category or "", UNATTRIBUTED)


def key(line: Line) -> tuple[str, ...]:
    """Return what tells a line apart, as texts that sort."""
    return tuple(name or "" for name in _NAMES(line))


def in_cents(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines in order, with cents: of each currency its owners' totals by largest remainder, of each owner its
    categories', of each category its lines', each within the one above. So every table made of them adds up to every other.
    """
    ordered = sorted(lines, key=key)
    found: dict[int, Decimal] = {}
    for currency in sorted({line.currency for line in ordered}):
        mine = [n for n, line in enumerate(ordered) if line.currency == currency]
        _allot(ordered, mine, (lambda x: x.owner, lambda x: x.category or ""), None, found)
    return tuple(line._replace(cents=found[n]) for n, line in enumerate(ordered))


def _allot(
    lines: Sequence[Line],
    members: Sequence[int],
    levels: Sequence[Callable[[Line], str]],
    total: Decimal | None,
    found: dict[int, Decimal],
) -> None:
    """Give `total` (by default the rounded sum) out over members, level by level."""
    if not levels:
        found.update(zip(members, rounded([lines[n].cost for n in members], total), strict=True))
        return
    groups: dict[str, list[int]] = defaultdict(list)
    for n in members:
        groups[levels[0](lines[n])].append(n)
    names = sorted(groups)
    sums = [sum((lines[n].cost for n in groups[name]), ZERO) for name in names]
    for name, cents in zip(names, rounded(sums, total), strict=True):
        _allot(lines, groups[name], levels[1:], cents, found)


def as_row(line: Line) -> dict[str, Any]:
    """Return a line as texts and numbers: what is stored and hashed."""
    return {name: _stored(value) for name, value in line._asdict().items()}


def of_row(row: Mapping[str, Any]) -> Line:
    """Return a line that was stored with `as_row`; columns of a newer version are left out."""
    decimals = {*AMOUNTS, "cents"}
    values: dict[str, Any] = {
        name: Decimal(value) if name in decimals else value for name, value in row.items() if name in Line._fields
    }
    return Line(**values)


def _stored(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value


def total(lines: Iterable[Line]) -> Decimal:
    """Return the cents of lines together."""
    return sum((line.cents for line in lines), ZERO)
