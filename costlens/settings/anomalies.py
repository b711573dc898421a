"""The section `anomalies`: how readily spend is called odd, and what is never told."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KEY = "anomalies"
Kind = Literal["asset", "team", "pool", "user", "shape", "source", "unattributed"]


class Settings(BaseModel):
    """How spend anomalies are found."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    sensitivity: float = Field(
        default=1.0,
        ge=0.3,
        le=3.0,
        description="1 gives about one false alarm per 100 series and month; 2 halves the width of the band, 0.5 doubles it.",
    )
    floor: Decimal | None = Field(
        default=None,
        ge=0,
        description="Money above what was expected, per day, below which nothing is told; default: learnt, see `floor_scale`.",
    )
    floor_scale: float = Field(
        default=0.4,
        ge=0,
        description="The learnt floor: this times the square root of the median day's cost of the last four weeks, at least 1; "
        "0.4 makes it 13 where a day costs 1,000, and 40 where it costs 10,000.",
    )
    kinds: list[Kind] = Field(
        default=["asset", "team", "pool", "user", "shape", "source", "unattributed"],
        description="Kinds of series that are judged.",
    )
    days: int = Field(default=120, ge=28, le=400, description="Days of the past that are read to learn what is usual.")
    muted: list[str] = Field(
        default=[], description="Globs of `kind:key` that are never told, such as `user:ADHOC_*` or `asset:sandbox/*`."
    )

    def is_muted(self, kind: str, key: str) -> bool:
        return any(fnmatchcase(f"{kind}:{key}", pattern) for pattern in self.muted)
