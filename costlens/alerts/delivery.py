"""Sends what the outbox holds: in order within a thread, once as people see it, whatever breaks and whoever is killed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from costlens.alerts.channel import Channel, TryLater, Undeliverable
from costlens.alerts.mail import Mail
from costlens.alerts.message import Message
from costlens.alerts.slack import SlackChannel
from costlens.alerts.slack_webhook import SlackWebhook
from costlens.alerts.webhook import WebhookChannel
from costlens.ledger import outbox
from costlens.ledger.database import Database
from costlens.ledger.outbox import Alert
from costlens.settings.alerts import Settings

#: How long a claim keeps others away: longer than a channel's calls may take together.
PATIENCE = timedelta(seconds=120)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)
GIVE_UP = timedelta(days=7)


def channels(settings: Settings) -> dict[str, Channel]:
    """Return the configured channels by name."""
    made: list[Channel] = []
    timeout = settings.timeout_seconds
    if settings.slack is not None:
        kind = SlackChannel if settings.slack.bot_token else SlackWebhook
        made.append(kind(settings.slack, timeout))
    if settings.email is not None:
        made.append(Mail(settings.email, timeout))
    if settings.webhook is not None:
        made.append(WebhookChannel(settings.webhook, timeout))
    return {channel.name: channel for channel in made}


class Delivery:
    """Delivers through channels; remembers which of them asked to be left alone for a while."""

    def __init__(self, database: Database, ways: Mapping[str, Channel], *, patience: timedelta = PATIENCE) -> None:
        self._database = database
        self._ways = ways
        self._patience = patience
        self._closed_until: dict[str, datetime] = {}

    def deliver(self, at: datetime) -> int:
        """Send what is due; return how many were sent."""
        sent = 0
        while True:
            ready = [alert for alert in outbox.due(self._database, at) if self._is_open(alert.channel, at)]
            done = [self._one(alert, at) for alert in ready]
            sent += sum(done)
            if not any(done):  # a sent alert makes way for the next of its thread
                return sent

    def _is_open(self, channel: str, at: datetime) -> bool:
        return at >= self._closed_until.get(channel, at)

    def _one(self, alert: Alert, at: datetime) -> bool:
        channel = self._ways.get(alert.channel)
        if channel is None:
            outbox.fail(self._database, alert, at, f"{alert.channel}: not configured any more")
            return False
        if not self._is_open(alert.channel, at) or not outbox.claim(self._database, alert, at, self._patience):
            return False
        try:
            self._send(channel, alert, at)
        except TryLater as error:
            self._later(alert, error, at)
        except Undeliverable as error:
            self._other_way(channel, alert, error, at)
        else:
            return True
        return False

    def _send(self, channel: Channel, alert: Alert, at: datetime) -> None:
        message = Message.of_json(alert.body)
        # Replies to what was sent to the default, because its own target did not take it, follow it there.
        ways = dict.fromkeys((alert.target, channel.default))
        found = ((target, outbox.reference(self._database, replace(alert, target=target))) for target in ways)
        target, thread = next(((target, thread) for target, thread in found if thread), (alert.target, None))
        if alert.action == "update":
            if thread is not None:
                channel.update(message, target, thread)
            outbox.sent(self._database, alert, None, at)
            return
        # An attempt was made before: it may have got through.
        there = channel.find(alert.id, target, thread) if alert.attempts else None
        if there is not None:
            channel.complete(message, there)
        reference = there or channel.send(alert.id, message, target, thread)
        outbox.sent(self._database, alert, None if thread else reference, at)

    def _later(self, alert: Alert, error: TryLater, at: datetime) -> None:
        if alert.created_at is not None and at - alert.created_at > GIVE_UP:
            outbox.fail(self._database, alert, at, f"{error}; given up after {GIVE_UP.days} days")
            return
        wait = min(FIRST_WAIT * 2.0 ** min(alert.attempts, 12), LONGEST_WAIT) * random.uniform(0.9, 1.1)  # noqa: S311
        if error.seconds is not None:
            wait = timedelta(seconds=error.seconds)
        if error.is_limit:
            self._closed_until[alert.channel] = at + wait
        outbox.postpone(self._database, alert, at + wait, str(error))

    def _other_way(self, channel: Channel, alert: Alert, error: Undeliverable, at: datetime) -> None:
        if error.is_target and alert.target != channel.default:
            outbox.reroute(self._database, alert, channel.default, f"meant for {alert.target}: {error}", at)
        else:
            outbox.fail(self._database, alert, at, str(error))
