"""The statement of a month as values: what every form of it shows, in cents that add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from costlens.reconcile import Reconciliation
from costlens.statement.lines import ZERO, Line

#: How money came to a team, in the order of columns.
KINDS = ("direct", "idle", "shared", "unattributed", "bill", "correction")
KIND_WORDS = {
    "direct": "direct",
    "idle": "idle",
    "shared": "shared",
    "unattributed": "unattributed",
    "bill": "bill adjustments",
    "correction": "corrections",
}


@dataclass(frozen=True)
class Row:
    """One row of a table of the statement; `kinds` add up to `cost`."""

    name: str
    cost: Decimal
    before: Decimal | None = None
    """Cents of the month before; None = nothing then, or not compared."""
    kinds: dict[str, Decimal] = field(default_factory=dict)
    provisional: Decimal = ZERO
    queries: float = 0.0
    runs: int = 0
    seconds: float = 0.0
    bytes: float = 0.0
    team: str | None = None
    """Of an asset: whose it is."""
    own: Decimal = ZERO
    """The part of `cost` that queries cost themselves."""

    @property
    def change(self) -> Decimal | None:
        return None if self.before is None else self.cost - self.before

    @property
    def is_gone(self) -> bool:
        """Whether it cost something in the month before only."""
        return not self.cost and not self.queries and self.before is not None


@dataclass(frozen=True)
class Allocated:
    """Money that came to somebody by the policy: from where, by which words of it."""

    kind: str
    rule: str
    source: str
    service: str
    category: str
    pool: str
    origin: str
    """Whose it was: a team, or what nobody's money is called."""
    owner: str
    cost: Decimal


@dataclass(frozen=True)
class Correction:
    """What a closed month turned out to be otherwise, per owner."""

    month: str
    owner: str
    cost: Decimal


@dataclass(frozen=True)
class Driver:
    """A reason why the month cost more or less than the one before."""

    words: str
    amount: Decimal


@dataclass(frozen=True)
class Budget:
    """A budget of the month and what was spent of it."""

    name: str
    kind: str
    amount: Decimal
    spent: Decimal
    forecast: Decimal | None

    @property
    def share(self) -> float:
        return float(self.spent / self.amount)


@dataclass(frozen=True)
class UnitCosts:
    """What a unit of work costs, queries with all that was allocated to them; None = there was none of it."""

    per_thousand_queries: Decimal | None
    per_run: Decimal | None
    per_terabyte: Decimal | None
    queries: float
    runs: int
    terabytes: float
    before: UnitCosts | None = None


@dataclass(frozen=True)
class Section:
    """All of one currency; currencies are never added."""

    currency: str
    total: Decimal
    before: Decimal | None
    provisional: Decimal
    estimated: Decimal
    attributed: float
    owners: tuple[Row, ...]
    categories: tuple[Row, ...]
    sources: tuple[Row, ...]
    assets: tuple[Row, ...]
    allocated: tuple[Allocated, ...]
    corrections: tuple[Correction, ...]
    drivers: tuple[Driver, ...]
    """Cents that add up to the change of the total."""
    changes: tuple[str, ...]
    """The assets that changed most, a sentence each."""
    budgets: tuple[Budget, ...]
    units: UnitCosts
    reconciliation: Reconciliation
    """Of all teams, also in the statement of one."""
    lines: tuple[Line, ...]
    everyone: Decimal
    """Total of all teams, which a team's statement names too."""


@dataclass(frozen=True)
class Closed:
    """The close that a statement was printed from."""

    number: int
    at: datetime
    who: str
    hash: str
    accepted: str | None
    """Why a residual was accepted."""


@dataclass(frozen=True)
class Statement:
    """The chargeback document of one month, of one team or of all."""

    month: str
    team: str | None
    source: str | None
    policy: tuple[str, ...]
    snapshot: int
    as_of: datetime
    final_until: date | None
    charged_until: date | None
    is_whole: bool
    """Whether there are charges up to the month's last day."""
    sections: tuple[Section, ...]
    closed: Closed | None = None
    converted: tuple[str, ...] = ()
    """The rates by which money was converted, with their dates."""
    problems: int = 0

    @property
    def title(self) -> str:
        return f"CostLens · {self.month}" + (f" · {self.team}" if self.team else " · all teams")
