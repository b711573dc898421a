"""Leases: one row with a rising token that says who may write (`commit`) or serve (`service`), held until it expires."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

import sqlalchemy as sa

from costlens.errors import LeaseHeld, LeaseLost, LedgerError
from costlens.ledger.database import Database, leases, now_us

COMMIT, SERVICE = "commit", "service"


def holder_name() -> str:
    """Name this process as a holder, `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(holder: str | None) -> bool:
    """Tell whether a holder was a process of this host that is no more: a killed run then blocks nobody.

    Where two hosts share a name this may be wrong; the rising token fences the one that is taken over.
    """
    host, _, pid = (holder or "").rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Lease:
    """The right to write, renewed by a thread until closed; `check` and `confirm` raise LeaseLost once another has it.

    A holder that dies leaves a lease that expires after `seconds`. A holder that was paused past that finds that the
    token has risen, and whatever it wrote to the lake counts for nothing.
    """

    def __init__(self, database: Database, holder: str, *, seconds: float, wait: float, name: str = COMMIT) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._seconds = seconds
        self._ended = threading.Event()
        self._lost = threading.Event()
        self.token = self._acquire(wait)
        self._thread = threading.Thread(target=self._renew, name="costlens-lease", daemon=True)
        self._thread.start()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(LedgerError), self._database.write() as connection:  # it expires by itself if this fails
            connection.execute(self._mine().values(expires_at=0))

    def check(self) -> None:
        """Ask the database whether the lease is still ours, and renew it."""
        if not self._lost.is_set():
            with self._database.write() as connection:
                self.confirm(connection)
        else:
            raise self._loss()

    def confirm(self, connection: sa.Connection) -> None:
        """Renew inside a transaction, which then holds the row's lock: nobody can take the lease before it ends."""
        if connection.execute(self._renewal()).rowcount != 1:
            self._lost.set()
            raise self._loss()

    def _loss(self) -> LeaseLost:
        return LeaseLost(
            f"run of {self._holder} lost the {self._name} lease to another run; nothing it wrote counts, start it again"
        )

    @property
    def is_lost(self) -> bool:
        """Tell whether another has taken over, as far as is known; `check` asks the database."""
        return self._lost.is_set()

    def _row(self) -> sa.Select[tuple[int, str]]:
        return sa.select(leases.c.token, leases.c.holder).where(leases.c.name == self._name)

    def _mine(self) -> sa.Update:
        return sa.update(leases).where(leases.c.name == self._name, leases.c.token == self.token)

    def _renewal(self) -> sa.Update:
        return self._mine().values(expires_at=now_us() + int(self._seconds * 1e6))

    def _acquire(self, wait: float) -> int:
        last = time.monotonic() + wait
        while True:
            with self._database.write() as connection:
                held = connection.execute(self._row()).one()
                is_free = leases.c.expires_at <= now_us()
                if is_dead(held.holder):
                    is_free |= leases.c.token == held.token
                taken = connection.execute(
                    sa.update(leases)
                    .where(leases.c.name == self._name, is_free)
                    .values(
                        token=leases.c.token + 1, holder=self._holder, expires_at=now_us() + int(self._seconds * 1e6)
                    )
                )
                row = connection.execute(self._row()).one()
            if taken.rowcount == 1:
                return int(row.token)
            if time.monotonic() > last:
                raise LeaseHeld(
                    f"database {self._database.name}: {row.holder} has been writing for more than {wait:g} s; "
                    "wait for it to end, then try again"
                )
            time.sleep(min(0.2, self._seconds / 5))

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / 3) and not self._lost.is_set():
            # A database that does not answer now may do so in time; if not, the next step of the run meets that itself.
            with suppress(LedgerError):
                self.check()
