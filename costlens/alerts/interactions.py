"""Slack's button presses over HTTP: signature, time, place and person verified, then what the person decided is done."""

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

from costlens.alerts.channel import TryLater
from costlens.alerts.message import one_line
from costlens.alerts.pressing import Door, Press, Refused
from costlens.anomaly.store import act, anomalies
from costlens.errors import LedgerError, UsageError
from costlens.ledger.outbox import subjects

PATH = "/slack/interactions"
MAX_BYTES = 200_000
PREFIX = "anomaly:"


def routes(door: Door, secret: str, told: Callable[[], None]) -> list[Route]:
    """Return the route that Slack's app is pointed to; `told` is called when something was decided."""
    verifier = SignatureVerifier(secret)

    def work(payload: Any) -> None:
        if decide(door, payload, datetime.now(timezone.utc)):
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
        except TryLater:
            return PlainTextResponse("Slack does not say who pressed: press again later", 503)
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


def decide(door: Door, payload: Any, at: datetime) -> int:
    """Do what pressed buttons say; return for how many anomalies. The same press again changes nothing.

    Who may not is told so, and nobody else. Raises TryLater where Slack has to be asked who pressed, and does not answer.
    """
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        return 0
    user, place = payload.get("user") or {}, payload.get("container") or {}
    id = str(user.get("id") or "")  # noqa: A001
    who = one_line(f"@{user.get('username') or user.get('name') or id or '?'}", 80)
    channel = str((payload.get("channel") or {}).get("id") or place.get("channel_id") or "")
    actions = [action for action in payload.get("actions") or () if isinstance(action, dict)]
    return sum(_press(door, action, Press(str(action.get("value", "")), id, who, channel), at) for action in actions)


def _press(door: Door, action: dict[str, Any], press: Press, at: datetime) -> int:
    name, _, days = str(action.get("action_id", "")).partition(":")
    if name not in ("acknowledge", "snooze") or (name == "snooze" and days not in ("1", "7")):
        return 0
    until = at + timedelta(days=int(days)) if name == "snooze" else None
    done, refused = 0, ""
    for subject in subjects(door.database, PREFIX).values():
        if subject.thread != press.thread:
            continue
        try:
            door.check_place(press)
            done += _one(door, subject.subject.removeprefix(PREFIX), name, press, at, until)
        except Refused as error:
            refused = str(error)
    if refused:
        door.refuse(press, refused)
    return done


def _one(door: Door, anomaly: str, name: str, press: Press, at: datetime, until: datetime | None) -> bool:
    found = anomalies(door.database, id=anomaly)
    if not found or found[0].status == "resolved":
        return False
    now = found[0]
    door.check_person(press, now.team)
    is_done = (
        now.status == "acknowledged"
        if until is None
        else now.snoozed_until is not None and abs(until - now.snoozed_until) < timedelta(minutes=10)
    )
    if is_done:
        return False
    try:
        act(door.database, anomaly, name, who=press.who, at=at, until=until)
    except UsageError:
        return False
    return True
