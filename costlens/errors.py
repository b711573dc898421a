"""The errors of CostLens: each message says what happened, where, and what to do.

CostLensError
 ├─ ConfigError        costlens.yml is wrong
 ├─ SourceError        a warehouse or export cannot be used
 │   └─ ViewUnavailable   one view may not be read; the rest goes on
 ├─ LedgerError        lake or database cannot be used
 │   ├─ LeaseLost         another run took over; nothing was written
 │   ├─ LeaseHeld         another run has it; wait
 │   └─ LedgerEmpty       nothing was synced yet
 └─ UsageError         the command was asked for something that cannot be
"""

from __future__ import annotations

from dataclasses import dataclass


class CostLensError(Exception):
    """A failure that a person can act on; `permanent` ones do not heal by trying again."""

    def __init__(self, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.permanent = permanent


class ConfigError(CostLensError):
    """The configuration is wrong."""


class SourceError(CostLensError):
    """A warehouse or an export cannot be used."""


class ViewUnavailable(SourceError):
    """One view may not be read; `remedy` is the statement or setting that would allow it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class LedgerError(CostLensError):
    """The lake or the database cannot be used."""


class LeaseLost(LedgerError):
    """Another run holds the commit lease; this one wrote nothing that counts."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class LeaseHeld(LedgerError):
    """Another run holds the lease and did not give it back in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class LedgerEmpty(LedgerError):
    """Nothing was synced yet."""


class UsageError(CostLensError):
    """The command was asked for something that cannot be."""


#: In a problem's reason before what would allow to read what was not read: a grant, a setting.
NOT_READ = " was not read: "


@dataclass(frozen=True)
class Problem:
    """A row, file or view that could not be used: counted and shown, never dropped in silence.

    `sample` never holds a literal of a query, a tag or a secret: an id, a column and a type at most.
    """

    source: str
    table: str
    reason: str
    sample: str = ""
    count: int = 1


def is_interrupt(error: BaseException) -> bool:
    """Tell whether Ctrl-C ended what ran: where a statement ran, DuckDB says so by an error of its own."""
    return isinstance(error, KeyboardInterrupt) or (type(error) is RuntimeError and str(error) == "Query interrupted")
