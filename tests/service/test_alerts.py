"""The service tells people through Slack: killed between sending and recording, buttons pressed, nothing twice, nothing lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from costlens.anomaly.store import anomalies
from tests.alerts.found import found, recorded
from tests.alerts.slack import TOKEN, Fault, Slack
from tests.service.conftest import Make
from tests.service.served import Served
from tests.sync.conftest import Company

SECRET = "signing-secret-of-tests"


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as served:
        yield served


def company_of(make: Make, slack: Slack) -> Company:
    """Return a company with anomalies of today that nobody was told of."""
    told = {"bot_token": TOKEN, "signing_secret": SECRET, "api_url": f"{slack.url}/api/"}
    # No pull: what the detector finds is not what is tried here.
    schedule = {"sync": "never", "maintain": "never", "detect": "every 5s"}
    company = make(alerts={"slack": told, "dashboard_url": "https://costs.example.org"}, schedule=schedule)
    company.sync()
    today = datetime.now(timezone.utc)
    days: dict[str, Any] = {"first_day": today.date() - timedelta(days=3), "last_day": today.date() - timedelta(days=1)}
    with company.ledger() as ledger:
        recorded(ledger, found(**days), found("marts/users", money="300", **days), at=today)
    return company


@pytest.mark.parametrize("is_done", [True, False], ids=["sent, not recorded", "claimed, not sent"])
def test_killed_between_send_and_record_it_is_seen_once(make: Make, slack: Slack, is_done: bool) -> None:
    company = company_of(make, slack)
    fault = Fault("chat.postMessage", hold=threading.Event(), drop=True, does=is_done)
    slack.faults.append(fault)
    with Served(company.path) as served:
        assert fault.reached.wait(90)
        served.end(signal.SIGKILL)
    assert fault.hold is not None
    fault.hold.set()
    assert len(slack.roots()) == int(is_done)
    with Served(company.path) as served:
        slack.wait(lambda: len(slack.roots()) >= 2)
        served.wait("job done", job="deliver")
        assert served.end() == 0
        assert TOKEN not in json.dumps(served.lines)
    assert sorted(post.text.split(" ")[0] for post in slack.roots()) == ["marts/orders", "marts/users"]
    assert slack.refused == []


def press(served: Served, thread: str, action: str, *, at: float | None = None, secret: str = SECRET) -> httpx.Response:
    """Press a button as Slack tells of it."""
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada"},
        "actions": [{"action_id": action, "value": thread}],
    }
    body = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return httpx.post(f"{served.url}/slack/interactions", content=body, headers=headers, timeout=30)


def test_buttons_do_what_they_say_and_only_for_slack(make: Make, slack: Slack) -> None:
    company = company_of(make, slack)

    def states() -> dict[str, str]:
        with company.ledger() as ledger:
            return {one.key: one.status for one in anomalies(ledger.database)}

    with Served(company.path) as served:
        slack.wait(lambda: len(slack.roots()) == 2)
        roots = {post.text.split(" ")[0]: post for post in slack.roots()}
        thread = _button(roots["marts/orders"].blocks, "acknowledge")["value"]
        assert press(served, thread, "acknowledge", secret="another").status_code == 401
        assert press(served, thread, "acknowledge", at=time.time() - 600).status_code == 401
        assert press(served, "anomaly:none", "acknowledge").status_code == 200
        assert press(served, thread, "delete").status_code == 200
        assert httpx.post(f"{served.url}/slack/interactions", content=b"x" * 300_000).status_code == 413
        assert set(states().values()) == {"open"}
        assert press(served, thread, "acknowledge").status_code == 200
        assert press(served, thread, "acknowledge").status_code == 200
        assert states() == {"marts/orders": "acknowledged", "marts/users": "open"}
        slack.wait(lambda: len(slack.replies(roots["marts/orders"])) == 1 and roots["marts/orders"].updates == 1)
        assert slack.replies(roots["marts/orders"])[0].text == "marts/orders: acknowledged by @ada"
        other = _button(roots["marts/users"].blocks, "snooze:7")["value"]
        assert press(served, other, "snooze:7").status_code == 200
        slack.wait(lambda: len(slack.replies(roots["marts/users"])) == 1)
        with company.ledger() as ledger:
            until = next(one for one in anomalies(ledger.database) if one.key == "marts/users").snoozed_until
        assert until is not None
        assert until.date() == date.today() + timedelta(days=7)
        assert served.end() == 0


def _button(blocks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    buttons = next(block["elements"] for block in blocks if block["type"] == "actions")
    found: dict[str, Any] = next(button for button in buttons if button["action_id"] == name)
    return found
