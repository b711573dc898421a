"""The log handler that dagster.yaml names: it handles no log, but Dagster makes it in every process that runs steps."""

from __future__ import annotations

import logging

from costlens.tagging.boot import export
from costlens.tagging.guard import attempt
from costlens.tagging.patching import instrument


class Boot(logging.Handler):
    """Turn tagging on, in this process and in the Python processes that it starts (dbt, Pipes)."""

    def __init__(self, level: int | str = logging.CRITICAL) -> None:
        super().__init__(level)
        attempt(None, export)
        instrument()

    def emit(self, record: logging.LogRecord) -> None:
        """Do nothing."""
