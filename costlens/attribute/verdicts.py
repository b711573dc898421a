"""What one method says of one kind of evidence, and how what several methods say becomes one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from functools import cached_property

#: Shares are stored with as many places as money, so that they add up to one in decimal too.
_PLACE = Decimal("1e-12")
#: A verdict on more assets than these is told as their number: its evidence stands beside every one of them.
_TOLD_ASSETS = 5
SILENT = 0


@dataclass(frozen=True)
class Traits:
    """What evidence tells beside the owner."""

    environment: str | None = None
    purpose: str | None = None
    code_ref: str | None = None
    code_version: str | None = None

    def or_else(self, other: Traits) -> Traits:
        """Return these traits, the missing ones from another."""
        return Traits(
            self.environment or other.environment,
            self.purpose or other.purpose,
            self.code_ref or other.code_ref,
            self.code_version or other.code_version,
        )


@dataclass(frozen=True)
class Verdict:
    """What a method says: assets, or a team, or both, or only traits. `text` says by what, and holds no literal."""

    method: str
    confidence: float
    text: str
    assets: tuple[tuple[str, float], ...] = ()
    team: str | None = None
    traits: Traits = Traits()
    owner: str | None = None
    """Who owns all the assets, where that matters: for what a tool works and what is read."""

    @property
    def speaks(self) -> bool:
        return bool(self.assets or self.team)

    @cached_property
    def evidence(self) -> tuple[dict[str, object], ...]:
        """The entries of the `evidence` column: method, asset, team, share, confidence, text."""
        told = {"team": self.team, "confidence": self.confidence, "text": self.text}
        if len(self.assets) > _TOLD_ASSETS:
            told["text"] = f"{self.text}: {len(self.assets)} assets"
        elif self.assets:
            return tuple(
                {"method": self.method, "asset": asset, "share": share, **told} for asset, share in self.assets
            )
        return ({"method": self.method, "asset": None, "share": 1.0, **told},)


@dataclass(frozen=True)
class Outcome:
    """The answer for one subject: its rows (asset, team, share), and how they were found."""

    rows: tuple[tuple[str | None, str | None, float], ...]
    method: str
    confidence: float
    evidence: str
    traits: Traits


def equal_shares(assets: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """Split evenly, to 12 places; the first assets by name take what is left over, so that shares add up to one."""
    ordered = sorted(set(assets))
    if len(ordered) < 2:
        return tuple((asset, 1.0) for asset in ordered)
    share = (Decimal(1) / len(ordered)).quantize(_PLACE, ROUND_DOWN)
    left = int((1 - share * len(ordered)) / _PLACE)
    return tuple((asset, float(share + (_PLACE if n < left else 0))) for n, asset in enumerate(ordered))


class Verdicts:
    """Numbers verdicts, so that tables carry a number where many queries have the same verdict; 0 = silent."""

    def __init__(self) -> None:
        self._numbers: dict[Verdict, int] = {}
        self._listed: list[Verdict] = []

    def number(self, verdict: Verdict | None) -> int:
        """Return the number of a verdict, 0 for None."""
        if verdict is None:
            return SILENT
        found = self._numbers.get(verdict)
        if found is None:
            self._listed.append(verdict)
            found = self._numbers[verdict] = len(self._listed)
        return found

    def __getitem__(self, number: int) -> Verdict:
        return self._listed[number - 1]
