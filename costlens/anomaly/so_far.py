"""What is said of a day that is not over: until when it is known, and what other days had cost some hours later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

KEY = "so_far"


@dataclass(frozen=True)
class SoFar:
    """How far a day is known; `usual_until` is None where it was judged as a whole day, which it already passes.

    `days` are (day, cost) of the days before, each up to `usual_until`'s hour, and of the day itself up to `until`.
    """

    until: datetime
    usual_until: datetime | None = None
    days: tuple[tuple[date, float], ...] = ()

    @property
    def usual_hour(self) -> str:
        """Say up to when other days are counted: `by 18:00`, `in a whole day`."""
        if self.usual_until is None or self.usual_until.date() > self.until.date():
            return "in a whole day"
        return f"by {self.usual_until:%H:%M}"

    def as_json(self) -> dict[str, Any]:
        """Return it for an explanation."""
        return {
            "until": self.until.isoformat(),
            "usual_until": self.usual_until.isoformat() if self.usual_until else None,
            "days": [[day.isoformat(), round(cost, 6)] for day, cost in self.days],
        }


def so_far(explanation: Mapping[str, Any] | None) -> SoFar | None:
    """Return what an explanation says of a day that is not over, None where its days are."""
    told = (explanation or {}).get(KEY)
    if not told:
        return None
    usual = told.get("usual_until")
    days = tuple((date.fromisoformat(day), float(cost)) for day, cost in told.get("days") or ())
    return SoFar(datetime.fromisoformat(told["until"]), datetime.fromisoformat(usual) if usual else None, days)
