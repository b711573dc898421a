"""Builds a statement from lines: tables, unit costs, what was allocated, and the month before beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from costlens.reconcile import Reconciliation
from costlens.report import month_end
from costlens.statement.drivers import drivers, largest_changes
from costlens.statement.lines import NOBODY, ZERO, Line, total
from costlens.statement.model import (
    KINDS,
    Allocated,
    Budget,
    Closed,
    Correction,
    Row,
    Section,
    Statement,
    UnitCosts,
)

TERABYTE = Decimal(10) ** 12
_UNIT = Decimal("0.0001")


@dataclass(frozen=True)
class Facts:
    """All that a month's statements are made of, whoever they are for."""

    month: str
    lines: tuple[Line, ...]
    before: tuple[Line, ...] | None
    """Lines of the month before; None = it is not whole, or not known."""
    policy: tuple[str, ...]
    balances: Mapping[str, Reconciliation]
    snapshot: int
    as_of: datetime
    final_until: date | None
    charged_until: date | None
    budgets: Mapping[str, tuple[Budget, ...]] = field(default_factory=dict)
    """By currency."""
    closed: Closed | None = None
    converted: tuple[str, ...] = ()
    problems: int = 0

    @property
    def teams(self) -> tuple[str, ...]:
        """Return the teams that have lines, by name."""
        return tuple(sorted({line.team for line in self.lines if line.team}))


def statement(facts: Facts, team: str | None = None, source: str | None = None) -> Statement:
    """Return the statement of one team, or of all; every figure is a sum of the same cents."""

    def is_meant(line: Line) -> bool:
        return (team is None or line.team == team) and (source is None or line.source == source)

    currencies = sorted({line.currency for line in facts.lines if is_meant(line)})
    sections = []
    for currency in currencies:
        everyone = [line for line in facts.lines if line.currency == currency]
        mine = [line for line in everyone if is_meant(line)]
        past = None
        if facts.before is not None:
            past = [line for line in facts.before if line.currency == currency and is_meant(line)]
        sections.append(_section(facts, currency, mine, past, total(everyone), team))
    return Statement(
        month=facts.month,
        team=team,
        source=source,
        policy=facts.policy,
        snapshot=facts.snapshot,
        as_of=facts.as_of,
        final_until=facts.final_until,
        charged_until=facts.charged_until,
        is_whole=is_whole(facts),
        sections=tuple(sections),
        closed=facts.closed,
        converted=facts.converted,
        problems=facts.problems,
    )


def _section(
    facts: Facts,
    currency: str,
    lines: Sequence[Line],
    before: Sequence[Line] | None,
    everyone: Decimal,
    team: str | None,
) -> Section:
    exact = sum((line.cost for line in lines), ZERO)
    told = sum((line.cost for line in lines if line.team or line.asset), ZERO)
    return Section(
        currency=currency,
        total=total(lines),
        before=None if before is None else total(before),
        provisional=_cents(sum((line.provisional for line in lines), ZERO)),
        estimated=_cents(sum((line.estimated for line in lines), ZERO)),
        attributed=float(told / exact) if exact else 0.0,
        owners=rows(lines, before, lambda line: line.owner),
        categories=rows(lines, before, lambda line: line.category or "other"),
        sources=rows(lines, before, _account),
        assets=rows(lines, before, asset_name),
        allocated=_allocated(lines),
        corrections=_corrections(lines),
        drivers=drivers(lines, before) if before is not None and is_whole(facts) else (),
        changes=tuple(largest_changes(lines, before)) if before is not None and is_whole(facts) else (),
        budgets=tuple(
            budget
            for budget in facts.budgets.get(currency, ())
            if team is None or (budget.kind == "team" and budget.name == team)
        ),
        units=_units(lines, before),
        reconciliation=facts.balances.get(currency, Reconciliation(currency)),
        lines=tuple(lines),
        everyone=everyone,
    )


def is_whole(facts: Facts) -> bool:
    """Return whether there are charges up to the month's last day."""
    return facts.charged_until is not None and facts.charged_until >= month_end(facts.month)


def asset_name(line: Line) -> str:
    """Return the asset, or what a line without one is called."""
    if line.asset:
        return line.asset
    if line.kind in ("shared", "unattributed", "bill"):
        return f"(allocated: {(line.rule or line.kind).partition(':')[0]})"
    return line.owner if line.team is None else "(no asset)"


def _account(line: Line) -> str:
    return f"{line.source} · {line.account}" if line.account else line.source


def rows(lines: Iterable[Line], before: Iterable[Line] | None, name: Callable[[Line], str]) -> tuple[Row, ...]:
    """Return lines summed by a name, dearest first, what is nobody's last; what was there in the month before only is a row too."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[name(line)].append(line)
    then: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in before or ():
        then[name(line)] += line.cents
    found = [_row(label, mine, then.get(label)) for label, mine in groups.items()]
    found += [Row(label, ZERO, cents) for label, cents in then.items() if label not in groups and cents]
    return tuple(sorted(found, key=lambda row: (row.name in NOBODY, -row.cost, row.name)))


def _row(label: str, lines: Sequence[Line], before: Decimal | None) -> Row:
    kinds: dict[str, Decimal] = dict.fromkeys(KINDS, ZERO)
    for line in lines:
        kinds[line.kind] = kinds.get(line.kind, ZERO) + line.cents
    teams = {line.team for line in lines}
    return Row(
        name=label,
        cost=total(lines),
        before=before,
        kinds={kind: cents for kind, cents in kinds.items() if cents},
        provisional=_cents(sum((line.provisional for line in lines), ZERO)),
        queries=sum(line.queries for line in lines),
        runs=sum(line.runs for line in lines),
        seconds=sum(line.seconds for line in lines),
        bytes=sum(line.bytes for line in lines),
        team=teams.pop() if len(teams) == 1 else None,
        own=_of_queries(lines),
    )


def _of_queries(lines: Iterable[Line]) -> Decimal:
    """Return what queries cost with their idle, overhead and acceleration: what their number is to be compared with."""
    categories = ("query", "idle", "overhead", "acceleration")
    return sum((line.cents for line in lines if line.category in categories), ZERO)


def _allocated(lines: Iterable[Line]) -> tuple[Allocated, ...]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        if line.kind in ("direct", "correction"):
            continue
        origin = line.origin_team or ("(idle)" if line.kind == "idle" else "(nobody's)")
        key = (
            *(line.kind, line.rule or "", line.source, line.service or "", line.category or "", line.pool or ""),
            *(origin, line.owner),
        )
        sums[key] += line.cents
    found = [Allocated(*key, cents) for key, cents in sums.items() if cents]  # type: ignore[call-arg, arg-type]
    return tuple(sorted(found, key=lambda one: (KINDS.index(one.kind), one.rule, -one.cost, one.pool, one.owner)))


def _corrections(lines: Iterable[Line]) -> tuple[Correction, ...]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        if line.kind == "correction":
            sums[line.corrects or "", line.owner] += line.cents
    return tuple(Correction(*key, cost=cents) for key, cents in sorted(sums.items()))


def _units(lines: Sequence[Line], before: Sequence[Line] | None) -> UnitCosts:
    cost = _of_queries(lines)
    queries, runs = sum(line.queries for line in lines), sum(line.runs for line in lines)
    terabytes = sum(line.bytes for line in lines) / float(TERABYTE)
    return UnitCosts(
        per_thousand_queries=_per(cost * 1000, queries),
        per_run=_per(cost, runs),
        per_terabyte=_per(cost, terabytes),
        queries=queries,
        runs=runs,
        terabytes=terabytes,
        before=_units(before, None) if before else None,
    )


def _per(cost: Decimal, count: float) -> Decimal | None:
    return None if count <= 0 else (cost / Decimal(str(count))).quantize(_UNIT)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01")) + 0
