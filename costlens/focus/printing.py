"""Prints a month as FOCUS: of a closed month the rows that were closed, else those of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlens.errors import UsageError
from costlens.focus.export import focus_rows, read, written
from costlens.ledger import closes
from costlens.report import first_day
from costlens.settings.statements import Settings
from costlens.statement.asked import Asked, ask
from costlens.statement.gather import corrections_of

if TYPE_CHECKING:
    import pyarrow as pa

    from costlens.config import Config
    from costlens.ledger import Ledger, Snapshot
    from costlens.statement.build import Facts
    from costlens.statement.gather import Ask

#: Name of the rows that are kept with a close.
KEPT = "focus.parquet"


def printed_focus(config: Config, ledger: Ledger, asked: Asked) -> bytes:
    """Return a month's FOCUS file, CSV or Parquet by the suffix that is asked for."""
    first_day(asked.month)
    wanted = ask(config, asked.month, asked.as_of, asked.policy)
    shut = closes.closed(closes.records(ledger.database), wanted.as_of).get(asked.month)
    if shut is not None and not wanted.live:
        name = "/".join(("focus", asked.team or "", asked.source or "", asked.suffix or ".csv"))
        kept = closes.document(ledger.database, shut, name)
        if kept is not None:
            return kept
        rows = closes.document(ledger.database, shut, KEPT)
        if rows is None:
            raise UsageError(f"report: {asked.month} was closed without FOCUS rows: reopen it and close it again")
        made = written(read(rows), asked.suffix, asked.team, asked.source)
        return closes.keep_document(ledger.database, shut, name, made)
    if wanted.as_of is not None:
        rows_now = _rows(config, ledger, ledger.snapshot(as_of=wanted.as_of), wanted)
    else:
        rows_now = ledger.read(lambda snapshot: _rows(config, ledger, snapshot, wanted))
    if not rows_now.num_rows:
        raise UsageError(f"report: no charges in {asked.month}")
    return written(rows_now, asked.suffix, asked.team, asked.source)


def _rows(config: Config, ledger: Ledger, snapshot: Snapshot, wanted: Ask) -> pa.Table:
    corrected = corrections_of(ledger, snapshot, wanted)
    return focus_rows(ledger, snapshot, wanted.month, wanted.policy, corrected, config.section(Settings))


def kept_rows(config: Config, ledger: Ledger, snapshot: Snapshot, wanted: Ask, facts: Facts) -> bytes:
    """Return the rows to keep with a close."""
    settings = config.section(Settings)
    return written(focus_rows(ledger, snapshot, wanted.month, wanted.policy, facts.lines, settings), ".parquet")
