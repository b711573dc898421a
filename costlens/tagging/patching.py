"""Patches database drivers when they are imported, and takes the patches out again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import RLock
from types import ModuleType
from typing import Any

from costlens.tagging.guard import Wrapper, attempt, say_once

Undo = Callable[[], None]


@dataclass(frozen=True)
class Driver:
    """A driver's module that is patched when it is imported, and the versions this was tested with: [since, below)."""

    module: str
    distribution: str
    since: tuple[int, ...]
    below: tuple[int, ...]
    patch: Callable[[ModuleType], list[Undo]]
    is_wanted: Callable[[], bool] = lambda: True


_lock = RLock()
_hooked: set[str] = set()
_undo: dict[str, list[Undo]] = {}
_is_on: bool | None = None  # None = nobody has said


def _renew_lock() -> None:
    global _lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):  # a thread that held it does not run in the child
    os.register_at_fork(after_in_child=_renew_lock)


def instrument() -> None:
    """Tag the statements of every supported driver from now on; does nothing where COSTLENS_DISABLED=1."""
    attempt(None, _instrument)


def instrument_by_use() -> None:
    """Do as `instrument`, unless the program has said itself what it wants."""
    if _is_on is None:
        instrument()


def uninstrument() -> None:
    """Run every statement as it is written again."""
    attempt(None, _uninstrument)


def instrumented() -> tuple[str, ...]:
    """Return the driver modules that are patched now."""
    return tuple(sorted(_undo))


def wrap(owner: type | ModuleType, name: str, wrapper: Wrapper) -> Undo:
    """Wrap a method of a class or a function of a module, once only. Raises AttributeError where there is none."""
    from wrapt import FunctionWrapper

    original = owner.__dict__.get(name) or getattr(owner, name)
    if getattr(original, "_self_costlens", False):
        return lambda: None
    is_live = [True]
    wrapped: Any = FunctionWrapper(original, wrapper, enabled=lambda: is_live[0])
    wrapped._self_costlens = True
    is_own = name in owner.__dict__
    setattr(owner, name, wrapped)

    def undo() -> None:
        is_live[0] = False  # another tool may have wrapped ours: then it stays, and does nothing
        if owner.__dict__.get(name) is not wrapped:
            return
        if is_own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)

    return undo


def _instrument() -> None:
    global _is_on
    if os.environ.get("COSTLENS_DISABLED") == "1":
        return
    from wrapt import when_imported  # it loads asyncio: not before it is needed

    from costlens.tagging.drivers import DRIVERS

    with _lock:
        if _is_on is False:
            attempt(None, _take_out)  # what could not be taken out may be dead: it is not to be taken for a patch
        _is_on = True
        for driver in DRIVERS:
            if driver.module not in _hooked:
                _hooked.add(driver.module)
                when_imported(driver.module)(_hook(driver))
            elif (module := sys.modules.get(driver.module)) is not None:
                attempt(None, _patch, driver, module)


def _hook(driver: Driver) -> Callable[[ModuleType], None]:
    """Return what is called while the module is imported: an import of the user's must not fail either."""
    return lambda module: attempt(None, _patch, driver, module)


def _uninstrument() -> None:
    global _is_on
    with _lock:
        _is_on = False
        _take_out()


def _take_out() -> None:
    """Undo every patch, the last one first; one that fails is kept, so that it may be tried again, and hinders no other."""
    for module in reversed(list(_undo)):
        left = [undo for undo in reversed(_undo[module]) if not _is_undone(undo)]
        if left:
            _undo[module] = left[::-1]
        else:
            del _undo[module]
    if _undo:
        say_once("uninstrument", f"patches of {', '.join(instrumented())} could not be taken out; call it again")


def _is_undone(undo: Undo) -> bool:
    with suppress(Exception):  # what failed is told once, for all
        undo()
        return True
    return False


def _patch(driver: Driver, module: ModuleType) -> None:
    with _lock:
        if _is_on and driver.module not in _undo and driver.is_wanted() and _is_tested(driver):
            _undo[driver.module] = driver.patch(module)


def _is_tested(driver: Driver) -> bool:
    """Whether the installed version is one that the patch was tested with; where none of ours is, say so."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and most processes need it not

    from costlens.tagging.drivers import DRIVERS

    try:
        text = version(driver.distribution)
    except PackageNotFoundError:
        return False
    found = tuple(int(part) for part in text.split(".")[:3] if part.isdecimal())
    ranges = sorted({(each.since, each.below) for each in DRIVERS if each.distribution == driver.distribution})
    if not any(since <= found < below for since, below in ranges):
        tested = ", ".join(f"{_dotted(since)} to below {_dotted(below)}" for since, below in ranges)
        say_once(driver.distribution, f"version {text} is left alone, it was tested with {tested}")
    return driver.since <= found < driver.below


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
