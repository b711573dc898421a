"""Tags Snowflake statements by a statement parameter of the request that is sent anyway; snowflake-connector 4 and 5.

The statement's QUERY_TAG replaces the session's, so the user's own tag is kept by merging it in. It is followed here,
because no driver can tell it without a round trip: from the connection's arguments, and from ALTER SESSION statements.
Where it is unknown (set by a block or from a variable) the session is not tagged: the user's tag comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from costlens.tagging.guard import Wrapper, attempt
from costlens.tagging.patching import Driver, Undo, wrap
from costlens.tagging.statement import query_tag

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
#: Whether the user's tag of a session is known, and the tag.
Own = tuple[bool, str | None]

_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/|;)*", re.DOTALL)
# Statements of the session itself use no warehouse, and tools read the session's tag back through SHOW PARAMETERS.
_SESSION = re.compile(
    r"(?:show\s+parameters|alter\s+session|use|commit|rollback|start\s+transaction"
    r"|begin(?=\s*(?:;|$|work\b|transaction\b|name\b)))\b",
    re.IGNORECASE,
)
_ALTER_SESSION = re.compile(r"alter\s+session\s+(set|unset)\b(.*)", re.IGNORECASE | re.DOTALL)
_ASSIGNMENT = re.compile(
    r"\bquery_tag\s*=\s*(?:'((?:[^'\\]|''|\\.)*)'|\$\$(.*?)\$\$|(\?|%s|:\d+)|(\S+))", re.IGNORECASE | re.DOTALL
)
_BLOCK = re.compile(r"begin\b|declare\b|execute\b", re.IGNORECASE)
_LATER_STATEMENT = re.compile(r";\s*alter\s+session\b", re.IGNORECASE)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_NAME = "QUERY_TAG"
_BINDINGS, _PARAMS = 3, 6  # positions of binding_params and statement_params among the arguments of cmd_query

_tags: WeakKeyDictionary[Any, tuple[Any, Own]] = WeakKeyDictionary()


def own_tag(connection: Any) -> Own:
    """Return the tag that the user gave the session, if it is known."""
    session = getattr(connection, "_session_id", None)  # a connection may be closed and opened again
    known = _tags.get(connection)
    if known is None or known[0] != session:
        known = (session, (True, _initial_tag(connection)))
        _tags[connection] = known
    return known[1]


def _initial_tag(connection: Any) -> str | None:
    config = getattr(connection, "config", None)  # 5.x
    given = getattr(config, "session_parameters", None) or getattr(connection, "_session_parameters", None)
    return _find(given)[1] if isinstance(given, Mapping) else None


def _find(parameters: Mapping[str, Any] | None) -> tuple[str, str | None]:
    """Return the name under which parameters hold the tag, and the tag."""
    for name, value in (parameters or {}).items():
        if isinstance(name, str) and name.upper() == _NAME:
            return name, None if value is None else str(value)
    return _NAME, None


def body(sql: str) -> str:
    """Return the statement without the comments before it."""
    lead = _LEAD.match(sql)
    return sql[lead.end() :] if lead else sql


def is_session_statement(sql: str) -> bool:
    """Whether a statement is about the session and must not be tagged."""
    lead = _LEAD.match(sql)
    return _SESSION.match(sql, lead.end() if lead else 0) is not None


def follow(connection: Any, sql: str, bindings: Any = None) -> None:
    """Remember what a statement that succeeded did to the session's tag."""
    if "query_tag" not in sql[:20_000].lower():
        return
    statement = body(sql)
    if match := _ALTER_SESSION.match(statement):
        action, rest = match.group(1).lower(), match.group(2)
        if _NAME in rest.upper():
            _remember(connection, (True, None) if action == "unset" else _assigned(rest, bindings))
    elif _BLOCK.match(statement) or _LATER_STATEMENT.search(statement):
        _remember(connection, (False, None))


def _remember(connection: Any, own: Own) -> None:
    _tags[connection] = (getattr(connection, "_session_id", None), own)


def _assigned(text: str, bindings: Any) -> Own:
    match = _ASSIGNMENT.search(text)
    if match is None or match.group(4) is not None:
        return False, None
    quoted, dollars, mark = match.group(1), match.group(2), match.group(3)
    if quoted is not None:
        return True, re.sub(r"''|\\(.)", _unquote, quoted, flags=re.DOTALL)
    if dollars is not None:
        return True, dollars
    bound = bindings.get(mark.lstrip(":") if mark[0] == ":" else "1") if isinstance(bindings, Mapping) else None
    value = bound.get("value") if isinstance(bound, Mapping) else None
    return isinstance(value, str), value if isinstance(value, str) else None


def _unquote(match: re.Match[str]) -> str:
    char = match.group(1)
    return "'" if char is None else _ESCAPES.get(char, char)


def tagged(
    connection: Any, sql: str, params: Mapping[str, Any] | None, sticky: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the statement's parameters with the tag, or None where they are to stay as they are."""
    if is_session_statement(sql):
        return None
    name, own = _find(params)
    if own is None:
        own = _find(sticky)[1]
    if own is None:
        is_known, own = own_tag(connection)
        if not is_known:
            return None
    tag = query_tag(own)
    return None if tag is None or tag == own else {**(params or {}), name: tag}


def _rewrite_4(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    is_positional = len(args) > _PARAMS
    given = args[_PARAMS] if is_positional else kwargs.get("statement_params")
    params = tagged(connection, _sql(args, kwargs), given)
    if params is None:
        return args, kwargs
    if is_positional:
        return (*args[:_PARAMS], params, *args[_PARAMS + 1 :]), kwargs
    return args, {**kwargs, "statement_params": params}


def _follow_4(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any) -> None:
    if isinstance(answer, Mapping) and answer.get("success", True):
        bindings = args[_BINDINGS] if len(args) > _BINDINGS else kwargs.get("binding_params")
        follow(connection, _sql(args, kwargs), bindings)


def _rewrite_5(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    sticky = getattr(cursor, "_statement_parameters", None)
    params = tagged(cursor._connection, _sql(args, kwargs), kwargs.get("statement_parameters"), sticky)
    return args, kwargs if params is None else {**kwargs, "statement_parameters": params}


def _follow_5(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], _answer: Any) -> None:
    values = args[1] if len(args) > 1 else kwargs.get("parameters", kwargs.get("params"))
    bound = (
        {str(at): {"value": value} for at, value in enumerate(values, 1)} if isinstance(values, list | tuple) else None
    )
    follow(cursor._connection, _sql(args, kwargs), bound)


def _sql(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    sql = args[0] if args else kwargs.get("sql", kwargs.get("operation", kwargs.get("command")))
    return sql if isinstance(sql, str) else ""


def _calls(rewrite: Callable[..., Arguments], follow_up: Callable[..., None]) -> Wrapper:
    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        new_args, new_kwargs = attempt((args, kwargs), rewrite, instance, args, kwargs)
        answer = wrapped(*new_args, **new_kwargs)
        attempt(None, follow_up, instance, args, kwargs, answer)
        return answer

    return wrapper


def _awaits(rewrite: Callable[..., Arguments], follow_up: Callable[..., None]) -> Wrapper:
    async def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        new_args, new_kwargs = attempt((args, kwargs), rewrite, instance, args, kwargs)
        answer = await wrapped(*new_args, **new_kwargs)
        attempt(None, follow_up, instance, args, kwargs, answer)
        return answer

    return wrapper


def _patch_4(module: ModuleType) -> list[Undo]:
    wrapping = _awaits if ".aio." in module.__name__ else _calls
    return [wrap(module.SnowflakeConnection, "cmd_query", wrapping(_rewrite_4, _follow_4))]


def _patch_5(module: ModuleType) -> list[Undo]:
    wrapping = _awaits if ".aio." in module.__name__ else _calls
    wrapper = wrapping(_rewrite_5, _follow_5)
    return [wrap(module.SnowflakeCursorBase, name, wrapper) for name in ("_execute", "_execute_async")]


_DISTRIBUTION = "snowflake-connector-python"
DRIVERS = (
    Driver("snowflake.connector.connection", _DISTRIBUTION, (4, 2), (5,), _patch_4),
    Driver("snowflake.connector.aio._connection", _DISTRIBUTION, (4, 2), (5,), _patch_4),
    Driver("snowflake.connector.cursor._base", _DISTRIBUTION, (5, 0), (6,), _patch_5),
    Driver("snowflake.connector.aio.cursor._base", _DISTRIBUTION, (5, 0), (6,), _patch_5),
)
