"""What is to be told of queries that run away: while they run, again when their money has doubled, and that they have ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from costlens.alerts.anomaly_message import money
from costlens.alerts.desk import About, Desk
from costlens.alerts.message import Fact, Message, one_line
from costlens.ledger.database import Database
from costlens.ledger.outbox import News, Subject, subjects
from costlens.runaway import Running


def runaway_news(
    desk: Desk, database: Database, source: str, found: Sequence[Running], running: set[str], at: datetime
) -> News:
    """Return what is new of a source's runaways; `running` are the ids of all that runs."""
    prefix = f"runaway:{source}:"
    known = {name: json.loads(one.told) for name, one in subjects(database, prefix).items()}
    news = News()
    for one in found:
        subject = prefix + one.query_id
        told = known.get(subject)
        if told is not None and one.cost < 2 * Decimal(told["cost"]):
            continue
        if desk.is_muted(About("runaway", one.user or one.query_id, one.team, source, money=one.cost), at.date()):
            continue
        event = "began" if told is None else f"doubled:{one.cost}"
        news.alerts.extend(
            desk.alerts(subject, event, _message(desk, one, at), one.team if told is None else told["team"], at)
        )
        word = {"cost": str(one.cost), "team": one.team if told is None else told["team"], "state": "running"}
        news.subjects.append(Subject(subject, subject, json.dumps(word)))
    for subject, told in known.items():
        if told["state"] == "running" and subject.removeprefix(prefix) not in running:
            title = "It has ended. What it cost is known when the warehouse has metered it"
            said = Message(title, title, "info")
            news.alerts.extend(desk.alerts(subject, "ended", said, told["team"], at))
            news.subjects.append(Subject(subject, subject, json.dumps({**told, "state": "ended"})))
    return news


def _message(desk: Desk, one: Running, at: datetime) -> Message:
    minutes = int((at - one.started_at).total_seconds() // 60)
    amount = money(one.cost, one.currency)
    title = f"A query has cost about {amount} so far and still runs"
    usual = (
        "its shape was not seen before"
        if one.usual is None
        else f"its shape usually costs up to {money(one.usual, one.currency)}"
    )
    size = f" ({one.pool_size})" if one.pool_size else ""
    why = (Fact("Query", one_line(one.text, 180), is_code=True),) if one.text else ()
    return Message(
        title=title,
        summary=f"{title}: {one_line(one.user or '?', 60)} on {one_line(one.pool or one.source, 60)}",
        severity="critical",  # it costs more with every minute, at night too
        lead=f"about {amount} in {minutes // 60} h {minutes % 60} min · {usual}",
        why=(*why, Fact("Id", one.query_id, is_code=True)),
        facts=(
            Fact("User", one.user or "?", is_code=True),
            Fact("Pool", f"{one.pool}{size}" if one.pool else one.basis, is_code=bool(one.pool)),
            Fact("Owner", one.team or "nobody yet"),
            Fact("Since", f"{one.started_at:%Y-%m-%d %H:%M} UTC"),
        ),
        notes=(f"provisional: by {one.basis}; CostLens cancels nothing",),
        link=desk.link("queries"),
    )
