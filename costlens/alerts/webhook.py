"""A generic webhook: each message is posted as JSON, signed with a time, and carries an id by which one that comes twice is known."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from costlens.alerts.channel import Channel, Reference, TryLater, Undeliverable
from costlens.alerts.message import Message
from costlens.estate import Team
from costlens.settings.alerts import Webhook as Settings

SIGNATURE, KEY = "Costlens-Signature", "Idempotency-Key"
_NEVER = {400, 405, 413, 415, 422}


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None  # what is signed for one address is not handed to another


class WebhookChannel(Channel):
    """One address; the team is part of what is posted."""

    name: ClassVar[str] = "webhook"
    default = "(all)"

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._timeout = timeout
        self._url = settings.url.get_secret_value()
        self._secret = settings.secret.get_secret_value()
        self._opener = build_opener(_Stay())

    def target(self, team: Team | None) -> str:
        return team.name if team else self.default

    def send(self, id: str, message: Message, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        first = thread["id"] if thread else id
        body = json.dumps(
            {"id": id, "thread": first, "team": None if target == self.default else target, **message.as_json()}
        )
        headers = {
            "Content-Type": "application/json",
            KEY: id,
            SIGNATURE: signature(self._secret, body, int(time.time())),
        }
        try:
            with self._opener.open(Request(self._url, body.encode(), headers), timeout=self._timeout):  # noqa: S310
                return {"id": first}
        except HTTPError as error:
            with error:
                raise _failure(error) from None
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise TryLater(f"webhook: no answer ({type(error).__name__}); it is tried again") from None


def _failure(error: HTTPError) -> TryLater | Undeliverable:
    if error.code in _NEVER:
        return Undeliverable(f"webhook: refused with status {error.code}")
    wait = str(error.headers.get("Retry-After") or "")
    seconds = float(wait) if wait.isdigit() else None
    return TryLater(f"webhook: status {error.code}; it is tried again", seconds=seconds, is_limit=error.code == 429)


def signature(secret: str, body: str, at: int) -> str:
    """Return `t=<unix time>,v1=<HMAC-SHA256 of "time.body" in hex>`."""
    made = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"
