"""A scope: which days, currency, source and teams a page is about."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis

from costlens_dashboard.formats import as_date, as_day

if TYPE_CHECKING:
    import ibis.expr.types as ir


ANY = "any"
"""Currency of a scope that is about what currencies there are; money of two is never added."""


@dataclass(frozen=True)
class Scope:
    """Days [since, until) since 1970; of a billing month where `month` is set, whose days may be another zone's."""

    since: int
    until: int
    currency: str
    month: str | None = None
    source: str | None = None
    team: str | None = None
    only: frozenset[str] | None = None
    """Teams that the reader may see; None = all, and what is nobody's."""

    @property
    def first_day(self) -> int:
        """The first day whose files are read: a vendor's month may begin on the UTC day before or after."""
        return self.since - 1 if self.month else self.since

    @property
    def days(self) -> int:
        return self.until - self.since

    def narrow(self, rows: ir.Table) -> ir.Table:
        """Return the rows of `daily` or the cube, with team, that lie within."""
        rows = rows.filter(rows.day < self.until)
        if self.currency != ANY:
            rows = rows.filter(rows.currency.isnull() | (rows.currency == self.currency))
        rows = rows.filter(rows.billing_period == self.month) if self.month else rows.filter(rows.day >= self.since)
        if self.source:
            rows = rows.filter(rows.source == self.source)
        return self.of_teams(rows)

    def of_teams(self, rows: ir.Table) -> ir.Table:
        """Return the rows, with team, of the team picked and of those that the reader may see."""
        if self.team:
            rows = rows.filter(rows.team == self.team)
        if self.only is not None:
            rows = rows.filter(rows.team.isin(sorted(self.only)) if self.only else ibis.literal(False))
        return rows

    def with_(self, **changes: object) -> Scope:
        return replace(self, **changes)  # type: ignore[arg-type]

    def before(self) -> Scope:
        """Return the period to compare with: as many days before, or the same days of the month before."""
        if self.month is None:
            return replace(self, since=self.since - self.days, until=self.since)
        first = as_date(self.since)
        earlier = (first - timedelta(days=1)).replace(day=1)
        length = calendar.monthrange(earlier.year, earlier.month)[1]
        whole = calendar.monthrange(first.year, first.month)[1]
        days = self.days - whole
        until = as_day(earlier) + (length + max(days, 0) if days >= 0 else min(self.days, length))
        return replace(self, since=as_day(earlier), until=until, month=f"{earlier:%Y-%m}")


def of_month(month: str, currency: str) -> Scope:
    """Return a billing month's scope."""
    first = date(int(month[:4]), int(month[5:]), 1)
    # A vendor's month ends up to a day later than UTC's: rows of the day after still belong to it.
    end = as_day(first) + calendar.monthrange(first.year, first.month)[1] + 1
    return Scope(as_day(first), end, currency, month)


def compared(scope: Scope, complete_until: int) -> tuple[Scope, Scope]:
    """Return the complete days of a scope, and the same days of the period before."""
    now = replace(scope, until=min(scope.until, max(complete_until, scope.since)))
    return now, now.before()
