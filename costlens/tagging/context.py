"""Knows what the statement that is about to run is for: the asset, team, run and step of the code that issues it.

`with asset("analytics/orders"):` holds for the block, its coroutines and copied contexts (a ContextVar). Threads and
executors that were given no context see the one step that is active in the process, if there is exactly one; so do
child processes, through the environment variable COSTLENS_CONTEXT. Where steps overlap both see nothing: an untagged
statement is found by other evidence, a wrongly tagged one is not.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar, cast

from costlens.tagging.guard import attempt

CARRIER = "COSTLENS_CONTEXT"
#: Longest carrier in bytes: the kernel refuses to start a child that is given a variable of 128 kB.
CARRIER_LIMIT = 30_000

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Context:
    """What a statement is for; texts, None = not known."""

    assets: tuple[str, ...] = ()
    team: str | None = None
    origin: str | None = None
    node: str | None = None
    run: str | None = None
    job: str | None = None
    step: str | None = None
    partition: str | None = None
    line: str | None = None
    """`path:line` of the code, where the orchestrator knows it and no frame of the user's issues the statement."""
    version: str | None = None
    """Commit of that code."""

    def tag(self) -> dict[str, Any]:
        """Return the fields of the tag (`costlens.tagging.codec`)."""
        found = {short: getattr(self, name) for name, short in _SHORT.items() if getattr(self, name)}
        return found | {"a": list(self.assets)} if self.assets else found

    def encode(self) -> str:
        """Return the context as text for the environment of a child process."""
        return json.dumps(self.tag(), separators=(",", ":"))


_SHORT = {
    "team": "t",
    "origin": "o",
    "node": "n",
    "run": "r",
    "job": "j",
    "step": "s",
    "partition": "p",
}


def decode(text: str | None) -> Context | None:
    """Return the context that `Context.encode` wrote, or None where the text is something else."""
    try:
        found = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    keys = found.get("a")
    known = {name: str(found[short]) for name, short in _SHORT.items() if found.get(short)}
    context = Context(assets=tuple(map(str, keys)) if isinstance(keys, list) else (), **known)
    return context if context != Context() else None


class _Entry:
    """One entered context and the one it was entered in."""

    __slots__ = ("context", "owner", "parent")

    def __init__(self, context: Context, parent: _Entry | None, owner: asset | None = None) -> None:
        self.context, self.parent, self.owner = context, parent, owner


class _Process:
    """What holds for the whole process: the steps that are active in it, and what its parent said it is for.

    `shared` is the context of code that was given none: the innermost active step while all that is active is nested
    in one another, else what the parent process said.
    """

    def __init__(self, inherited: Context | None) -> None:
        self.inherited = self.shared = inherited
        self.active: list[_Entry] = []
        self.overlaps = False
        self.lock = threading.Lock()

    def enter(self, entry: _Entry) -> None:
        with self.lock:
            if self.active and self.active[-1] is not entry.parent:
                self.overlaps = True
            self.active.append(entry)
            self._share()

    def leave(self, entry: _Entry) -> None:
        with self.lock:
            if entry in self.active:
                self.active.remove(entry)
            if not self.active:
                self.overlaps = False
            self._share()

    def after_fork(self) -> None:
        """Forget the steps of the parent's other threads: they do not run in this process."""
        self.lock = threading.Lock()
        chain: list[_Entry] = []
        entry = _entry.get()
        while entry is not None:
            chain.insert(0, entry)
            entry = entry.parent
        self.active, self.overlaps = chain, False
        self._share()

    def _share(self) -> None:
        alone = self.active[-1].context if self.active and not self.overlaps else None
        self.shared = alone or self.inherited
        text = self.shared.encode() if self.shared else ""
        if 0 < len(text) <= CARRIER_LIMIT:
            os.environ[CARRIER] = text
        else:
            os.environ.pop(CARRIER, None)


_entry: ContextVar[_Entry | None] = ContextVar("costlens", default=None)
_process = _Process(decode(os.environ.get(CARRIER)))
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: attempt(None, _process.after_fork))


#: What orchestrators know beyond the context that was entered: each is given it and returns it with what it knows.
Refinement = Callable[["Context | None"], "Context | None"]
_refinements: list[Refinement] = []


def current() -> Context | None:
    """Return what the code that runs now is for, or None."""
    entry = _entry.get()
    context = _process.shared if entry is None else entry.context
    for refinement in _refinements:
        context = attempt(context, refinement, context)
    return context


def refine(refinement: Refinement) -> Callable[[], None]:
    """Ask an orchestrator's own notion of what runs (a dbt node) at every statement; returns what ends it."""
    _refinements.append(refinement)

    def undo() -> None:
        if refinement in _refinements:
            _refinements.remove(refinement)

    return undo


def inherit(context: Context | None) -> None:
    """Say what this whole process is for, as a parent process would through COSTLENS_CONTEXT."""
    with _process.lock:
        _process.inherited = context
        _process._share()


class asset:  # noqa: N801  a context manager and decorator reads as a verb: `with costlens.asset(…):`
    """Tag every statement in a block, or in each call of a function, with the assets it is for.

    `team` is for scripts that no orchestrator knows; otherwise the owner of the asset is looked up when costs are read.
    Run, job, step, partition and origin are taken from the surrounding context unless they are given.
    """

    def __init__(
        self,
        *keys: str,
        team: str | None = None,
        origin: str | None = None,
        node: str | None = None,
        run: str | None = None,
        job: str | None = None,
        step: str | None = None,
        partition: str | None = None,
    ) -> None:
        self._assets: tuple[str, ...] = ()
        self._given: dict[str, str] = {}
        self._entered: list[_Entry] = []
        given = {
            "team": team,
            "origin": origin,
            "node": node,
            "run": run,
            "job": job,
            "step": step,
            "partition": partition,
        }
        attempt(None, self._say, keys, given)

    def _say(self, keys: Iterable[object], given: Mapping[str, object]) -> None:
        self._assets = tuple(map(str, keys))
        self._given = {name: str(value) for name, value in given.items() if value is not None}

    @classmethod
    def of(cls, context: Context) -> asset:
        """Return the context manager of a context: what the integrations of orchestrators enter."""
        scope = cls(*context.assets)
        scope._given = {f.name: v for f in fields(context) if f.name != "assets" and (v := getattr(context, f.name))}
        return scope

    def __enter__(self) -> asset:
        attempt(None, self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        attempt(None, self._exit)

    def _enter(self) -> None:
        if os.environ.get("COSTLENS_DISABLED") == "1":
            return
        from costlens.tagging.patching import instrument_by_use

        attempt(None, instrument_by_use)
        parent = _entry.get()
        outer = current() or _NOTHING
        context = replace(outer, team=None, node=None, origin=outer.origin or "py")
        entry = _Entry(replace(context, assets=self._assets, **self._given), parent, self)
        self._entered.append(entry)
        _entry.set(entry)
        _process.enter(entry)

    def _exit(self) -> None:
        if not self._entered:  # it was disabled
            return
        entry = _entry.get()
        if entry is not None and entry.owner is self:
            _entry.set(entry.parent)
            self._entered.remove(entry)
        else:  # left in another context than it was entered in: a generator that was closed elsewhere
            entry = self._entered.pop()
        _process.leave(entry)

    def __call__(self, function: F) -> F:
        """Return the function with each of its calls in the context; generators and coroutines too."""
        return attempt(function, self._wrap, function)

    def _wrap(self, function: F) -> F:
        if inspect.isasyncgenfunction(function):
            wrapper: Any = _async_generator(self, function)
        elif inspect.iscoroutinefunction(function):
            wrapper = _coroutine(self, function)
        elif inspect.isgeneratorfunction(function):
            wrapper = _generator(self, function)
        else:
            wrapper = _plain(self, function)
        return cast("F", functools.wraps(function)(wrapper))


_NOTHING = Context()


def _plain(scope: asset, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with scope:
            return function(*args, **kwargs)

    return call


def _coroutine(scope: asset, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with scope:
            return await function(*args, **kwargs)

    return call


def _generator(scope: asset, function: Callable[..., Any]) -> Callable[..., Any]:
    """Run each step of a generator in the context, and what its caller does between the steps outside of it."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(next, steps)
        while True:
            try:
                with scope:
                    item = resume()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with scope:
                    steps.close()
                raise
            except BaseException as error:  # what the caller throws in belongs to the generator
                resume = functools.partial(steps.throw, error)
            else:
                resume = functools.partial(steps.send, sent)

    return call


def _async_generator(scope: asset, function: Callable[..., Any]) -> Callable[..., Any]:
    """Do as `_generator` does."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(steps.asend, None)
        while True:
            try:
                with scope:
                    item = await resume()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                with scope:
                    await steps.aclose()
                raise
            except BaseException as error:
                resume = functools.partial(steps.athrow, error)
            else:
                resume = functools.partial(steps.asend, sent)

    return call


def carrier(environment: Mapping[str, str], keys: Iterable[str] = (), team: str | None = None) -> dict[str, str]:
    """Return an environment for a child process that is for these assets, else for what this code is for."""
    keys = tuple(keys)
    context = Context(assets=keys, team=team, origin="sh") if keys or team else current()
    return {**environment, CARRIER: context.encode()} if context else dict(environment)
