"""Tables of the database that hold anomalies and what people did with them; `costlens.anomaly.store` reads and writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from costlens.ledger.database import Instant, metadata


class Money(sa.types.TypeDecorator[Decimal]):
    """A decimal kept as its digits: SQLite has no decimals, and a float would lose some."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


anomalies = sa.Table(
    "anomalies",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("actual", Money, nullable=False),
    sa.Column("expected", Money, nullable=False),
    sa.Column("low", Money, nullable=False),
    sa.Column("high", Money, nullable=False),
    sa.Column("money", Money, nullable=False),
    sa.Column("per_month", Money, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("snoozed_until", Instant),
    sa.Column("snapshot", sa.Integer, nullable=False),
    sa.Column("detected_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("explanation", sa.JSON),
)
anomaly_events = sa.Table(
    "anomaly_events",
    metadata,
    sa.Column("anomaly", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("until", Instant),
)
