"""Messages to be sent, harmless and hostile ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from costlens.alerts.message import Fact, Message, Plot, Point
from costlens.ledger.outbox import Alert, alert_id

AT = datetime(2026, 11, 26, 10, tzinfo=timezone.utc)
EVIL = "<!channel> *b* `code` https://evil.example/x & <@U1> \n\x07 " + "x" * 4000


def plot() -> Plot:
    days = [f"2026-11-{day:02}" for day in range(1, 26)]
    points = tuple(Point(day, 40.0 if number < 22 else 95.0, number >= 22) for number, day in enumerate(days))
    return Plot("marts/orders, last 25 days", "USD", points, 32.0, 48.0)


def message(title: str = "marts/orders costs 2.4 times as much", **other: Any) -> Message:
    base: dict[str, Any] = {"summary": f"{title}: +165.00 USD", "severity": "high", "lead": "+165.00 USD in 3 days"}
    base |= {"facts": (Fact("Team", "growth"), Fact("Pool", "TRANSFORM_WH", is_code=True)), "subject": "anomaly:1"}
    base |= {"why": (Fact("Query", "insert into marts.orders select ?", is_code=True),), "notes": ("snapshot 3",)}
    return Message(title, **{**base, "link": "https://costlens.example.org/anomalies?id=1", **other})


def evil() -> Message:
    return Message(
        EVIL, EVIL, "critical", EVIL, tuple(Fact(EVIL, EVIL, is_code=bool(i % 2)) for i in range(14)),
        tuple(Fact(EVIL, EVIL, is_code=True) for _ in range(9)), tuple((EVIL, EVIL) for _ in range(80)), (EVIL,) * 12,
        "https://costlens.example.org/?" + "q" * 4000, EVIL, EVIL, plot(),
    )  # fmt: skip


def alert(thread: str = "anomaly:1", event: str = "opened", *, channel: str = "slack", target: str = "#growth-data",
          action: Any = "post", told: Message | None = None) -> Alert:  # fmt: skip
    body = (told or message()).as_json()
    return Alert(alert_id(thread, channel, target, event), thread, channel, target, action, body)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)
