"""Structured logs: an event and its fields, as JSON lines, or as text for a terminal; never a secret, never a literal.

Messages of our own errors are written to be shown. Of anything else only its kind and its place in the code are logged: what it
says may quote a statement, a token or an address with a key in it.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from costlens.errors import CostLensError

_OURS = "costlens.service"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log(event: str, level: str = "info", **fields: Any) -> None:
    """Log an event with its fields; those that are None are left out."""
    told = {name: value for name, value in fields.items() if value is not None}
    logging.getLogger(_OURS).log(_LEVELS[level], event, extra={"told": told})


def describe(error: BaseException) -> str:
    """Say what went wrong in words that may be logged and stored."""
    if isinstance(error, CostLensError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: a bug, or a library's failure; its place is in the log"


def places(error: BaseException) -> list[str]:
    """Return where an error came from, outermost first, without what it says."""
    return [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


def set_up(stream: TextIO | None = None, *, is_json: bool | None = None) -> None:
    """Send all logs of this process to a stream, stderr by default; JSON where that is no terminal."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if (not stream.isatty() if is_json is None else is_json) else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    at = datetime.fromtimestamp(record.created, timezone.utc)
    base: dict[str, Any] = {"at": at.isoformat(timespec="milliseconds"), "level": record.levelname.lower()}
    if record.name == _OURS:
        return {**base, "event": record.msg, **getattr(record, "told", {})}
    # A library's: the place and, where values are kept apart from it, the pattern of the message.
    pattern = record.msg if record.args and isinstance(record.msg, str) else None
    told = {"event": "library", "logger": record.name, "place": f"{record.filename}:{record.lineno}"}
    if record.exc_info and record.exc_info[1] is not None:
        told["error"] = type(record.exc_info[1]).__name__
    return {**base, **told, **({"pattern": pattern} if pattern else {})}


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record), default=str, ensure_ascii=True)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = _fields(record)
        head = f"{str(told.pop('at'))[11:19]} {told.pop('level'):7} {told.pop('event')}"
        text = " ".join([head, *(f"{name}={value}" for name, value in told.items())])
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
