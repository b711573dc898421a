"""Tags what Airflow sends by Snowflake's SQL API: its hook posts statements itself, no driver of Snowflake's is on the way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from costlens.tagging.guard import rewriting
from costlens.tagging.patching import wrap
from costlens.tagging.statement import query_tag

_TAG = "query_tag"


def patch(module: ModuleType) -> list[Callable[[], None]]:
    """Hook into `airflow.providers.snowflake.hooks.sql_api`; raises TypeError where its method takes no tag."""
    hook = module.SnowflakeSqlApiHook
    names = list(inspect.signature(hook.execute_query).parameters)
    at = names.index(_TAG) - 1  # `self` is not among the arguments

    def rewrite(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        own = args[at] if len(args) > at else kwargs.get(_TAG)
        tag = query_tag(own or None)
        if tag is None:
            return args, kwargs
        if len(args) > at:
            return (*args[:at], tag, *args[at + 1 :]), kwargs
        return args, {**kwargs, _TAG: tag}

    return [wrap(hook, "execute_query", rewriting(rewrite))]
