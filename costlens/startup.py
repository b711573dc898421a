"""Turns tagging on when the first driver or orchestrator is imported; a Python that imports none pays next to nothing.

`python -m costlens.tagging --install` puts it into every Python of an environment, `costlens run` into those of one command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

#: Packages whose import means that statements may come.
WATCHED = frozenset(
    {"snowflake.connector", "google.cloud.bigquery", "databricks.sql", "sqlalchemy", "dbt_common", "dagster", "airflow"}
)


class Watch:
    """A finder that finds nothing: it sees the first watched package being imported, and leaves."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """Turn tagging on before the package is loaded, so that its hooks are there in time."""
        if name in WATCHED:
            _instrument()


_watch = Watch()


def watch() -> None:
    """Wait for the first import of a watched package; does nothing where COSTLENS_DISABLED=1."""
    if os.environ.get("COSTLENS_DISABLED") == "1" or _watch in sys.meta_path:
        return
    if WATCHED.isdisjoint(sys.modules):
        sys.meta_path.insert(0, _watch)
    else:
        _instrument()


def leave() -> None:
    """Wait no longer."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not _watch]


def _instrument() -> None:
    """Import what tags; where that fails (no wrapt, half an installation) the program runs on untagged."""
    try:
        leave()
        from costlens.tagging.patching import instrument_by_use

        instrument_by_use()
    except Exception as error:  # this runs within an import of the user's
        print(f"costlens: tagging is off: {type(error).__name__}: {error}", file=sys.stderr)
