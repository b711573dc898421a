"""Closed months: the chain of closes, with their lines and documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the three tables; nothing in them is ever updated or deleted."""
    text, integer, big, digest = sa.Text, sa.Integer, sa.BigInteger, sa.String(64)
    op.create_table(
        "closes",
        sa.Column("id", integer, primary_key=True, autoincrement=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("at", big, nullable=False),
        sa.Column("who", text, nullable=False),
        sa.Column("reason", text),
        sa.Column("snapshot", integer),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("lines", integer, nullable=False),
        sa.Column("lines_hash", digest, nullable=False),
        sa.Column("previous", digest, nullable=False, unique=True),
        sa.Column("hash", digest, nullable=False),
    )
    op.create_table(
        "closed_lines",
        sa.Column("close", integer, primary_key=True, autoincrement=False),
        sa.Column("number", integer, primary_key=True, autoincrement=False),
        sa.Column("body", text, nullable=False),
        sa.Column("hash", digest, nullable=False),
    )
    op.create_table(
        "closed_documents",
        sa.Column("close", integer, primary_key=True, autoincrement=False),
        sa.Column("name", text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha256", digest, nullable=False),
        sa.Column("hash", digest, nullable=False),
    )
