"""E-mail through a real SMTP conversation, and the generic webhook over HTTP, by the same interface as Slack."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from costlens.alerts.delivery import Delivery, channels
from costlens.ledger import Ledger, outbox
from costlens.ledger.outbox import News
from costlens.settings.alerts import Settings
from tests.alerts.messages import AT, alert, evil, later, message, plot


class Post(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it gets; `refuses` are recipients, `lost` closes before the answer to so many mails."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.mails: list[EmailMessage] = []
        self.refuses: set[str] = set()
        self.lost = 0


class Talk(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self.say("220 post")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT") and any(name in line for name in self.server.refuses):
                self.say("550 no such person")
            elif verb == "DATA":
                self.say("354 go on")
                if not self.take():
                    return None
            elif verb == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")
        return None

    def take(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        if self.server.lost:
            self.server.lost -= 1
            return False
        self.say("250 taken")
        return True

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as opened:
        yield opened


def mailing(ledger: Ledger, post: Post) -> Delivery:
    told = {"host": "127.0.0.1", "port": post.server_address[1], "security": "none", "sender": "costlens@example.org"}
    return Delivery(ledger.database, channels(Settings.model_validate({"email": {**told, "to": ["data@example.org"]}})))


def test_a_mail_has_the_plot_and_replies_belong_to_it(ledger: Ledger, post: Post) -> None:
    told = {"channel": "email", "target": "growth@example.org"}
    outbox.add(
        ledger.database, News([alert(told=message(plot=plot()), **told), alert(event="more", told=evil(), **told)]), AT
    )
    assert mailing(ledger, post).deliver(AT) == 2
    first, reply = post.mails
    assert first["To"] == "growth@example.org"
    assert reply["In-Reply-To"] == first["Message-ID"]
    assert reply["Subject"] == f"Re: {first['Subject']}"
    kinds = [part.get_content_type() for part in first.walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(kinds)
    html = first.get_body(("html",))
    assert html is not None
    assert "insert into marts.orders select ?" in html.get_content()


def test_a_mail_that_may_have_got_through_comes_again_under_its_name(ledger: Ledger, post: Post) -> None:
    post.lost = 1
    outbox.add(ledger.database, News([alert(channel="email", target="data@example.org")]), AT)
    sender = mailing(ledger, post)
    sender.deliver(AT)
    sender.deliver(later(60))
    assert len({mail["Message-ID"] for mail in post.mails}) == 1
    assert outbox.counts(ledger.database) == {"sent": 1}


def test_an_address_that_is_refused_is_replaced_by_the_default(ledger: Ledger, post: Post) -> None:
    post.refuses.add("gone@example.org")
    outbox.add(ledger.database, News([alert(channel="email", target="gone@example.org")]), AT)
    sender = mailing(ledger, post)
    sender.deliver(AT)
    sender.deliver(later(60))
    assert [mail["To"] for mail in post.mails] == ["data@example.org"]


def test_a_webhook_is_signed_and_says_twice_that_it_is_the_same(ledger: Ledger) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    statuses = [500, 429, 200, 200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses[len(got) - 1])
            self.send_header("Retry-After", "40")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        told = {"url": f"http://127.0.0.1:{server.server_address[1]}/hook", "secret": "s3cret"}
        sender = Delivery(ledger.database, channels(Settings.model_validate({"webhook": told})))
        alerts = [alert(channel="webhook", target="growth"), alert(channel="webhook", target="growth", event="more")]
        outbox.add(ledger.database, News(alerts), AT)
        for seconds in (0, 60, 90, 120):
            sender.deliver(later(seconds))
        server.shutdown()
        thread.join()
    assert len(got) == 4
    assert len({headers["Idempotency-Key"] for headers, _ in got[:3]}) == 1
    headers, body = got[2]
    at, made = (part.split("=")[1] for part in headers["Costlens-Signature"].split(","))
    assert made == hmac.new(b"s3cret", at.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert json.loads(got[3][1])["thread"] == json.loads(body)["id"]
    assert json.loads(body)["team"] == "growth"
