"""The section `alerts`: what people are told of, where, and when they are left alone."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from costlens.settings.schedule import Zone

KEY = "alerts"

Severity = Literal["info", "low", "high", "critical"]
_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Slack(BaseModel):
    """Slack, by a bot token or by an incoming webhook; teams have their channel in teams.yml (`slack:`)."""

    model_config = _STRICT

    bot_token: SecretStr | None = Field(default=None, description="Token of a Slack app (xoxb-…), as ${ENV}.")
    webhook_url: SecretStr | None = Field(
        default=None, description="Incoming webhook, where there is no token: one channel, no threads."
    )
    signing_secret: SecretStr | None = Field(default=None, description="Checks that button presses come from Slack.")
    default_channel: str = Field(
        default="#data-cost", description="Where goes what has no owner, and what concerns the service."
    )
    api_url: HttpUrl | None = Field(default=None, description="Address of the Web API, where a proxy stands before it.")
    plots: bool = Field(default=True, description="Show the series as a picture (token only; needs files:write).")

    @model_validator(mode="after")
    def _has_a_way(self) -> Slack:
        if (self.bot_token is None) == (self.webhook_url is None):
            raise ValueError("give bot_token or webhook_url, one of them")
        return self


class Email(BaseModel):
    """E-mail by SMTP; teams have their address in teams.yml (`email:`)."""

    model_config = _STRICT

    host: str = Field(description="SMTP server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is secured."
    )
    user: str | None = Field(default=None, description="Name to sign in with.")
    password: SecretStr | None = Field(default=None, description="Its password, as ${ENV}.")
    sender: str = Field(description="Address that mails come from.")
    to: list[str] = Field(min_length=1, description="Who gets what has no owner, and what concerns the service.")


class Webhook(BaseModel):
    """A generic webhook: each alert is posted as JSON, signed."""

    model_config = _STRICT

    url: SecretStr = Field(description="Address that alerts are posted to.")
    secret: SecretStr = Field(description="Key of the signature (HMAC-SHA256).")


class QuietHours(BaseModel):
    """When only critical alerts are sent; the others follow at the end."""

    model_config = _STRICT

    since: time = Field(description="Begin, such as 20:00.")
    until: time = Field(description="End, such as 07:30; before `since` = the next morning.")
    weekends: bool = Field(default=True, description="Saturday and Sunday are quiet all day.")
    timezone: Zone = Field(default="UTC", description="Zone of these times.")


class Mute(BaseModel):
    """A rule that keeps alerts back: all that it says must fit. Globs are allowed."""

    model_config = _STRICT

    kind: str | None = Field(
        default=None, description="asset, team, pool, user, shape, source, unattributed, budget, job or runaway."
    )
    key: str | None = Field(default=None, description="Name of what it is about, as a glob: `staging/*`.")
    team: str | None = Field(default=None, description="Owner, as a glob.")
    source: str | None = Field(default=None, description="Source, as a glob.")
    form: str | None = Field(default=None, description="spike, drop, shift, leak or burst.")
    below: Decimal | None = Field(default=None, description="Only where less money than this is at stake per month.")
    until: date | None = Field(default=None, description="The rule ends before this day.")

    @model_validator(mode="after")
    def _says_something(self) -> Mute:
        if not self.model_fields_set - {"until"}:
            raise ValueError(
                "a mute rule without a condition would keep back everything: say kind, key, team, source, form or below"
            )
        return self


class Settings(BaseModel):
    """Alerts."""

    model_config = _STRICT

    slack: Slack | None = Field(default=None, description="Slack.")
    email: Email | None = Field(default=None, description="E-mail.")
    webhook: Webhook | None = Field(default=None, description="Generic webhook.")
    dashboard_url: HttpUrl | None = Field(
        default=None, description="Address of the dashboard as people reach it; alerts link to it."
    )
    high: Decimal = Field(default=Decimal(500), description="Money at stake per month from which an alert is `high`.")
    critical: Decimal = Field(
        default=Decimal(5000), description="Money at stake per month from which it is `critical`: sent at any hour."
    )
    runaway_money: Decimal = Field(default=Decimal(25), gt=0, description="What a running query may cost so far.")
    runaway_times: float = Field(
        default=5,
        gt=1,
        description="Or so many times what its shape's runs cost (their 95th percentile), from a fifth of that money on.",
    )
    timeout_seconds: float = Field(
        default=20,
        ge=1,
        le=20,
        description="How long a channel has to answer. What a dead service was sending is tried again 5 s later than that.",
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When only critical alerts are sent.")
    mute: list[Mute] = Field(default_factory=list, description="What nobody wants to be told of.")
