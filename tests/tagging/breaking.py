"""Breaks code of ours where it is entered: every function that a program comes to, nested ones, methods and lambdas too.

What there is to break is not listed but seen: a program is run once and what it enters of the given folders is kept; then it
is run again for each, and the entry raises. After an error Python traces no longer, so the program says `arm` between its steps.
"""

from __future__ import annotations

import contextvars
import pkgutil
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType

import costlens.tagging
from costlens.tagging import context, guard, patching
from costlens.tagging.drivers import sqlalchemy

CORE = Path(costlens.tagging.__file__).parent


#: All of the core that must not fail: what the user calls, what stands around his call, and the shield.
TRUSTED = {
    "guard.attempt",
    "guard.rewriting.wrapper",
    "snowflake._calls.wrapper",
    "snowflake._awaits.wrapper",
    "patching.wrap.<lambda>",
    "sqlalchemy._before_cursor_execute",
    "patching.instrument",
    "patching.uninstrument",
    "context.asset.__init__",
    "context.asset.__enter__",
    "context.asset.__exit__",
    "context.asset.__call__",
    "context._plain.call",
    "context._generator.call",
    "context._coroutine.call",
    "context._async_generator.call",
}


class Broken(RuntimeError):
    """What broken code raises."""


def name_of(code: CodeType) -> str:
    """Return `module.qualname` of code, the module by its file."""
    return f"{Path(code.co_filename).stem}.{code.co_qualname}".replace(".<locals>", "")


class Breaker:
    """Sees what is entered, or breaks one thing wherever it is entered; a context manager."""

    def __init__(self, folders: Iterable[Path], code: CodeType | None = None) -> None:
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._code = code
        self.entered: dict[CodeType, None] = {}

    def arm(self) -> None:
        """Break the next entry (again)."""
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if self._code is None:
            if code.co_filename.startswith(self._folders) and code.co_name not in ("<module>", "<listcomp>"):
                self.entered[code] = None
        elif code is self._code:
            raise Broken("a secret 'literal'")

    def __enter__(self) -> Breaker:
        self._before = sys.gettrace()
        self.arm()
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


def modules() -> list[ModuleType]:
    """Return the modules of the core."""
    found = pkgutil.walk_packages(costlens.tagging.__path__, "costlens.tagging.")
    return [costlens.tagging, *(import_module(each.name) for each in found if ".site" not in each.name)]


def forget(more: Iterable[ModuleType] = ()) -> None:
    """Make tagging as new: nothing patched, entered, said or remembered."""
    patching._uninstrument()
    patching._is_on = None
    if "sqlalchemy" in sys.modules:  # a broken undo leaves its listener
        from sqlalchemy import Engine, event

        if event.contains(Engine, "before_cursor_execute", sqlalchemy._before_cursor_execute):
            event.remove(Engine, "before_cursor_execute", sqlalchemy._before_cursor_execute)
    context._process.__init__(None)  # type: ignore[misc]  # a broken _exit leaves its block open
    context._entry.set(None)
    context._refinements.clear()
    guard._said.clear()
    for module in (*modules(), *more):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def noticed(
    program: Callable[[Breaker], None], folders: Iterable[Path] = (CORE,), more: Iterable[ModuleType] = ()
) -> tuple[set[str], set[str]]:
    """Return the names of all that a program enters in the folders, and of those whose fault it notices.

    Tagging is as new each time, and so are the `more` modules.
    """
    return contextvars.copy_context().run(_noticed, program, [*folders], [*more])


def _noticed(
    program: Callable[[Breaker], None], folders: list[Path], more: list[ModuleType]
) -> tuple[set[str], set[str]]:
    forget(more)
    with Breaker(folders) as seen:
        program(seen)
    felt = set()
    for code in seen.entered:
        forget(more)
        try:
            with Breaker(folders, code) as breaker:
                program(breaker)
        except Exception:
            felt.add(name_of(code))
    forget(more)
    return {name_of(code) for code in seen.entered}, felt
