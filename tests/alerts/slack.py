"""A stand-in of Slack on loopback: speaks the Web API, refuses what Slack would refuse, and fails when told to."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

TOKEN = "xoxb-secret-of-tests"
Answer = dict[str, Any]


@dataclass
class Post:
    """A message that people see."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None
    metadata: dict[str, Any]
    updates: int = 0


@dataclass
class Fault:
    """What happens to the next calls of a method: a status, a lost answer, or a refusal; `does` = the call works all the same."""

    method: str
    status: int = 200
    error: str = ""
    drop: bool = False
    does: bool = False
    retry_after: int | None = None
    times: int = 1
    hold: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


def problems(blocks: Any, files: set[str]) -> list[str]:
    """Return what Slack would say against blocks (docs.slack.dev/reference/block-kit)."""
    if not isinstance(blocks, list) or len(blocks) > 50:
        return ["no more than 50 blocks"]
    found: list[str] = []
    for block in blocks:
        check = _CHECKS.get(block.get("type"))
        found += [f"unknown block {block.get('type')}"] if check is None else check(block, files)
        if len(block.get("block_id", "")) > 255:
            found.append("block_id")
    return found


def _text(value: Any, kinds: tuple[str, ...], length: int) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"text object of {kinds} wanted"]
    allowed = {"type", "text", "emoji"} if value["type"] == "plain_text" else {"type", "text", "verbatim"}
    found = [f"unknown key {key}" for key in value.keys() - allowed]
    if not 1 <= len(value.get("text", "")) <= length:
        found.append(f"text of 1 to {length} characters wanted, not {len(value.get('text', ''))}")
    return found


def _header(block: Answer, files: set[str]) -> list[str]:
    return _text(block.get("text"), ("plain_text",), 150)


def _section(block: Answer, files: set[str]) -> list[str]:
    found = _text(block["text"], ("plain_text", "mrkdwn"), 3000) if "text" in block else []
    fields = block.get("fields", [])
    if ("text" not in block and not fields) or len(fields) > 10:
        found.append("a section has a text or 1 to 10 fields")
    for one in fields:
        found += _text(one, ("plain_text", "mrkdwn"), 2000)
    return found


def _context(block: Answer, files: set[str]) -> list[str]:
    elements = block.get("elements", [])
    found = [] if 1 <= len(elements) <= 10 else ["1 to 10 elements in a context"]
    for one in elements:
        found += _text(one, ("plain_text", "mrkdwn"), 3000)
    return found


def _image(block: Answer, files: set[str]) -> list[str]:
    found = [] if 1 <= len(block.get("alt_text", "")) <= 2000 else ["alt_text"]
    if ("image_url" in block) == ("slack_file" in block):
        found.append("image_url or slack_file")
    if "slack_file" in block and block["slack_file"].get("id") not in files:
        found.append("no such file")
    return found


def _actions(block: Answer, files: set[str]) -> list[str]:
    elements = block.get("elements", [])
    found = [] if 1 <= len(elements) <= 25 else ["1 to 25 elements in actions"]
    names = [one.get("action_id") for one in elements]
    if len(set(names)) != len(names) or not all(names):
        found.append("action_id of its own for each element")
    for one in elements:
        if one.get("type") != "button":
            found.append("buttons only")
        found += _text(one.get("text"), ("plain_text",), 75)
        if len(one.get("value", "")) > 2000 or len(one.get("url", "")) > 3000 or len(str(one.get("action_id"))) > 255:
            found.append("a value, url or action_id is too long")
        if one.get("style", "primary") not in ("primary", "danger"):
            found.append("style")
        if "url" in one and not one["url"].startswith(("http://", "https://")):
            found.append("url")
    return found


_CHECKS: dict[Any, Callable[[Answer, set[str]], list[str]]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "image": _image,
    "actions": _actions,
    "divider": lambda block, files: [],
}


class Slack:
    """The workspace; a context manager that serves it."""

    def __init__(self) -> None:
        self.channels = {"data-cost": "C0000000", "growth-data": "C0000001", "sales": "C0000002", "secret": "G0000003"}
        self.members = {"data-cost", "growth-data", "sales"}
        self.posts: list[Post] = []
        self.files: dict[str, bytes] = {}
        self.uploads: dict[str, str] = {}
        self.people: dict[str, Answer] = {}
        """Slack's id of a person -> what `users.info` says."""
        self.whispers: list[tuple[str, str, str]] = []
        """Channel, person and text of what only one person sees."""
        self.shared: list[tuple[str, str, str]] = []
        """Channel, thread and name of the files that people see."""
        self.calls: list[tuple[str, Answer]] = []
        self.refused: list[str] = []
        self.faults: list[Fault] = []
        self.changed = threading.Condition()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Slack:
        slack = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                slack._answer(self, urlparse(self.path).path, body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def roots(self) -> list[Post]:
        return [post for post in self.posts if post.thread_ts is None]

    def replies(self, root: Post) -> list[Post]:
        return [post for post in self.posts if post.thread_ts == root.ts and post.channel == root.channel]

    def wait(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for people to see something."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), [post.text for post in self.posts]

    def _answer(self, handler: BaseHTTPRequestHandler, path: str, body: bytes) -> None:
        method = path.removeprefix("/api/")
        if method.startswith("/upload/"):
            method = "upload"
        with self.changed:
            fault = next((one for one in self.faults if one.method == method and one.times > 0), None)
            if fault is not None:
                fault.times -= 1
        given = {"id": path.rpartition("/")[2], "body": body} if method == "upload" else _given(handler, body)
        answer: Answer = {"ok": True}
        if fault is None or fault.does:
            if method != "upload" and handler.headers.get("Authorization") != f"Bearer {TOKEN}":
                answer = {"ok": False, "error": "invalid_auth"}
            else:
                answer = self._do(method, given)
        if fault is not None:
            fault.reached.set()
            if fault.hold is not None:
                fault.hold.wait(60)
            if fault.drop:
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault.error:
                answer = {"ok": False, "error": fault.error}
        content = json.dumps(answer).encode()
        handler.send_response(fault.status if fault else 200)
        if fault is not None and fault.retry_after is not None:
            handler.send_header("Retry-After", str(fault.retry_after))
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _do(self, method: str, given: Answer) -> Answer:
        does: dict[str, Callable[[Answer], Answer]] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "files.getUploadURLExternal": self._upload_url,
            "upload": self._upload,
            "files.completeUploadExternal": self._complete,
            "conversations.list": lambda given: {
                "ok": True,
                "channels": [{"id": i, "name": n} for n, i in self.channels.items()],
            },
            "conversations.history": lambda given: self._history(given, lambda post: post.thread_ts is None),
            "conversations.replies": self._replies,
            "users.info": self._person,
            "chat.postEphemeral": self._whisper,
        }
        with self.changed:
            self.calls.append((method, given))
            answer = does[method](given)
            if not answer["ok"]:
                self.refused.append(f"{method}: {answer['error']} {answer.get('why', '')}")
            self.changed.notify_all()
        return answer

    def _channel(self, given: Answer) -> str | None:
        name = str(given.get("channel", "")).removeprefix("#")
        found = name if name in self.channels.values() else self.channels.get(name)
        return found if found in {self.channels[name] for name in self.members} else None

    def _checked(self, given: Answer) -> Answer | None:
        if self._channel(given) is None:
            return {"ok": False, "error": "channel_not_found"}
        if len(given.get("text", "")) > 40_000:
            return {"ok": False, "error": "msg_too_long"}
        why = problems(given.get("blocks", []), set(self.files))
        return {"ok": False, "error": "invalid_blocks", "why": why} if why else None

    def _post(self, given: Answer) -> Answer:
        if refused := self._checked(given):
            return refused
        channel, ts = str(self._channel(given)), f"1700000000.{next(self._numbers):06}"
        thread = given.get("thread_ts")
        if thread and not any(post.ts == thread and post.channel == channel for post in self.posts):
            return {"ok": False, "error": "thread_not_found"}
        post = Post(channel, ts, given.get("text", ""), given.get("blocks", []), thread, given.get("metadata") or {})
        self.posts.append(post)
        return {"ok": True, "channel": channel, "ts": ts}

    def _update(self, given: Answer) -> Answer:
        if refused := self._checked(given):
            return refused
        for post in self.posts:
            if post.ts == given["ts"] and post.channel == given["channel"]:
                post.text, post.blocks, post.updates = given.get("text", ""), given.get("blocks", []), post.updates + 1
                return {"ok": True, "channel": post.channel, "ts": post.ts}
        return {"ok": False, "error": "message_not_found"}

    def _upload_url(self, given: Answer) -> Answer:
        assert int(given["length"]) > 0
        assert given["filename"]
        name = f"F{next(self._numbers):08}"
        self.uploads[name] = given["filename"]
        return {"ok": True, "file_id": name, "upload_url": f"{self.url}/api//upload/{name}"}

    def _upload(self, given: Answer) -> Answer:
        assert given["id"] in self.uploads
        assert b"\x89PNG" in given["body"] or not self.uploads[given["id"]].endswith(".png")
        self.files[given["id"]] = given["body"]
        return {"ok": True}

    def _complete(self, given: Answer) -> Answer:
        listed = given["files"] if isinstance(given["files"], list) else json.loads(given["files"])
        assert all(one["id"] in self.files for one in listed)
        if given.get("channel_id"):
            self.shared += [(given["channel_id"], given["thread_ts"], self.uploads[one["id"]]) for one in listed]
        return {"ok": True, "files": [{"id": one["id"], "title": one.get("title")} for one in listed]}

    def _person(self, given: Answer) -> Answer:
        found = self.people.get(given["user"])
        return {"ok": True, "user": found} if found else {"ok": False, "error": "user_not_found"}

    def _whisper(self, given: Answer) -> Answer:
        if refused := self._checked(given):
            return refused
        self.whispers.append((given["channel"], given["user"], given["text"]))
        return {"ok": True, "message_ts": "1"}

    def _replies(self, given: Answer) -> Answer:
        answer = self._history(given, lambda post: given["ts"] in (post.thread_ts, post.ts))
        if answer["ok"]:
            place = (given["channel"], given["ts"])
            answer["messages"] += [
                {"ts": "0", "text": "", "files": [{"name": name}]} for *at, name in self.shared if tuple(at) == place
            ]
        return answer

    def _history(self, given: Answer, wanted: Callable[[Post], bool]) -> Answer:
        if self._channel(given) is None or given["channel"] not in self.channels.values():
            return {"ok": False, "error": "channel_not_found"}
        found = [post for post in reversed(self.posts) if post.channel == given["channel"] and wanted(post)]
        shown = [{"ts": post.ts, "text": post.text, "metadata": post.metadata} for post in found]
        return {"ok": True, "messages": shown, "has_more": False}


def _given(handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
    """Return the parameters of a call, however they are sent."""
    asked = {name: values[0] for name, values in parse_qs(urlparse(handler.path).query).items()}
    if "json" in (handler.headers.get("Content-Type") or ""):
        return {**asked, **json.loads(body or b"{}")}
    told: Answer = {**asked, **{name: values[0] for name, values in parse_qs(body.decode()).items()}}
    return {name: json.loads(value) if name in ("blocks", "metadata") else value for name, value in told.items()}
