"""Colours: told apart with any kind of colour vision, readable on light and dark, and one per team on every page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

#: Okabe and Ito's seven first (jfly.uni-koeln.de/color), then tones that keep their distance from these in lightness too.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#A6951F", "#44AA99", "#B0417A",
    "#6B7FD7", "#7F9B3B", "#C58B5A", "#3F8F5F", "#DB7F8E", "#5B93A6",
)  # fmt: skip
NEUTRAL, NOBODY = "#9AA5B1", "#6B7785"
RISE, FALL, TOTAL = "#D55E00", "#0072B2", "#7A8794"
BAND = "#9AA5B1"

#: What stands in one chart with another is told apart by each kind of colour vision (tests/dashboard/test_palette.py).
CATEGORIES = {
    "query": "#0072B2",
    "idle": "#E69F00",
    "storage": "#009E73",
    "serverless": "#7E39E6",
    "ingest": "#A6A653",
    "overhead": "#E6CAA1",
    "acceleration": "#D55E00",
    "transfer": "#73E6E6",
    "ai": "#594C16",
    "other": "#802080",
    "adjustment": NOBODY,
}
PURPOSES = {"build": "#A1AEE6", "test": "#A1E639", "read": "#3E5459", "maintenance": "#A6749C"}
#: Idle's causes: tones of idle's own orange, and what no query explains apart from them.
CAUSES = {"suspend tail": "#B86F00", "minimum": "#7A3B00", "gap": "#F5CE7A", "no query": "#39E6E6"}
#: Names that are nobody's: tones without a colour, apart in lightness.
GREY = {
    "(idle)": "#C4B596",
    "(unattributed)": "#6B7785",
    "(overhead)": "#A9B4C0",
    "(adjustment)": "#8E99A5",
    "(rest)": NEUTRAL,
    "other": "#BCC5CE",
    "(none)": NEUTRAL,
}


@lru_cache(maxsize=64)
def of_names(names: tuple[str, ...]) -> dict[str, str]:
    """Return a colour for each name: by the name itself, so that neither money nor order changes it.

    Two names that want one colour get the next free one, in the names' order; past sixteen, colours come again.
    """
    found: dict[str, str] = {}
    free = list(COLOURS)
    for name in sorted(names):
        wish = COLOURS[int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(COLOURS)]
        if not free:
            free = list(COLOURS)
        place = COLOURS.index(wish)
        turn = (*COLOURS[place:], *COLOURS[:place])
        found[name] = next(colour for colour in turn if colour in free)
        free.remove(found[name])
    return found


def scale(names: Iterable[str], teams: Sequence[str] = ()) -> dict[str, str]:
    """Return the colours of a chart's names: fixed for categories, purposes and causes, a team's own, grey for nobody's."""
    own = of_names(tuple(sorted(teams)))
    fixed = {**PURPOSES, **CAUSES, **CATEGORIES, **own, **GREY}
    names = list(names)
    rest = of_names(tuple(sorted(name for name in names if name not in fixed)))
    return {name: fixed.get(name) or rest[name] for name in names}
