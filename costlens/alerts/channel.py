"""The one interface of channels: Slack, e-mail and webhook send a message and can be asked whether it is already there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from costlens.alerts.message import Message
from costlens.errors import CostLensError
from costlens.estate import Team

Reference = dict[str, Any]


class TryLater(CostLensError):
    """A channel does not take messages now; `seconds` is when it said that it will, `is_limit` that all must wait."""

    def __init__(self, message: str, *, seconds: float | None = None, is_limit: bool = False) -> None:
        super().__init__(message, permanent=False)
        self.seconds = seconds
        self.is_limit = is_limit


class Undeliverable(CostLensError):
    """A message that this channel will never take; `is_target` where another target may."""

    def __init__(self, message: str, *, is_target: bool = False) -> None:
        super().__init__(message)
        self.is_target = is_target


class Channel(ABC):
    """A way to people."""

    name: ClassVar[str]
    default: str
    """Target of what has no owner."""

    @abstractmethod
    def target(self, team: Team | None) -> str:
        """Return where messages for a team go."""

    @abstractmethod
    def send(self, id: str, message: Message, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        """Send a message, as a reply where `thread` says where the first one is; return where it now stands.

        `id` is the same whenever the same message is sent again. Raises TryLater, Undeliverable.
        """

    def update(self, message: Message, target: str, thread: Reference) -> None:  # noqa: B027
        """Replace the first message of a thread, where the channel can."""

    def find(self, id: str, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        """Return where a message stands that may have been sent already, None for nowhere or where one cannot ask."""
        return None

    def complete(self, message: Message, place: Reference) -> None:  # noqa: B027
        """Send what belongs to a message that `find` has found and did not get through with it. Raises TryLater."""
