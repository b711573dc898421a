"""Answers `costlens owners`: who owns what on a day and by which source, where sources disagree, and what nobody owns, by money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.estates.ownership import claims_on
from costlens.reading import with_team
from costlens.report import first_day, month_end

if TYPE_CHECKING:
    from costlens.estate import Asset, Estate, Ownership
    from costlens.ledger import Ledger, Snapshot

ZERO = Decimal(0)
State = Literal["owned", "conflict", "orphan", "unknown"]

#: What stands in `estate.conflicts` for what is told here claim by claim.
_TOLD = "asset "


@dataclass(frozen=True)
class Claim:
    """A source says that a team owns an asset; None = always, or open."""

    team: str
    origin: str
    precedence: int
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Holding:
    """An asset, the team that has it on the day, all claims to it, and what it cost in the month by currency.

    `state`: `owned`; `conflict` where sources name several teams; `orphan` where none names one; `unknown` where queries name
    an asset that the estate has not. `remedy` is how to give it an owner.
    """

    asset: str
    state: State
    team: str | None
    claims: tuple[Claim, ...]
    past: tuple[Claim, ...]
    owners: tuple[str, ...]
    path: str | None
    cost: Mapping[str, Decimal]
    remedy: str = ""


@dataclass(frozen=True)
class Ownings:
    """All assets, dearest first, and what the sources of the estate say that cannot be."""

    month: str
    day: date
    holdings: tuple[Holding, ...]
    notes: tuple[str, ...]
    totals: Mapping[str, Decimal]
    """Money of assets, by currency."""

    def of(self, *states: State) -> tuple[Holding, ...]:
        """Return the assets in these states."""
        return tuple(holding for holding in self.holdings if holding.state in states)

    def share(self, currency: str, *states: State) -> float:
        """Return the share of the assets' money in a currency that is of these states."""
        total = self.totals.get(currency, ZERO)
        part = sum((holding.cost.get(currency, ZERO) for holding in self.of(*states)), ZERO)
        return float(part / total) if total else 1.0


def owners(ledger: Ledger, snapshot: Snapshot, month: str | None = None) -> Ownings:
    """Return who owns what on the last day with charges of a month, by default the newest; raises UsageError where there are none."""
    estate = ledger.estate(snapshot)
    with Engine() as engine:
        rows = with_team(engine, ledger.table("daily", snapshot, engine), estate)
        months = {row["billing_period"] for row in engine.rows(rows.select("billing_period").distinct())} - {None}
        month = month or max(months, default=None)
        if month is None or (first_day(month) and month not in months):
            known = ", ".join(sorted(months)) or "none"
            raise UsageError(f"owners: no charges in {month or 'the ledger'}: months with charges are {known}")
        mine = rows.filter((rows.billing_period == month) & rows.asset.notnull() & rows.currency.notnull())
        found = engine.rows(mine.group_by("asset", "currency").agg(cost=mine.cost.sum()))
        last = engine.rows(rows.filter(rows.billing_period == month).aggregate(day=rows.day.max()))[0]["day"]
    costs: dict[str, dict[str, Decimal]] = {}
    for row in found:
        costs.setdefault(row["asset"], {})[row["currency"]] = row["cost"]
    day = min(month_end(month) - timedelta(days=1), date(1970, 1, 1) + timedelta(days=last))
    holdings = sorted(
        _holdings(estate, costs, day), key=lambda holding: (-sum(holding.cost.values(), ZERO), holding.asset)
    )
    totals: dict[str, Decimal] = {}
    for cost in costs.values():
        for currency, money in cost.items():
            totals[currency] = totals.get(currency, ZERO) + money
    notes = tuple(note for note in estate.conflicts if not (note.startswith(_TOLD) and ": owned by " in note))
    return Ownings(month, day, tuple(holdings), notes, totals)


def _holdings(estate: Estate, costs: Mapping[str, Mapping[str, Decimal]], day: date) -> Iterator[Holding]:
    known = {asset.key: asset for asset in estate.assets if asset.kind != "test"}
    valid = claims_on(estate.ownership, day)
    every: dict[str, list[Ownership]] = {}
    for claim in estate.ownership:
        every.setdefault(claim.asset, []).append(claim)
    has_code = any(claim.origin == "CODEOWNERS" for claim in estate.ownership)
    for key in {**known, **costs}:
        claims = valid.get(key, [])
        teams = {claim.team for claim in claims}
        asset = known.get(key)
        state: State = (
            "conflict" if len(teams) > 1 else "owned" if teams else "orphan" if asset is not None else "unknown"
        )
        yield Holding(
            asset=key,
            state=state,
            team=claims[0].team if claims else None,
            claims=tuple(_claim(claim) for claim in claims),
            past=tuple(_claim(claim) for claim in every.get(key, []) if claim not in claims),
            owners=asset.owners if asset else (),
            path=asset.path if asset else None,
            cost=costs.get(key, {}),
            remedy="" if teams else _remedy(asset, has_code=has_code),
        )


def _claim(claim: Ownership) -> Claim:
    return Claim(claim.team, claim.origin, claim.precedence, claim.valid_from, claim.valid_to)


def _remedy(asset: Asset | None, *, has_code: bool) -> str:
    """Return the least that a person can write for an asset to have a team."""
    if asset is None:
        return "no source of assets has it: add it to assets.yml, or the source under `assets:` that knows it"
    if asset.owners:
        return f"add {_first(asset.owners)} to the `aliases` of a team in teams.yml"
    if asset.path and has_code:
        return f"give {asset.path} an owner in CODEOWNERS"
    return "give it a `team` in assets.yml" + (", or name CODEOWNERS under `assets:`" if asset.path else "")


def _first(owners: Iterable[str]) -> str:
    listed = list(owners)
    return listed[0] if len(listed) == 1 else f"one of {', '.join(listed[:3])}"
