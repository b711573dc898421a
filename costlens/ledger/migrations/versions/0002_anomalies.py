"""Anomalies, and what was done with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the two tables; money is text, days are dates, instants are microseconds since 1970."""
    text, integer, big = sa.Text, sa.Integer, sa.BigInteger
    op.create_table(
        "anomalies",
        sa.Column("id", sa.String(16), primary_key=True),
        *(sa.Column(name, text, nullable=False) for name in ("kind", "key", "source", "currency", "form")),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in ("actual", "expected", "low", "high")),
        *(sa.Column(name, text, nullable=False) for name in ("money", "per_month")),
        sa.Column("team", text),
        sa.Column("status", text, nullable=False),
        sa.Column("snoozed_until", big),
        sa.Column("snapshot", integer, nullable=False),
        sa.Column("detected_at", big, nullable=False),
        sa.Column("changed_at", big, nullable=False),
        sa.Column("revision", integer, nullable=False),
        sa.Column("explanation", sa.JSON),
    )
    op.create_table(
        "anomaly_events",
        sa.Column("anomaly", sa.String(16), primary_key=True),
        sa.Column("number", integer, primary_key=True),
        sa.Column("at", big, nullable=False),
        sa.Column("who", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("text", text),
        sa.Column("until", big),
    )
