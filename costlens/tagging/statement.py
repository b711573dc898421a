"""What the drivers ask: the tag, labels or comment of the statement that is about to run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from costlens.tagging import codec
from costlens.tagging.caller import caller, is_wanted
from costlens.tagging.context import Context, current

#: Context, line and version: all that makes the tag of a statement.
Subject = tuple[Context | None, str | None, str | None]


def subject() -> Subject | None:
    """Return what the statement is for and where it is issued; None = nothing is known."""
    context = current()
    line, version = _code(context) if is_wanted() else (None, None)
    return (context, line, version) if context is not None or line else None


def _code(context: Context | None) -> tuple[str | None, str | None]:
    """Return `path:line` and version: of the user's frame, else what the orchestrator says; a dbt node is a file of its own."""
    if context is not None and context.node:
        return context.line, context.version
    line, version = caller()
    if line is None and context is not None:
        return context.line, context.version or version
    return line, version


def query_tag(own: str | None) -> str | None:
    """Return the Snowflake query tag of this statement: the user's own and ours; the own one where nothing is known."""
    what = subject()
    return own if what is None else _query_tag(what, own)


def labels(own: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the BigQuery labels of this job, or None where nothing is known."""
    what = subject()
    return None if what is None else codec.merged(_labels(what), own, codec.LABELS_LIMIT)


def databricks_tags(own: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    """Return the Databricks query tags of this statement, or None where nothing is known."""
    what = subject()
    return None if what is None else codec.databricks_tags(_fields(what), own)


def comment() -> str | None:
    """Return a comment that is the same in every run of this statement, or None where nothing is known."""
    what = subject()
    return None if what is None else codec.comment(_fields(what))


@lru_cache(maxsize=1024)
def _query_tag(what: Subject, own: str | None) -> str | None:
    return codec.query_tag(_fields(what), own)


@lru_cache(maxsize=1024)
def _labels(what: Subject) -> dict[str, str]:
    return codec.labels(_fields(what))


def _fields(what: Subject) -> dict[str, Any]:
    context, line, version = what
    found = context.tag() if context is not None else {}
    if line:
        found["f"] = line
    if version:
        found["c"] = version
    return found
