"""What is kept of each orchestrator: where its next pull begins, and the assets and owners that it told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "orchestrators",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("catalog", sa.JSON, nullable=False),
        sa.Column("pulled_at", sa.BigInteger),
    )
