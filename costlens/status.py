"""What the service is doing, as the database tells: its jobs, who works, how far each source was read, what alerts wait."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from costlens.errors import LedgerEmpty
from costlens.ledger import jobs, outbox
from costlens.ledger.database import Database, leases, now_us
from costlens.ledger.leases import SERVICE

if TYPE_CHECKING:
    from costlens.ledger import Ledger


@dataclass(frozen=True)
class Status:
    """The state of the service."""

    leader: str | None
    """`host:pid` that works now; None = none."""
    jobs: tuple[jobs.Job, ...]
    alerts: dict[str, int]
    undelivered: tuple[str, ...]
    """Why alerts could not be sent, newest first."""
    read_until: dict[str, datetime]
    """Source -> instant up to which its view least far was read."""
    snapshot: int | None
    as_of: datetime | None
    problems: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def status(ledger: Ledger) -> Status:
    """Read the state of the service from the ledger's database."""
    database = ledger.database
    try:
        snapshot = ledger.snapshot()
    except LedgerEmpty:
        snapshot = None
    read: dict[str, datetime] = {}
    for (source, feed), at in ledger.cursors().items():
        if ":" not in feed:
            read[source] = min(at, read.get(source, at))
    failed = outbox.failures(database, datetime(1970, 1, 1, tzinfo=timezone.utc))[:5]
    return Status(
        leader=_leader(database),
        jobs=jobs.every(database),
        alerts=outbox.counts(database),
        undelivered=tuple(f"{alert.channel} {alert.target}: {alert.message}" for alert in failed),
        read_until=read,
        snapshot=snapshot.id if snapshot else None,
        as_of=snapshot.as_of if snapshot else None,
        problems=sum(problem.count for problem in ledger.problems(snapshot)) if snapshot else 0,
    )


def _leader(database: Database) -> str | None:
    with database.read() as connection:
        query = sa.select(leases.c.holder).where(leases.c.name == SERVICE, leases.c.expires_at > now_us())
        found = connection.execute(query).scalar()
    return str(found) if found else None
