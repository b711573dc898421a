"""A message to people as data: each channel shows it in its own way, the outbox keeps it as JSON."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ("info", "low", "high", "critical")


@dataclass(frozen=True)
class Fact:
    """A label and what it says; `is_code` for texts of a warehouse (names, masked statements)."""

    label: str
    text: str
    is_code: bool = False


@dataclass(frozen=True)
class Point:
    """One day of a series; `is_marked` for the days that the message is about."""

    day: str
    cost: float
    is_marked: bool = False


@dataclass(frozen=True)
class Plot:
    """A series to be drawn, with the band that was expected on the marked days."""

    title: str
    currency: str
    points: tuple[Point, ...]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class File:
    """A document that goes with a message; `content` is base64, so that the outbox can keep it."""

    name: str
    media_type: str
    content: str

    def body(self) -> bytes:
        """Return the document."""
        return b64decode(self.content)


@dataclass(frozen=True)
class Message:
    """What people are told; all texts are plain, warehouses' names among them are hostile until a channel escapes them."""

    title: str
    summary: str
    severity: str = "info"
    lead: str = ""
    """The money, in one line."""
    facts: tuple[Fact, ...] = ()
    why: tuple[Fact, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    """First row = head; for digests."""
    notes: tuple[str, ...] = ()
    link: str | None = None
    link_text: str = "Open in CostLens"
    subject: str | None = None
    """What the buttons acknowledge and snooze; None = no buttons."""
    plot: Plot | None = None
    files: tuple[File, ...] = ()
    """Documents: attached to a mail, uploaded to Slack beside the message."""

    def as_json(self) -> dict[str, Any]:
        """Return it for the outbox."""
        return asdict(self)

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Message:
        """Read it from the outbox."""
        plot = body["plot"]
        told = dict(body)
        told["facts"] = tuple(Fact(**fact) for fact in body["facts"])
        told["why"] = tuple(Fact(**fact) for fact in body["why"])
        told["table"] = tuple(tuple(row) for row in body["table"])
        told["notes"] = tuple(body["notes"])
        told["files"] = tuple(File(**file) for file in body.get("files", ()))
        if plot is not None:
            told["plot"] = Plot(**{**plot, "points": tuple(Point(**point) for point in plot["points"])})
        return cls(**told)


def one_line(text: str, length: int = 300) -> str:
    """Return a text without line breaks and control codes, cut to a length."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
