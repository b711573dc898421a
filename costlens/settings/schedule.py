"""The section `schedule`: when the service does what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

KEY = "schedule"

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EVERY = re.compile(r"every (?P<count>[1-9]\d{0,4})(?P<unit>[smhd])")
_AT = re.compile(
    r"(?P<days>daily|[a-z]{3}(?:,[a-z]{3})*|monthly (?P<day>[1-9]|[12]\d)) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)"
)


@dataclass(frozen=True)
class When:
    """A parsed time: `every` seconds, or `at` a time on days of the week or a day of the month, `after sync`, or `never`."""

    kind: Literal["every", "at", "after sync", "never"]
    seconds: int = 0
    days: str = "*"
    day: int | None = None
    hour: int = 0
    minute: int = 0


def when(text: str) -> When:
    """Read `every 1h`, `daily 03:30`, `mon 09:00`, `mon,thu 09:00`, `monthly 3 09:00`, `after sync` or `never`."""
    text = " ".join(text.lower().split())
    if text in ("after sync", "never"):
        return When(text)  # type: ignore[arg-type]
    if match := _EVERY.fullmatch(text):
        return When("every", seconds=int(match["count"]) * _SECONDS[match["unit"]])
    if match := _AT.fullmatch(text):
        days = match["days"]
        hour, minute = int(match["hour"]), int(match["minute"])
        if match["day"]:
            return When("at", day=int(match["day"]), hour=hour, minute=minute)
        if days == "daily" or set(days.split(",")) <= set(DAYS):
            return When("at", days="*" if days == "daily" else days, hour=hour, minute=minute)
    raise ValueError(
        f"{text!r} is no time: write every 1h, daily 03:30, mon 09:00, monthly 3 09:00, after sync or never"
    )


def _known_time(text: str) -> str:
    when(text)
    return text


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone: write one such as Europe/Berlin") from None
    return name


Time = Annotated[str, AfterValidator(_known_time)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class Settings(BaseModel):
    """When the service runs its jobs. Times are written `every 1h`, `daily 03:30`, `mon 09:00`, `monthly 3 09:00`, `never`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    sync: Time = Field(default="every 1h", description="When each source is pulled.")
    sources: dict[str, Time] = Field(
        default_factory=dict, description="Source -> when it is pulled, where that differs."
    )
    detect: Time = Field(default="after sync", description="When anomalies and budgets are looked at.")
    runaways: Time = Field(
        default="every 2m", description="How often running queries are looked at, where a source shows them."
    )
    digest: Time = Field(default="mon 09:00", description="When each team gets its week.")
    close_notice: Time = Field(
        default="monthly 3 09:00", description="When the month before is told to be ready to close."
    )
    maintain: Time = Field(
        default="daily 03:30", description="When old snapshots, runs and sent alerts are thrown away."
    )
    timezone: Zone = Field(default="UTC", description="Zone of the times of day above.")
    jitter_seconds: int = Field(
        default=30, ge=0, description="Each pull is up to so much off, at most a tenth of its interval."
    )
    misfire_hours: float = Field(
        default=24, ge=0, description="What was due while the service was down is made up for this long."
    )
