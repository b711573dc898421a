"""The shield: a fault of ours never reaches the user's code, and is said once."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("costlens")
_said: set[str] = set()


def attempt(default: T, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what the function returns, or the default where it fails: tagging may fail, the user's statement may not.

    This is the one place of the package that catches everything; KeyboardInterrupt and the like are the user's.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        with contextlib.suppress(Exception):  # a logging handler may be broken too
            say_once(
                f"{function.__module__}.{function.__qualname__}", f"{type(error).__name__}; statements run untagged"
            )
        return default


def say_once(what: str, message: str) -> None:
    """Log one warning per process for a thing; texts of statements and errors are no part of it."""
    if what not in _said:
        _said.add(what)
        log.warning("CostLens tagging: %s: %s", what, message)


Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
Rewrite = Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def rewriting(rewrite: Rewrite) -> Wrapper:
    """Return a wrapt wrapper that calls the original with rewritten arguments, or as it was called where that fails."""

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = attempt((args, kwargs), rewrite, instance, args, kwargs)
        return wrapped(*args, **kwargs)

    return wrapper
