"""Slack by an incoming webhook: one channel, no threads, no pictures, and no way to ask what has got through."""

from __future__ import annotations

import math
from http.client import HTTPException
from typing import ClassVar
from urllib.error import URLError

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from costlens.alerts.blocks import blocks, fallback
from costlens.alerts.channel import Channel, Reference, TryLater, Undeliverable
from costlens.alerts.message import Message
from costlens.estate import Team
from costlens.settings.alerts import Slack as Settings


class SlackWebhook(Channel):
    """An incoming webhook; a reply is a message of its own."""

    name: ClassVar[str] = "slack"
    default = "(webhook)"

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._has_buttons = settings.signing_secret is not None
        url = settings.webhook_url.get_secret_value() if settings.webhook_url else ""
        self._client = WebhookClient(url, timeout=math.ceil(timeout), retry_handlers=[])

    def target(self, team: Team | None) -> str:
        return self.default

    def send(self, id: str, message: Message, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        shown = blocks(message, is_reply=thread is not None, has_buttons=self._has_buttons)
        try:
            done = self._client.send(text=fallback(message), blocks=shown)
        except (URLError, HTTPException, OSError, SlackClientError) as error:
            raise TryLater(f"slack: no answer ({type(error).__name__}); it is tried again") from None
        if done.status_code == 200:
            return {"sent": True}
        if done.status_code == 429:
            wait = {name.lower(): str(value) for name, value in done.headers.items()}.get("retry-after", "")
            seconds = float(wait) if wait.isdigit() else None
            raise TryLater(
                "slack: too many messages; it is tried again when Slack says", seconds=seconds, is_limit=True
            )
        if done.status_code == 400:
            raise Undeliverable("slack: the webhook refuses the message")
        if done.status_code < 500:
            raise TryLater(
                f"slack: status {done.status_code}: check alerts.slack.webhook_url; messages wait until it works"
            )
        raise TryLater(f"slack: status {done.status_code}; it is tried again")
