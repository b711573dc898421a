"""The first tables: snapshots with cursors, dirty days and problems, the lease, the estates, the ledger's id."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create what a new ledger needs; types are spelled out here, since the code's tables move on."""
    text, integer, big = sa.Text, sa.Integer, sa.BigInteger
    ledger = op.create_table("ledger", sa.Column("id", sa.String(32), primary_key=True))
    op.create_table(
        "snapshots",
        sa.Column("id", integer, primary_key=True),
        sa.Column("at", big, nullable=False),
        sa.Column("run_id", text, nullable=False),
        sa.Column("as_of", big, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("info", sa.JSON, nullable=False),
        sa.Column("estate", sa.String(64)),
    )
    op.create_table(
        "cursors",
        sa.Column("source", text, primary_key=True),
        sa.Column("feed", text, primary_key=True),
        sa.Column("at", big, nullable=False),
    )
    op.create_table("dirty", sa.Column("source", text, primary_key=True), sa.Column("day", integer, primary_key=True))
    op.create_table(
        "problems",
        sa.Column("snapshot", integer, primary_key=True),
        sa.Column("number", integer, primary_key=True),
        sa.Column("source", text, nullable=False),
        sa.Column("table", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("sample", text, nullable=False),
        sa.Column("count", big, nullable=False),
    )
    leases = op.create_table(
        "leases",
        sa.Column("name", text, primary_key=True),
        sa.Column("token", big, nullable=False),
        sa.Column("holder", text, nullable=False),
        sa.Column("expires_at", big, nullable=False),
    )
    op.create_table(
        "estates",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.bulk_insert(ledger, [{"id": uuid.uuid4().hex}])
    op.bulk_insert(leases, [{"name": "commit", "token": 0, "holder": "", "expires_at": 0}])
