"""The service tells people through Slack: killed between sending and recording, buttons pressed, nothing twice, nothing lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from costlens.anomaly.store import anomalies
from tests.alerts.found import found, recorded
from tests.alerts.slack import TOKEN, Fault, Slack
from tests.service.conftest import Make
from tests.service.served import PATIENCE, Served
from tests.sync.conftest import Company

SECRET = "signing-secret-of-tests"


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as served:
        yield served


def by_slack(slack: Slack) -> dict[str, Any]:
    """Return the section `alerts` for a Slack."""
    return {"slack": {"bot_token": TOKEN, "signing_secret": SECRET, "api_url": f"{slack.url}/api/"}}


def company_of(make: Make, ways: dict[str, Any], **sections: Any) -> Company:
    """Return a company with anomalies of today that nobody was told of."""
    # No pull: what the detector finds is not what is tried here; nor is what is told by the clock, on Mondays at nine.
    schedule = dict.fromkeys(("sync", "digest", "close_notice"), "never") | {"detect": "every 5s"}
    alerts = {**ways, "dashboard_url": "https://costs.example.org", "timeout_seconds": 5}
    company = make(alerts=alerts, schedule=schedule, **sections)
    today = datetime.now(timezone.utc)
    days: dict[str, Any] = {"first_day": today.date() - timedelta(days=3), "last_day": today.date() - timedelta(days=1)}
    with company.ledger() as ledger:
        recorded(ledger, found(**days), found("marts/users", money="300", **days), at=today)
    return company


@pytest.mark.parametrize("is_done", [True, False], ids=["sent, not recorded", "claimed, not sent"])
def test_killed_between_send_and_record_it_is_seen_once(make_synced: Make, slack: Slack, is_done: bool) -> None:
    company = company_of(make_synced, by_slack(slack))
    fault = Fault("chat.postMessage", hold=threading.Event(), drop=True, does=is_done)
    slack.faults.append(fault)
    with Served(company.path) as served:
        assert fault.reached.wait(PATIENCE)
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


class Hook(ThreadingHTTPServer):
    """Someone's receiver: keeps what it got; the first answer waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.reached, self.let_go, self.twice = threading.Event(), threading.Event(), threading.Event()


class Taking(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        key = self.headers["Idempotency-Key"]
        is_again = key in [known for known, _ in self.server.got]
        self.server.got.append((key, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        if len(self.server.got) == 1:
            self.server.reached.set()
            self.server.let_go.wait(PATIENCE)
        if is_again:
            self.server.twice.set()
        with suppress(OSError):  # who asked may have been killed
            self.send_response(200)
            self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_killed_between_send_and_record_a_webhook_says_the_same_key_again(make_synced: Make) -> None:
    with Hook() as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        told = {"url": f"http://127.0.0.1:{hook.server_address[1]}/hook", "secret": "s3cret"}
        company = company_of(make_synced, {"webhook": told})
        with Served(company.path) as served:
            assert hook.reached.wait(PATIENCE)
            served.end(signal.SIGKILL)
        hook.let_go.set()
        with Served(company.path) as served:
            assert hook.twice.wait(PATIENCE)
            served.wait("job done", job="deliver")
            assert served.end() == 0
        hook.shutdown()
    seen: dict[str, dict[str, Any]] = {}
    for key, body in hook.got:
        assert key == body["id"]
        assert seen.setdefault(key, body) == body
    assert len(hook.got) == len(seen) + 1
    assert sorted(body["title"].split(" ")[0] for body in seen.values()) == ["marts/orders", "marts/users"]


def press(
    served: Served,
    thread: str,
    action: str,
    *,
    at: float | None = None,
    secret: str = SECRET,
    user: str = "ada",
    channel: str = "C0000001",
) -> httpx.Response:
    """Press a button as Slack tells of it."""
    payload = {
        "type": "block_actions",
        "user": {"id": f"U-{user}", "username": user},
        "channel": {"id": channel, "name": "growth-data"},
        "container": {"type": "message", "message_ts": "1", "channel_id": channel},
        "actions": [{"action_id": action, "value": thread}],
    }
    body = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return httpx.post(f"{served.url}/slack/interactions", content=body, headers=headers, timeout=PATIENCE)


def test_buttons_do_what_they_say_and_only_for_slack(make_synced: Make, slack: Slack) -> None:
    company = company_of(make_synced, by_slack(slack))

    def states() -> dict[str, str]:
        with company.ledger() as ledger:
            return {one.key: one.status for one in anomalies(ledger.database)}

    with Served(company.path) as served:
        slack.wait(lambda: len(slack.roots()) == 2)
        assert {post.channel for post in slack.roots()} == {"C0000001"}
        roots = {post.text.split(" ")[0]: post for post in slack.roots()}
        thread = _button(roots["marts/orders"].blocks, "acknowledge")["value"]
        assert press(served, thread, "acknowledge", secret="another").status_code == 401
        assert press(served, thread, "acknowledge", at=time.time() - 600).status_code == 401
        assert press(served, "anomaly:none", "acknowledge").status_code == 200
        assert press(served, thread, "delete").status_code == 200
        assert press(served, thread, "acknowledge", channel="C0000002").status_code == 200
        assert slack.whispers == [("C0000002", "U-ada", "This was not sent to this channel: press where it was.")]
        assert (
            httpx.post(f"{served.url}/slack/interactions", content=b"x" * 300_000, timeout=PATIENCE).status_code == 413
        )
        assert set(states().values()) == {"open"}
        assert press(served, thread, "acknowledge").status_code == 200
        assert press(served, thread, "acknowledge").status_code == 200
        assert states() == {"marts/orders": "acknowledged", "marts/users": "open"}
        slack.wait(lambda: len(slack.replies(roots["marts/orders"])) == 1 and roots["marts/orders"].updates == 1)
        assert slack.replies(roots["marts/orders"])[0].text == "marts/orders: acknowledged by @ada"
        other = _button(roots["marts/users"].blocks, "snooze:7")["value"]
        before = datetime.now(timezone.utc)
        assert press(served, other, "snooze:7").status_code == 200
        slack.wait(lambda: len(slack.replies(roots["marts/users"])) == 1)
        with company.ledger() as ledger:
            until = next(one for one in anomalies(ledger.database) if one.key == "marts/users").snoozed_until
        assert until is not None
        assert before <= until - timedelta(days=7) <= datetime.now(timezone.utc)
        assert served.end() == 0


LOGIN = {
    "metadata_url": "https://idp.example.org/.well-known/openid-configuration", "client_id": "c", "client_secret": "s",
    "redirect_uri": "https://costs.example.org/oauth2callback", "cookie_secret": "0123456789abcdef0123456789abcdef",
    "admins": ["ada@example.org"], "members": {"growth": ["*@growth.example.org"]},
}  # fmt: skip


def test_only_the_owners_people_press_where_the_dashboard_lists_them(make_synced: Make, slack: Slack) -> None:
    company = company_of(make_synced, by_slack(slack), dashboard={"login": LOGIN})
    slack.people |= {
        "U-ada": {"profile": {"email": "Ada@example.org"}},
        "U-bo": {"profile": {"email": "bo@growth.example.org"}},
        "U-cy": {"profile": {"email": "cy@sales.example.org"}},
        "U-di": {"profile": {"email": "di@growth.example.org"}, "is_email_confirmed": False},
        "U-ed": {"profile": {}},
    }

    def state() -> str:
        with company.ledger() as ledger:
            return next(one.status for one in anomalies(ledger.database) if one.key == "marts/orders")

    with Served(company.path) as served:
        slack.wait(lambda: len(slack.roots()) == 2)
        assert {post.channel for post in slack.roots()} == {"C0000001"}
        roots = {post.text.split(" ")[0]: post for post in slack.roots()}
        thread = _button(roots["marts/orders"].blocks, "acknowledge")["value"]
        for user in ("cy", "di", "ed", "nobody"):
            assert press(served, thread, "acknowledge", user=user).status_code == 200
        assert state() == "open"
        assert [user for _, user, _ in slack.whispers] == ["U-cy", "U-di", "U-ed", "U-nobody"]
        assert "users:read.email" in slack.whispers[2][2]
        served.wait("press refused", who="@nobody")
        assert len(served.seen("press refused", who="@cy", user="U-cy")) == 1
        slack.faults.append(Fault("users.info", status=500))
        assert press(served, thread, "acknowledge", user="bo").status_code == 503
        assert press(served, thread, "snooze:1", user="bo").status_code == 200
        assert state() == "snoozed"
        assert press(served, thread, "acknowledge", user="ada").status_code == 200
        assert state() == "acknowledged"
        slack.wait(lambda: len(slack.replies(roots["marts/orders"])) == 2)
        words = [reply.text for reply in slack.replies(roots["marts/orders"])]
        assert words[0].startswith("marts/orders: snoozed by @bo")
        assert words[1] == "marts/orders: acknowledged by @ada"
        assert served.end() == 0


def _button(blocks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    buttons = next(block["elements"] for block in blocks if block["type"] == "actions")
    found: dict[str, Any] = next(button for button in buttons if button["action_id"] == name)
    return found
