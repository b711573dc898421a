"""Sends closed statements: to each team its own, to the default everybody's, with the documents beside the figures."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING

from costlens.alerts.desk import Desk
from costlens.alerts.message import Fact, File, Message, one_line
from costlens.errors import UsageError
from costlens.ledger.outbox import News
from costlens.statement.build import statement
from costlens.statement.forms import FORMS, printed
from costlens.statement.words import change, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlens.ledger import Ledger
    from costlens.statement.build import Facts
    from costlens.statement.model import Section, Statement

_ROWS = 8


def statement_news(desk: Desk, ledger: Ledger, facts: Facts, forms: Sequence[str], at: datetime) -> News:
    """Return the messages about a closed month; the same close is sent once, whoever asks how often."""
    if facts.closed is None:
        raise UsageError(f"close: {facts.month} is open: only a closed statement is sent")
    news = News()
    for team in (None, *(name for name in facts.teams if name in desk.teams)):
        told = statement(facts, team)
        files = tuple(_file(ledger, facts, form, team) for form in forms)
        thread = f"statement:{facts.month}:{facts.closed.number}:{team or ''}"
        news.alerts.extend(desk.alerts(thread, "sent", _message(told, files), team, at))
    return news


def _file(ledger: Ledger, facts: Facts, form: str, team: str | None) -> File:
    kind = FORMS[form]
    body = printed(ledger, facts, kind, team, None)
    clean = "".join(c if c.isalnum() or c in "-_" else "_" for c in team or "all-teams")
    return File(f"costlens-{facts.month}-{clean}.{kind.suffix}", kind.media_type, b64encode(body).decode())


def _message(told: Statement, files: tuple[File, ...]) -> Message:
    whose = told.team or "all teams"
    title = f"Statement of {told.month}: {one_line(whose, 80)}"
    leads = [f"{section.total:,.2f} {section.currency}, {change(section, told)}" for section in told.sections]
    facts = [Fact("Month", status(told))]
    for section in told.sections:
        facts += [Fact("Why", f"{driver.amount:+,.2f} {driver.words}") for driver in section.drivers[:3]]
    return Message(
        title=title,
        summary=f"{title}: {'; '.join(leads)}",
        lead="; ".join(leads),
        facts=tuple(facts),
        table=_table(told.sections[0], told) if told.sections else (),
        notes=("policy: " + " · ".join(told.policy),),
        files=files,
    )


def _table(section: Section, told: Statement) -> tuple[tuple[str, ...], ...]:
    rows = section.categories if told.team else section.owners
    shown = [(one_line(row.name, 40), f"{row.cost:,.2f}") for row in rows[:_ROWS]]
    return (("category" if told.team else "team", section.currency), *shown)
