"""On each day an asset has at most one team, and it is the one that precedence gives."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from costlens.estate import Estate, Ownership
from costlens.estates import ownership_rows

START = date(2026, 1, 1)
DAYS = st.none() | st.integers(0, 12).map(lambda n: START + timedelta(days=n))


@st.composite
def claims(draw: st.DrawFn) -> Ownership:
    valid_from, valid_to = draw(DAYS), draw(DAYS)
    if valid_from and valid_to and valid_from >= valid_to:
        valid_to = None
    return Ownership(
        draw(st.sampled_from("xy")),
        draw(st.sampled_from(["a", "b", "c"])),
        valid_from,
        valid_to,
        precedence=draw(st.integers(0, 2)),
    )


def team_by_search(ownership: list[Ownership], asset: str, day: date) -> str | None:
    """Look at every claim of the day: the slow way to the same answer."""
    best = None
    for claim in ownership:
        starts = claim.valid_from or date.min
        if claim.asset == asset and starts <= day and day < (claim.valid_to or date.max):
            rank = (claim.precedence, -starts.toordinal(), claim.team)
            best = min(best, rank) if best else rank
    return best[2] if best else None


@given(st.lists(claims(), max_size=6))
def test_each_day_has_the_team_that_precedence_gives(ownership: list[Ownership]) -> None:
    rows = ownership_rows(Estate(ownership=tuple(ownership)))
    for offset in range(-2, 15):
        day = START + timedelta(days=offset)
        number = (day - date(1970, 1, 1)).days
        for asset in "xy":
            found = [
                team
                for owned, team, since, until in rows
                if owned == asset and (since is None or since <= number) and (until is None or number < until)
            ]
            wanted = team_by_search(ownership, asset, day)
            assert found == ([wanted] if wanted else [])
