"""Slack's button presses over HTTP: signature and time verified, then what the person decided is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from costlens.alerts.message import one_line
from costlens.anomaly.store import act, anomalies
from costlens.errors import LedgerError, UsageError
from costlens.ledger.database import Database
from costlens.ledger.outbox import subjects

PATH = "/slack/interactions"
MAX_BYTES = 200_000
PREFIX = "anomaly:"


def routes(database: Database, secret: str, told: Callable[[], None]) -> list[Route]:
    """Return the route that Slack's app is pointed to; `told` is called when something was decided."""
    verifier = SignatureVerifier(secret)

    def work(payload: Any) -> None:
        if decide(database, payload, datetime.now(timezone.utc)):
            told()

    async def interactions(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_BYTES:
                return PlainTextResponse("too long", 413)
        if not _is_slacks(verifier, body, dict(request.headers)):
            return PlainTextResponse("not signed by Slack, or too old", 401)
        try:
            payload = json.loads(parse_qs(body.decode())["payload"][0])
        except (ValueError, KeyError, UnicodeDecodeError):
            return PlainTextResponse("no payload", 400)
        try:
            await run_in_threadpool(work, payload)
        except LedgerError:
            return PlainTextResponse("the ledger does not answer: press again later", 503)
        return Response(status_code=200)

    return [Route(PATH, interactions, methods=["POST"])]


def _is_slacks(verifier: SignatureVerifier, body: bytes, headers: dict[str, str]) -> bool:
    stamp, signature = headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature")
    if not stamp or not stamp.isdigit() or not signature:
        return False
    try:
        return bool(verifier.is_valid(body, stamp, signature))
    except (UnicodeDecodeError, TypeError):
        return False


def decide(database: Database, payload: Any, at: datetime) -> int:
    """Do what pressed buttons say; return for how many anomalies. The same press again changes nothing."""
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        return 0
    user = payload.get("user") or {}
    who = one_line(f"@{user.get('username') or user.get('name') or user.get('id') or '?'}", 80)
    return sum(_press(database, action, who, at) for action in payload.get("actions") or () if isinstance(action, dict))


def _press(database: Database, action: dict[str, Any], who: str, at: datetime) -> int:
    name, _, days = str(action.get("action_id", "")).partition(":")
    thread = str(action.get("value", ""))
    if name not in ("acknowledge", "snooze") or (name == "snooze" and days not in ("1", "7")):
        return 0
    until = at + timedelta(days=int(days)) if name == "snooze" else None
    done = 0
    for subject in subjects(database, PREFIX).values():
        if subject.thread == thread:
            done += _one(database, subject.subject.removeprefix(PREFIX), name, who, at, until)
    return done


def _one(database: Database, anomaly: str, name: str, who: str, at: datetime, until: datetime | None) -> bool:
    found = anomalies(database, id=anomaly)
    if not found or found[0].status == "resolved":
        return False
    now = found[0]
    is_done = (
        now.status == "acknowledged"
        if until is None
        else now.snoozed_until is not None and abs(until - now.snoozed_until) < timedelta(minutes=10)
    )
    if is_done:
        return False
    try:
        act(database, anomaly, name, who=who, at=at, until=until)
    except UsageError:
        return False
    return True
