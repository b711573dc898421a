"""Who may press a button: whoever sees the message where it was sent, and only the owner's people where the dashboard lists them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from costlens.alerts.channel import TryLater, Undeliverable
from costlens.alerts.slack import NotAllowed, SlackChannel
from costlens.ledger import outbox
from costlens.ledger.database import Database
from costlens.settings.dashboard import Login


class Refused(Exception):
    """A press that does nothing; the text is for who pressed."""


@dataclass(frozen=True)
class Press:
    """A button that was pressed: of which thread, by whom (`user` is Slack's id, `who` a name), and where."""

    thread: str
    user: str
    who: str
    channel: str


@dataclass(frozen=True)
class Door:
    """The rules; `slack` is None for an incoming webhook, which has one channel and cannot ask who somebody is."""

    database: Database
    login: Login | None = None
    slack: SlackChannel | None = None
    note: Callable[[Press, str], None] = lambda press, text: None
    """Called with each refusal."""

    def check_place(self, press: Press) -> None:
        """Raise Refused where a press does not come from a channel that its message was sent to."""
        places = outbox.places(self.database, SlackChannel.name, press.thread)
        known = {str(place["channel"]) for place in places if "channel" in place}
        if known and press.channel not in known:
            raise Refused("This was not sent to this channel: press where it was.")

    def check_person(self, press: Press, team: str | None) -> None:
        """Raise Refused where the dashboard lists the owner's people, and who pressed is neither one of them nor an admin.

        Raises TryLater where Slack does not answer.
        """
        if self.login is None or team is None or not self.login.members.get(team):
            return
        if self.slack is None:
            raise Refused(f"Only {team} may do this, and a webhook cannot tell who you are: use the dashboard.")
        try:
            email = self.slack.email_of(press.user)
        except (NotAllowed, Undeliverable):
            raise Refused(
                f"Only {team} may do this, and who you are is not known: give the Slack app users:read and users:read.email."
            ) from None
        if not (self.login.is_admin(email) or self.login.is_member(email, team)):
            raise Refused(f"Only {team} and admins may do this: `dashboard.login` lists them.")

    def refuse(self, press: Press, text: str) -> None:
        """Note a refusal and tell it to who pressed, and nobody else; what cannot be told is left."""
        self.note(press, text)
        if self.slack is not None:
            with suppress(TryLater, Undeliverable):
                self.slack.whisper(press.channel, press.user, text)
