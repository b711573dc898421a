"""The desk that alerts pass: whom they go to, what is kept back, what waits for the morning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from costlens.alerts.channel import Channel
from costlens.alerts.message import Message
from costlens.estate import Estate, Team
from costlens.ledger.outbox import Action, Alert, alert_id
from costlens.settings.alerts import Mute, QuietHours, Settings


@dataclass(frozen=True)
class About:
    """What an alert is about, for mute rules and severity; `money` per month."""

    kind: str
    key: str
    team: str | None = None
    source: str | None = None
    form: str | None = None
    money: Decimal = Decimal(0)


@dataclass(frozen=True)
class Desk:
    """Settings, ways to people, and the teams."""

    settings: Settings
    ways: Mapping[str, Channel]
    teams: Mapping[str, Team]

    @classmethod
    def of(cls, settings: Settings, ways: Mapping[str, Channel], estate: Estate) -> Desk:
        """Return the desk of a configuration and the teams of a snapshot."""
        return cls(settings, ways, {team.name: team for team in estate.teams})

    def alerts(
        self, thread: str, event: str, message: Message, team: str | None, at: datetime, action: Action = "post"
    ) -> list[Alert]:
        """Return one alert for each channel, due when its target may be disturbed."""
        due = at if message.severity == "critical" else waking(self.settings.quiet_hours, at)
        made = []
        for name, channel in self.ways.items():
            target = channel.target(self.teams.get(team) if team else None)
            named = alert_id(thread, name, target, event)
            made.append(Alert(named, thread, name, target, action, message.as_json(), due_at=due))
        return made

    def severity(self, money: Decimal) -> str:
        """Return how much an amount per month weighs."""
        amount = abs(money)
        return "critical" if amount >= self.settings.critical else "high" if amount >= self.settings.high else "low"

    def is_muted(self, about: About, today: date) -> bool:
        """Tell whether a rule keeps back what is about this."""
        return any(_fits(rule, about, today) for rule in self.settings.mute)

    def link(self, page: str, **params: Any) -> str | None:
        """Return the address of a page of the dashboard, None where nobody said where that is."""
        if self.settings.dashboard_url is None:
            return None
        asked = {name: str(value) for name, value in params.items() if value is not None}
        return f"{str(self.settings.dashboard_url).rstrip('/')}/{page}" + (f"?{urlencode(asked)}" if asked else "")


def _fits(rule: Mute, about: About, today: date) -> bool:
    if rule.until is not None and today >= rule.until:
        return False
    if rule.below is not None and abs(about.money) >= rule.below:
        return False
    told = {"kind": about.kind, "key": about.key, "team": about.team, "source": about.source, "form": about.form}
    asked = {name: getattr(rule, name) for name in told}
    return all(fnmatchcase((told[name] or "").casefold(), glob.casefold()) for name, glob in asked.items() if glob)


def waking(quiet: QuietHours | None, at: datetime) -> datetime:
    """Return the first instant from `at` on that is not quiet."""
    if quiet is None:
        return at
    zone = ZoneInfo(quiet.timezone)
    local = at.astimezone(zone)
    for _ in range(12):  # a night and a weekend touch at most so often
        end = _end_of_quiet(quiet, local)
        if end is None:
            return local.astimezone(at.tzinfo)
        local = end
    return at


def _end_of_quiet(quiet: QuietHours, local: datetime) -> datetime | None:
    """Return when the quiet that holds at a local time ends, None where none holds."""
    if quiet.weekends and local.weekday() > 4:
        return _at(local + timedelta(days=1), time(0))
    clock = local.time().replace(tzinfo=None)
    if quiet.since <= quiet.until:
        return _at(local, quiet.until) if quiet.since <= clock < quiet.until else None
    if clock >= quiet.since:
        return _at(local + timedelta(days=1), quiet.until)
    return _at(local, quiet.until) if clock < quiet.until else None


def _at(day: datetime, clock: time) -> datetime:
    return day.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
