"""Delivery to Slack over HTTP: one thread a subject, whatever Slack answers, and no message twice."""

from __future__ import annotations

import itertools
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from costlens.alerts.blocks import blocks
from costlens.alerts.delivery import Delivery, channels
from costlens.alerts.message import File, Message
from costlens.ledger import Ledger, outbox
from costlens.ledger.outbox import News
from costlens.settings.alerts import Settings
from tests.alerts.messages import AT, alert, evil, later, message, plot
from tests.alerts.slack import TOKEN, Fault, Slack, problems


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as served:
        yield served


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as opened:
        yield opened


def delivery(ledger: Ledger, slack: Slack, **other: object) -> Delivery:
    told = {"bot_token": TOKEN, "signing_secret": "s", "api_url": f"{slack.url}/api/", **other}
    return Delivery(ledger.database, channels(Settings.model_validate({"slack": told})))


def put(ledger: Ledger, *alerts: outbox.Alert) -> None:
    outbox.add(ledger.database, News(list(alerts)), AT)


def test_a_thread_has_one_first_message_with_its_plot_and_replies_in_order(ledger: Ledger, slack: Slack) -> None:
    put(ledger, alert(told=message(plot=plot())), alert(event="changed", told=message("it grows")))
    put(ledger, alert(event="changed", told=message("it grows")), alert(event="resolved", told=message("it is over")))
    put(ledger, alert(event="closed", action="update", told=message("resolved: marts/orders", plot=plot())))
    assert delivery(ledger, slack).deliver(AT) == 4
    (root,) = slack.roots()
    assert root.channel == slack.channels["growth-data"]
    assert root.updates == 1
    assert root.text.startswith("resolved: marts/orders")
    image = next(block for block in root.blocks if block["type"] == "image")
    assert slack.files[image["slack_file"]["id"]].count(b"\x89PNG") == 1
    assert [reply.text.split(":")[0] for reply in slack.replies(root)] == ["it grows", "it is over"]
    assert slack.refused == []
    assert outbox.counts(ledger.database) == {"sent": 4}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("chat.postMessage", drop=True, does=True),
        Fault("chat.postMessage", status=500, does=True),
        Fault("chat.postMessage", drop=True),
        Fault("chat.postMessage", status=503),
        Fault("chat.postMessage", error="internal_error", does=True),
        Fault("files.completeUploadExternal", drop=True),
        Fault("upload", status=500),
    ],
    ids=[
        "answer lost",
        "500 after it was done",
        "not reached",
        "503",
        "error after it was done",
        "upload lost",
        "upload 500",
    ],
)
def test_a_message_whose_answer_is_lost_is_seen_once(ledger: Ledger, slack: Slack, fault: Fault) -> None:
    slack.faults.append(Fault(**vars(fault) | {"reached": fault.reached}))
    put(ledger, alert(told=message(plot=plot())), alert(event="more", told=message("more")))
    sender = delivery(ledger, slack)
    sender.deliver(AT)
    for minute in range(1, 5):
        delivery(ledger, slack).deliver(later(60 * minute))
    (root,) = slack.roots()
    assert len(slack.replies(root)) == 1
    assert outbox.counts(ledger.database) == {"sent": 2}


def test_a_reply_whose_answer_is_lost_is_seen_once(ledger: Ledger, slack: Slack) -> None:
    put(ledger, alert())
    sender = delivery(ledger, slack)
    sender.deliver(AT)
    slack.faults.append(Fault("chat.postMessage", drop=True, does=True))
    put(ledger, alert(event="more", told=message("more")))
    sender.deliver(AT)
    sender.deliver(later(60))
    assert len(slack.replies(slack.roots()[0])) == 1


@pytest.mark.parametrize(
    "method", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal", "conversations.replies"]
)
def test_documents_follow_their_message_whatever_happens_between(ledger: Ledger, slack: Slack, method: str) -> None:
    """The message is posted and its first document too; then Slack wants to be left alone, and once more when it is asked."""
    files = tuple(File(f"statement.{kind}", "text/plain", b64encode(kind.encode()).decode()) for kind in ("pdf", "csv"))
    put(ledger, alert(told=replace(message(), files=files)))
    if method == "conversations.replies":
        slack.faults.append(Fault("files.getUploadURLExternal", status=429, error="ratelimited", retry_after=30))
    slack.faults.append(Fault(method, status=429, error="ratelimited", retry_after=30, does=method == "upload"))
    sender = delivery(ledger, slack)
    assert sender.deliver(AT) == 0
    assert len(slack.roots()) == 1
    for minute in range(1, 4):
        delivery(ledger, slack).deliver(later(60 * minute))
    (root,) = slack.roots()
    assert sorted(slack.shared) == [(root.channel, root.ts, f"statement.{kind}") for kind in ("csv", "pdf")]
    assert outbox.counts(ledger.database) == {"sent": 1}


def test_slack_is_left_alone_for_as_long_as_it_says(ledger: Ledger, slack: Slack) -> None:
    slack.faults.append(Fault("chat.postMessage", status=429, error="ratelimited", retry_after=30))
    put(ledger, *(alert(f"anomaly:{number}") for number in range(5)))
    sender = delivery(ledger, slack, plots=False)
    sender.deliver(AT)
    sender.deliver(later(29))
    assert slack.calls == []
    sender.deliver(later(31))
    assert len(slack.roots()) == 5


def test_days_of_outage_lose_nothing(ledger: Ledger, slack: Slack) -> None:
    slack.faults.append(Fault("chat.postMessage", status=503, times=40))
    put(ledger, *(alert(f"anomaly:{number}") for number in range(3)))
    sender = delivery(ledger, slack)
    for hour in range(48):
        sender.deliver(later(3600 * hour))
    assert len(slack.roots()) == 3
    assert outbox.counts(ledger.database) == {"sent": 3}


def test_a_channel_that_is_not_there_is_replaced_by_the_default_and_the_thread_stays_one(
    ledger: Ledger, slack: Slack
) -> None:
    put(ledger, alert(target="#secret"), alert(target="#secret", event="more", told=message("more")))
    sender = delivery(ledger, slack)
    sender.deliver(AT)
    put(ledger, alert(target="#secret", event="late", told=message("late")))
    put(ledger, alert(target="#secret", event="end", action="update", told=message("over")))
    sender.deliver(later(60))
    (root,) = slack.roots()
    assert root.channel == slack.channels["data-cost"]
    assert [reply.text.split(":")[0] for reply in slack.replies(root)] == ["more", "late"]
    assert root.text.startswith("over")


def test_a_token_that_is_wrong_is_told_and_messages_wait(ledger: Ledger, slack: Slack) -> None:
    put(ledger, alert())
    delivery(ledger, slack, bot_token="xoxb-other").deliver(AT)
    (waiting,) = outbox.due(ledger.database, later(3600))
    assert "check alerts.slack.bot_token" in waiting.message
    assert "xoxb" not in waiting.message
    delivery(ledger, slack).deliver(later(3600))
    assert len(slack.roots()) == 1


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "conversations.history", "conversations.list"])
def test_without_a_scope_the_message_comes_without_what_it_is_for(ledger: Ledger, slack: Slack, method: str) -> None:
    slack.faults += [Fault(method, error="missing_scope", times=99), Fault("chat.postMessage", status=500)]
    put(ledger, alert(told=message(plot=plot())))
    sender = delivery(ledger, slack)
    sender.deliver(AT)
    sender.deliver(later(60))
    assert len(slack.roots()) == 1


def test_hostile_names_stay_within_slacks_limits_and_do_nothing(ledger: Ledger, slack: Slack) -> None:
    for told in (evil(), message("", summary="")):
        for is_reply in (False, True):
            assert problems(blocks(told, image="F1", is_reply=is_reply), {"F1"}) == []
    put(ledger, alert(told=evil()), alert(event="more", told=evil()))
    assert delivery(ledger, slack).deliver(AT) == 2
    assert slack.refused == []
    for text in itertools.chain.from_iterable((post.text, *formatted(post.blocks)) for post in slack.posts):
        assert "<" not in text, "a mention or a link"
        assert "\x07" not in text


def formatted(value: Any) -> Iterator[str]:
    """Yield all texts in which Slack would see formats, mentions and links."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for inner in value.values():
            yield from formatted(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from formatted(inner)


def test_a_message_survives_the_outbox() -> None:
    for told in (message(plot=plot()), message(), evil()):
        assert Message.of_json(json.loads(json.dumps(told.as_json()))) == told
