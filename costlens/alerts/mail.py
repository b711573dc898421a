"""E-mail by SMTP: text and HTML with the plot in it; replies refer to the first mail, so that mail programs show one thread."""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from html import escape
from typing import ClassVar

from costlens.alerts.channel import Channel, Reference, TryLater, Undeliverable
from costlens.alerts.message import Fact, Message, one_line
from costlens.alerts.plots import png
from costlens.estate import Team
from costlens.settings.alerts import Email as Settings

_STYLE = "font:15px/1.5 -apple-system,Segoe UI,Helvetica,Arial,sans-serif;color:#2b3440;max-width:720px"
_CELL = "padding:2px 14px 2px 0;vertical-align:top"


class Mail(Channel):
    """An SMTP server. A mail that may have got through is sent again under the same Message-ID, which servers and programs show once."""

    name: ClassVar[str] = "email"

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._settings, self._timeout = settings, timeout
        self.default = ", ".join(settings.to)

    def target(self, team: Team | None) -> str:
        return team.email if team and team.email else self.default

    def send(self, id: str, message: Message, target: str, thread: Reference | None) -> Reference | None:  # noqa: A002
        made = mail(id, message, self._settings.sender, target, thread)
        try:
            with self._connect() as server:
                server.send_message(made)
        except smtplib.SMTPRecipientsRefused:
            raise Undeliverable(f"email: {target} is refused: correct it in the teams file", is_target=True) from None
        except smtplib.SMTPAuthenticationError:
            raise TryLater("email: the server refuses the user or password; mails wait until it works") from None
        except smtplib.SMTPResponseException as error:
            if 500 <= error.smtp_code < 600:
                raise Undeliverable(f"email: the server refuses the mail (code {error.smtp_code})") from None
            raise TryLater(f"email: the server says {error.smtp_code}; it is tried again") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TryLater(f"email: no answer ({type(error).__name__}); it is tried again") from None
        return {"message_id": made["Message-ID"], "subject": made["Subject"]}

    def _connect(self) -> smtplib.SMTP:
        settings, context = self._settings, ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=self._timeout, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=self._timeout)
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.user is not None:
            server.login(settings.user, settings.password.get_secret_value() if settings.password else "")
        return server


def mail(id: str, message: Message, sender: str, target: str, thread: Reference | None) -> EmailMessage:  # noqa: A002
    """Return a message as a mail."""
    made = EmailMessage()
    domain = Address(addr_spec=sender).domain or "costlens"
    subject = f"[CostLens] {one_line(message.title, 150)}"
    made["Subject"] = f"Re: {thread['subject']}" if thread else subject
    made["From"] = sender
    made["To"] = target
    made["Message-ID"] = f"<{id}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    if thread:
        made["In-Reply-To"] = made["References"] = thread["message_id"]
    made.set_content(_text(message))
    made.add_alternative(_html(message), subtype="html")
    if message.plot is not None and thread is None:
        html = made.get_payload()[1]  # type: ignore[index]
        html.add_related(png(message.plot), "image", "png", cid="<plot>", filename="costlens.png")  # type: ignore[union-attr]
    for file in message.files:
        kind, _, subtype = file.media_type.partition("/")
        made.add_attachment(file.body(), maintype=kind, subtype=subtype, filename=one_line(file.name, 150))
    return made


def _text(message: Message) -> str:
    lines = [one_line(message.title), "", *([message.lead, ""] if message.lead else [])]
    lines += [f"{fact.label}: {one_line(fact.text)}" for fact in (*message.why, *message.facts)]
    lines += ["  ".join(one_line(cell) for cell in row) for row in message.table]
    lines += ["", message.link] if message.link else []
    return "\n".join([*lines, "", *message.notes]) + "\n"


def _html(message: Message) -> str:
    parts = [f'<div style="{_STYLE}"><h2 style="font-size:19px;margin:0 0 8px">{escape(one_line(message.title))}</h2>']
    if message.lead:
        parts.append(f"<p><b>{escape(message.lead)}</b></p>")
    facts = (*message.why, *message.facts)
    if facts:
        parts.append("<table>" + "".join(_row(fact) for fact in facts) + "</table>")
    if message.table:
        head, *rows = message.table
        parts.append("<table>" + _cells("th", head) + "".join(_cells("td", row) for row in rows) + "</table>")
    if message.plot is not None:
        parts.append(f'<p><img src="cid:plot" width="720" alt="{escape(message.plot.title)}"></p>')
    if message.link:
        parts.append(f'<p><a href="{escape(message.link)}">{escape(message.link_text)}</a></p>')
    parts += [f'<p style="color:#667;font-size:12px">{escape(note)}</p>' for note in message.notes]
    return "".join(parts) + "</div>"


def _row(fact: Fact) -> str:
    shown = escape(one_line(fact.text))
    shown = f"<code>{shown}</code>" if fact.is_code else shown
    return f'<tr><td style="{_CELL}"><b>{escape(fact.label)}</b></td><td style="{_CELL}">{shown}</td></tr>'


def _cells(kind: str, row: tuple[str, ...]) -> str:
    cells = "".join(
        f'<{kind} style="{_CELL};text-align:{"right" if number else "left"}">{escape(one_line(cell))}</{kind}>'
        for number, cell in enumerate(row)
    )
    return f"<tr>{cells}</tr>"
