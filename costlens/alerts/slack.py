"""Slack by its Web API: a message with its plot, replies in its thread, asked before it is sent a second time.

Slack has no key that makes a post idempotent. Each message carries our id in its metadata, and one that may have got through is looked for
in the channel before it is sent again; for that the app needs channels:history (groups:history in private channels).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from costlens.alerts.blocks import blocks, fallback
from costlens.alerts.channel import Channel, Reference, TryLater, Undeliverable
from costlens.alerts.message import File, Message
from costlens.alerts.plots import png
from costlens.estate import Team
from costlens.settings.alerts import Slack as Settings

EVENT = "costlens_alert"
#: Pages of a channel's history that are looked through for a message of minutes ago.
PAGES, PAGE = 3, 200
_TARGET = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "channel_is_archived",
    "restricted_action",
    "no_permission",
    "cannot_reply_to_message",
}
_MESSAGE = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_too_long",
    "msg_blocks_too_long",
    "no_text",
    "too_many_attachments",
    "metadata_too_large",
    "user_not_found",
    "user_not_visible",
    "user_not_in_channel",
}
_AWAY = (URLError, HTTPException, OSError, SlackClientError)


class NotAllowed(TryLater):
    """The app lacks a right; what can do without it does."""


class SlackChannel(Channel):
    """A Slack workspace through a bot token."""

    name: ClassVar[str] = "slack"

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._settings = settings
        self.default = settings.default_channel
        base = str(settings.api_url).rstrip("/") + "/" if settings.api_url else WebClient.BASE_URL
        token = settings.bot_token.get_secret_value() if settings.bot_token else ""
        # The client's own retries would send a message again whose answer was lost.
        self._client = WebClient(token=token, timeout=math.ceil(timeout), retry_handlers=[], base_url=base)
        self._ids: dict[str, str] = {}

    def target(self, team: Team | None) -> str:
        return team.slack if team and team.slack else self.default

    def send(self, id: str, message: Message, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        image = self._image(message) if thread is None else None
        told: dict[str, Any] = {"text": fallback(message), "unfurl_links": False, "unfurl_media": False}
        told["metadata"] = {"event_type": EVENT, "event_payload": {"id": id}}
        told |= {"channel": thread["channel"], "thread_ts": thread["ts"]} if thread else {"channel": target}
        try:
            sent = self._call(
                lambda: self._client.chat_postMessage(blocks=self._blocks(message, image, thread), **told)
            )
        except Undeliverable:
            if image is None:
                raise
            # A picture that Slack does not show (yet) must not keep the message back.
            image = None
            sent = self._call(lambda: self._client.chat_postMessage(blocks=self._blocks(message, None, thread), **told))
        reference = {"channel": sent["channel"], "ts": sent["ts"]}
        self._upload(message.files, reference)
        return {**reference, "image": image} if image else reference

    def complete(self, message: Message, place: Reference) -> None:
        there: set[str] = set()
        if message.files:
            with suppress(Undeliverable, NotAllowed):  # it cannot be asked: better twice than not at all
                for reply in self._replies(place):
                    there |= {str(file.get("name")) for file in reply.get("files") or []}
        self._upload([file for file in message.files if file.name not in there], place)

    def _upload(self, files: Iterable[File], place: Reference) -> None:
        """Put documents in a message's thread; an app that may not upload has told the figures all the same."""
        for file in files:
            with suppress(Undeliverable, NotAllowed):
                self._call(
                    lambda file=file: self._client.files_upload_v2(  # type: ignore[misc]
                        channel=place["channel"],
                        thread_ts=place["ts"],
                        content=file.body(),
                        filename=file.name,
                        title=file.name,
                    )
                )

    def update(self, message: Message, target: str, thread: Reference) -> None:
        shown = self._blocks(message, thread.get("image"), None)
        place = {"channel": thread["channel"], "ts": thread["ts"]}
        self._call(lambda: self._client.chat_update(blocks=shown, text=fallback(message), **place))

    def find(self, id: str, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        try:
            pages = self._replies(thread) if thread else self._history(self._id(target))
            for message in pages:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("id") == id:
                    channel = thread["channel"] if thread else self._id(target)
                    return {"channel": channel, "ts": message["ts"]}
        except (Undeliverable, NotAllowed):
            return None  # it cannot be asked: better twice than not at all
        return None

    def email_of(self, user: str) -> str:
        """Return the confirmed e-mail address of a person, empty where there is none.

        Raises NotAllowed without the scopes users:read and users:read.email, TryLater, Undeliverable.
        """
        person = self._call(lambda: self._client.users_info(user=user)).get("user") or {}
        profile = person.get("profile") or {}
        if "email" not in profile and not person.get("is_bot"):
            raise NotAllowed("slack: the app needs the scope users:read.email")
        return "" if person.get("is_email_confirmed") is False else str(profile.get("email") or "")

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Say something that only one person in a channel sees. Raises TryLater, Undeliverable."""
        self._call(lambda: self._client.chat_postEphemeral(channel=channel, user=user, text=text))

    def _blocks(self, message: Message, image: str | None, thread: Reference | None) -> list[dict[str, Any]]:
        has_buttons = self._settings.signing_secret is not None
        return blocks(message, image=image, is_reply=thread is not None, has_buttons=has_buttons)

    def _image(self, message: Message) -> str | None:
        """Upload the plot, shared nowhere yet; None where the app may not."""
        if message.plot is None or not self._settings.plots:
            return None
        picture, title = png(message.plot), message.plot.title[:200]
        try:
            done = self._call(
                lambda: self._client.files_upload_v2(
                    filename="costlens.png", content=picture, title=title, alt_txt=title
                )
            )
        except (Undeliverable, NotAllowed):
            return None
        files = done.get("files") or []
        return str(files[0]["id"]) if files else None

    def _history(self, channel: str) -> Iterator[dict[str, Any]]:
        yield from self._pages(lambda cursor: self._client.conversations_history(
            channel=channel, include_all_metadata=True, limit=PAGE, cursor=cursor))  # fmt: skip

    def _replies(self, thread: Reference) -> Iterator[dict[str, Any]]:
        yield from self._pages(lambda cursor: self._client.conversations_replies(
            channel=thread["channel"], ts=thread["ts"], include_all_metadata=True, limit=PAGE, cursor=cursor))  # fmt: skip

    def _pages(self, read: Callable[[str | None], Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        for _ in range(PAGES):
            page = self._call(lambda at=cursor: read(at))  # type: ignore[misc]
            yield from page.get("messages") or []
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return

    def _id(self, target: str) -> str:
        """Return a channel's id by its name; an id stays what it is."""
        name = target.removeprefix("#")
        if not target.startswith("#"):
            return target
        cursor: str | None = None
        while name not in self._ids:
            page = self._call(lambda at=cursor: self._client.conversations_list(  # type: ignore[misc]
                types="public_channel,private_channel", exclude_archived=True, limit=1000, cursor=at))  # fmt: skip
            self._ids |= {channel["name"]: channel["id"] for channel in page.get("channels") or []}
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None and name not in self._ids:
                raise Undeliverable(f"slack: there is no channel {target} that the app can see", is_target=True)
        return self._ids[name]

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except SlackApiError as error:
            raise _failure(error) from None
        except _AWAY as error:
            raise TryLater(f"slack: no answer ({type(error).__name__}); it is tried again") from None


def _failure(error: SlackApiError) -> TryLater | Undeliverable:
    """Tell Slack's errors apart: wait, another channel, never, or a person has to change the app."""
    response: Any = error.response
    status = getattr(response, "status_code", None) or 200
    try:
        name = str(response["error"])
    except (KeyError, TypeError):
        name = ""
    if status == 429 or name in ("ratelimited", "rate_limited"):
        given = {name.lower(): str(value) for name, value in getattr(response, "headers", {}).items()}
        wait = str(given.get("retry-after", ""))
        seconds = float(wait) if wait.isdigit() else None
        return TryLater("slack: too many messages; it is tried again when Slack says", seconds=seconds, is_limit=True)
    if name in _TARGET:
        return Undeliverable(
            f"slack: {name}: invite the app to the channel, or correct it in the teams file", is_target=True
        )
    if name in _MESSAGE:
        return Undeliverable(f"slack: {name}")
    if name in ("missing_scope", "not_allowed_token_type", "unknown_method", "file_upload_size_restricted"):
        return NotAllowed(f"slack: {name}: add the scope to the app (docs/alerts.md lists them); messages wait")
    if name in ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"):
        return TryLater(f"slack: {name}: check alerts.slack.bot_token; messages wait until it works")
    return TryLater(f"slack: {name or f'status {status}'}; it is tried again")
