"""Decides which team owns an asset on a day, where several sources say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from costlens.estate import Estate, Ownership

_EPOCH = date(1970, 1, 1).toordinal()


class Span(NamedTuple):
    """A team owns an asset in [valid_from, valid_to); None = open."""

    asset: str
    team: str
    valid_from: date | None
    valid_to: date | None


def ownership_rows(estate: Estate) -> list[tuple[str, str, int | None, int | None]]:
    """Return who owns what: asset, team, valid_from, valid_to (days since 1970, half-open, None = open).

    An asset has at most one team on a day: the lowest precedence wins, then what began last, then the team's name.
    """
    spans = (span for asset in _by_asset(estate.ownership) for span in _spans(asset))
    return [(span.asset, span.team, _day(span.valid_from), _day(span.valid_to)) for span in spans]


def conflicts(ownership: Iterable[Ownership]) -> Iterator[str]:
    """Say where two teams claim an asset for the same day, and which has it."""
    for asset in _by_asset(ownership):
        told = set()
        for valid_from, valid_to in _segments(asset):
            claims = sorted(_valid(asset, valid_from), key=_rank)
            teams = list(dict.fromkeys(claim.team for claim in claims))
            if len(teams) > 1 and tuple(teams) not in told:
                told.add(tuple(teams))
                origins = ", ".join(f"{claim.team} ({claim.origin})" for claim in claims)
                since = f" from {valid_from}" if valid_from else f" until {valid_to}" if valid_to else ""
                yield f"asset {asset[0].asset}: owned by {origins}{since}: {claims[0].team} has it"


def _by_asset(ownership: Iterable[Ownership]) -> list[list[Ownership]]:
    grouped: dict[str, list[Ownership]] = {}
    for claim in ownership:
        grouped.setdefault(claim.asset, []).append(claim)
    return [grouped[asset] for asset in sorted(grouped)]


def _segments(claims: list[Ownership]) -> Iterator[tuple[date | None, date | None]]:
    """Yield the stretches of time between the days on which any claim begins or ends."""
    days = sorted({day for claim in claims for day in (claim.valid_from, claim.valid_to) if day})
    yield from pairwise([None, *days, None])


def _valid(claims: list[Ownership], start: date | None) -> list[Ownership]:
    """Return the claims that hold in the stretch that begins on `start`."""
    return [
        claim
        for claim in claims
        if (claim.valid_from is None or (start is not None and claim.valid_from <= start))
        and (claim.valid_to is None or start is None or claim.valid_to > start)
    ]


def _spans(claims: list[Ownership]) -> Iterator[Span]:
    current: Span | None = None
    for valid_from, valid_to in _segments(claims):
        holders = sorted(_valid(claims, valid_from), key=_rank)
        if not holders:
            continue
        team = holders[0].team
        if current and current.team == team and current.valid_to == valid_from:
            current = current._replace(valid_to=valid_to)
            continue
        if current:
            yield current
        current = Span(claims[0].asset, team, valid_from, valid_to)
    if current:
        yield current


def _rank(claim: Ownership) -> tuple[int, int, str]:
    return claim.precedence, -(claim.valid_from or date.min).toordinal(), claim.team


def _day(day: date | None) -> int | None:
    return None if day is None else day.toordinal() - _EPOCH


def claims_on(ownership: Iterable[Ownership], day: date) -> dict[str, list[Ownership]]:
    """Return, per asset, the claims that hold on a day, the one that counts first."""
    found = {claims[0].asset: sorted(_valid(claims, day), key=_rank) for claims in _by_asset(ownership)}
    return {asset: claims for asset, claims in found.items() if claims}
