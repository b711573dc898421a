"""Appends a comment to the statements of SQLAlchemy engines whose database knows neither query tags nor labels.

Only where COSTLENS_COMMENTS=1 asks for it: a comment changes the text, and a statement's text is the user's.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from costlens.tagging.guard import attempt
from costlens.tagging.patching import Driver, Undo
from costlens.tagging.statement import comment

#: Dialects whose drivers are tagged themselves.
TAGGED = frozenset({"snowflake", "bigquery", "databricks"})


def commented(statement: str) -> str:
    """Return the statement with the comment at its end, before a last semicolon; once only."""
    if "/* cl_" in statement:
        return statement
    text = comment()
    if text is None:
        return statement
    before = statement.rstrip()
    end = ";" if before.endswith(";") else ""
    before = before[: len(before) - len(end)].rstrip()
    # a comment that runs to the end of the line would swallow ours
    last = before.rpartition("\n")[2]
    gap = "\n" if "--" in last or "#" in last else " "
    return f"{before}{gap}{text}{end}"


def _before_cursor_execute(
    connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return attempt(statement, _rewrite, connection, statement), parameters


def _rewrite(connection: Any, statement: str) -> str:
    return statement if connection.dialect.name in TAGGED else commented(statement)


def _patch(module: ModuleType) -> list[Undo]:
    from sqlalchemy import event

    arguments = (module.Engine, "before_cursor_execute", _before_cursor_execute)
    event.listen(*arguments, retval=True)
    return [lambda: event.remove(*arguments)]


def _is_asked_for() -> bool:
    return os.environ.get("COSTLENS_COMMENTS") == "1"


DRIVERS = (Driver("sqlalchemy.engine.base", "sqlalchemy", (1, 4), (2, 2), _patch, _is_asked_for),)
