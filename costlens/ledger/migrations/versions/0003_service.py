"""Tables of the service: its jobs and their runs, the outbox of alerts, and the lease of the replica that works."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create them; types are spelled out here, since the code's tables move on."""
    _jobs()
    _alerts()
    leases = sa.table("leases", *(sa.column(name) for name in ("name", "token", "holder", "expires_at")))
    op.bulk_insert(leases, [{"name": "service", "token": 0, "holder": "", "expires_at": 0}])


def _jobs() -> None:
    text, integer, big, boolean = sa.Text, sa.Integer, sa.BigInteger, sa.Boolean
    op.create_table(
        "jobs",
        sa.Column("name", text, primary_key=True),
        sa.Column("state", text, nullable=False),
        sa.Column("failures", integer, nullable=False),
        sa.Column("is_permanent", boolean, nullable=False),
        sa.Column("message", text, nullable=False),
        sa.Column("started_at", big),
        sa.Column("ended_at", big),
        sa.Column("ok_at", big),
        sa.Column("next_at", big),
        sa.Column("holder", text, nullable=False),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("job", text, nullable=False),
        sa.Column("started_at", big, nullable=False),
        sa.Column("ended_at", big),
        sa.Column("holder", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("is_permanent", boolean, nullable=False),
        sa.Column("message", text, nullable=False),
    )


def _alerts() -> None:
    text, integer, big = sa.Text, sa.Integer, sa.BigInteger
    op.create_table(
        "alerts",
        sa.Column("number", integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("thread", text, nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("target", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("due_at", big, nullable=False),
        sa.Column("attempts", integer, nullable=False),
        sa.Column("created_at", big, nullable=False),
        sa.Column("ended_at", big),
        sa.Column("message", text, nullable=False),
    )
    op.create_table(
        "alert_threads",
        sa.Column("thread", text, primary_key=True),
        sa.Column("channel", text, primary_key=True),
        sa.Column("target", text, primary_key=True),
        sa.Column("reference", sa.JSON, nullable=False),
    )
    op.create_table(
        "alert_subjects",
        sa.Column("subject", text, primary_key=True),
        sa.Column("thread", text, nullable=False),
        sa.Column("told", text, nullable=False),
        sa.Column("at", big, nullable=False),
    )
