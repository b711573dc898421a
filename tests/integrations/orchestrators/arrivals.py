"""What arrives at the stand-ins of the warehouses: each statement with its tag or labels, in the order of arrival."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from costlens.tagging import codec

_UNMETERED = re.compile("$|;|show|use|begin|commit|rollback|put|desc|create schema|alter session|load|copy")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """One statement as the warehouse's own history would know it."""

    warehouse: str
    id: str
    text: str
    session: str
    tag: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    status: str = "SUCCESS"
    kind: str = "QUERY"
    client: str = ""

    @property
    def cl(self) -> dict[str, Any]:
        """The CostLens fields that it carries."""
        if self.warehouse == "snowflake":
            return codec.decode_query_tag(self.tag) or {}
        return codec.decode_labels(self.labels) or {}

    @property
    def is_metered(self) -> bool:
        """Whether it uses a warehouse: statements about the session, or of metadata alone, do not."""
        return _UNMETERED.match(" ".join(_COMMENTS.sub(" ", self.text).lower().split())) is None


class Together:
    """Statements of which the first to arrive waits for the others: they run at once, or the test says that they did not."""

    #: Seconds until it waits no more; spent only where they do not meet.
    PATIENCE = 300

    def __init__(self, *parts: str) -> None:
        self._parts, self._barrier = parts, threading.Barrier(len(parts), action=self._meet)
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self.have_met = False

    def _meet(self) -> None:
        self.have_met = True

    def wait(self, text: str) -> None:
        with self._lock:
            part = next((part for part in self._parts if part in text and part not in self._waiting), None)
            if part is None:
                return
            self._waiting.add(part)
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(self.PATIENCE)


@dataclass
class Faults:
    """What goes wrong: texts of statements that fail, and how often; requests that are refused once and then taken."""

    failing: dict[str, int] = field(default_factory=dict)
    """Part of a text -> how many more statements with it fail; -1 = all."""
    unavailable: dict[str, int] = field(default_factory=dict)
    """Part of a text -> how many more requests with it are answered by 503, which drivers send again."""
    together: Together | None = None
    """Statements that wait for one another."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fails(self, text: str) -> bool:
        return self._due(self.failing, text)

    def wait(self, text: str) -> None:
        if self.together:
            self.together.wait(text)

    def is_unavailable(self, text: str) -> bool:
        return self._due(self.unavailable, text)

    def _due(self, counts: dict[str, int], text: str) -> bool:
        with self._lock:
            for part, left in counts.items():
                if part in text and left:
                    counts[part] = left - 1
                    return True
        return False


@dataclass
class Arrivals:
    """All that arrived."""

    statements: list[Statement] = field(default_factory=list)
    refused: list[Statement] = field(default_factory=list)
    """Requests that were answered by 503."""
    faults: Faults = field(default_factory=Faults)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, statement: Statement) -> None:
        with self._lock:
            self.statements.append(statement)

    def next_id(self, form: Callable[[int], str]) -> str:
        with self._lock:
            self._count = getattr(self, "_count", 0) + 1
            return form(self._count)

    def forget(self) -> None:
        """Begin anew, with nothing arrived and nothing going wrong."""
        self.statements.clear()
        self.refused.clear()
        self.faults = Faults()

    def of(self, part: str) -> list[Statement]:
        """Return the statements whose text holds this."""
        found = [each for each in self.statements if part in each.text]
        assert found, f"no statement with {part!r}; there are: {[each.text[:80] for each in self.statements]}"
        return found
