"""Gives Databricks statements query tags, on SQL warehouses only: clusters do not know them.

A statement's tags may replace the session's, so the session's own are repeated with each statement. Where the user
sets tags by SQL (`SET QUERY_TAGS`) they cannot be known, and the session is no longer tagged.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any
from weakref import WeakSet

from costlens.tagging.guard import Wrapper, rewriting
from costlens.tagging.patching import Driver, Undo, wrap
from costlens.tagging.statement import databricks_tags

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_TAG = re.compile(r"((?:[^\\:,]|\\.)+)(?::((?:[^\\,]|\\.)*))?", re.DOTALL)
_SETS_TAGS = re.compile(r"\s*(?:un)?set\s+query_tags\b", re.IGNORECASE)
_WAREHOUSE = re.compile(r"/(?:warehouses|endpoints)/")

_unknown: WeakSet[Any] = WeakSet()


def read_tags(text: str) -> dict[str, str | None]:
    """Return the tags of `k:v,k2:v2,k3`, in which a backslash escapes."""
    pairs = (match.groups() for match in _TAG.finditer(text))
    return {_plain(name): None if value is None else _plain(value) for name, value in pairs}


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _rewriting(position: int) -> Wrapper:
    """Return the wrapper of a method whose argument `query_tags` stands at a position."""

    def rewrite(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        session = cursor.connection.session
        sql = args[0] if args else kwargs["operation"]
        if not _WAREHOUSE.search(str(session.http_path)):
            return args, kwargs
        if _SETS_TAGS.match(sql):
            _unknown.add(cursor.connection)
        if cursor.connection in _unknown:
            return args, kwargs
        given = args[position] if len(args) > position else kwargs.get("query_tags")
        tags = databricks_tags({**_session_tags(session), **(given or {})})
        if tags is None:
            return args, kwargs
        if len(args) > position:
            return (*args[:position], tags, *args[position + 1 :]), kwargs
        return args, {**kwargs, "query_tags": tags}

    return rewriting(rewrite)


def _session_tags(session: Any) -> dict[str, str | None]:
    for name, value in (session.session_configuration or {}).items():
        if str(name).lower() in ("query_tags", "ssp_query_tags") and value:
            return read_tags(str(value))
    return {}


def _patch(module: ModuleType) -> list[Undo]:
    return [
        wrap(module.Cursor, "execute", _rewriting(position=4)),
        wrap(module.Cursor, "execute_async", _rewriting(position=3)),
    ]


DRIVERS = (Driver("databricks.sql.client", "databricks-sql-connector", (4, 2, 6), (5,), _patch),)
