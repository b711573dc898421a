"""What the code that runs is for: blocks, decorators, generators, tasks, threads and child processes."""

from __future__ import annotations

import asyncio
import contextvars
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens import asset
from costlens.tagging import Context, context, current, inherit
from costlens.tagging.context import CARRIER, carrier, decode

KEYS = st.text(min_size=1, max_size=60)


def assets() -> tuple[str, ...]:
    found = current()
    return found.assets if found else ()


def in_a_bare_thread() -> tuple[str, ...]:
    found: list[tuple[str, ...]] = []
    thread = threading.Thread(target=lambda: contextvars.Context().run(lambda: found.append(assets())))
    thread.start()
    thread.join()
    return found[0]


def test_blocks_nest_and_end() -> None:
    with asset("a", "b", team="growth", run="r1", step="s", origin="dagster"):
        assert current() == Context(("a", "b"), team="growth", run="r1", step="s", origin="dagster")
        with asset("inner"):  # the run goes on, the team was the outer asset's
            assert current() == Context(("inner",), run="r1", step="s", origin="dagster")
            assert in_a_bare_thread() == ("inner",)
        assert assets() == ("a", "b")
        assert in_a_bare_thread() == ("a", "b")
    assert current() is None
    assert CARRIER not in os.environ


def test_a_block_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), asset("a"):
        _ = 1 / 0
    assert current() is None


def test_one_object_used_again_and_within_itself() -> None:
    scope = asset("a")
    with scope, asset("b"), scope:
        assert assets() == ("a",)
    with scope:
        assert assets() == ("a",)
    assert current() is None


def test_decorated_functions() -> None:
    @asset("f")
    def function(number: int) -> tuple[int, tuple[str, ...]]:
        """Say so."""
        return number, assets()

    @asset("c")
    async def coroutine() -> tuple[str, ...]:
        await asyncio.sleep(0)
        return assets()

    assert function(3) == (3, ("f",))
    assert function.__doc__ == "Say so."
    assert asyncio.run(coroutine()) == ("c",)
    assert asyncio.iscoroutinefunction(coroutine)
    assert current() is None


def test_a_generator_is_in_its_context_and_its_caller_is_not() -> None:
    @asset("g")
    def generator() -> Iterator[tuple[str, ...]]:
        try:
            sent = yield assets()
            assert sent == "sent"
            yield assets()
        except KeyError:
            yield ("caught", *assets())
        return

    steps = generator()
    assert next(steps) == ("g",)
    assert assets() == ()
    assert steps.send("sent") == ("g",)  # type: ignore[attr-defined]
    assert steps.throw(KeyError()) == ("caught", "g")  # type: ignore[attr-defined]
    assert list(steps) == []
    left = generator()
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert current() is None


def test_context_managers_made_of_generators() -> None:
    seen: list[object] = []

    @contextmanager
    @asset("g")
    def plain() -> Iterator[None]:
        try:
            yield
        except ZeroDivisionError:
            seen.append(assets())

    @asynccontextmanager
    @asset("h")
    async def awaited() -> AsyncIterator[None]:
        try:
            yield
        except ZeroDivisionError:
            seen.append(assets())

    async def use() -> None:
        async with awaited():
            seen.append(assets())
            _ = 1 / 0

    with plain():
        _ = 1 / 0
    asyncio.run(use())
    assert seen == [("g",), (), ("h",)]


def test_an_asynchronous_generator() -> None:
    @asset("g")
    async def generator() -> AsyncIterator[tuple[str, ...]]:
        for _ in range(3):
            yield assets()

    async def use() -> list[object]:
        return [(item, assets()) async for item in generator()]

    assert asyncio.run(use()) == [(("g",), ())] * 3


def test_tasks_keep_apart() -> None:
    async def task(name: str) -> tuple[str, ...]:
        with asset(name):
            await asyncio.sleep(0.01)
            return assets()

    async def use() -> list[tuple[str, ...]]:
        return list(await asyncio.gather(*(task(str(number)) for number in range(20))))

    assert asyncio.run(use()) == [(str(number),) for number in range(20)]
    assert current() is None


def test_a_block_that_is_left_elsewhere_leaves_nothing_behind() -> None:
    def generator() -> Iterator[None]:
        with asset("left"):
            yield

    steps = generator()
    contextvars.copy_context().run(next, steps)
    del steps  # closed in this context, entered in another
    assert current() is None
    assert in_a_bare_thread() == ()


def test_overlap_lasts_until_all_have_ended() -> None:
    both, done = threading.Barrier(2), threading.Event()

    def step() -> None:
        with asset("other"):
            both.wait()
            done.wait()

    thread = threading.Thread(target=step)
    thread.start()
    both.wait()
    with asset("mine"):
        assert in_a_bare_thread() == ()
        assert assets() == ("mine",)
        assert CARRIER not in os.environ
        done.set()
        thread.join()
        assert in_a_bare_thread() == ()  # a thread of the other step may still run
    with asset("next"):
        assert in_a_bare_thread() == ("next",)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(method: str) -> None:
    with asset("parent"), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(current).result() == Context(("parent",), origin="py")


def test_a_fork_forgets_the_steps_of_other_threads() -> None:
    both, done = threading.Barrier(2), threading.Event()

    def step() -> None:
        with asset("other"):
            both.wait()
            done.wait()

    thread = threading.Thread(target=step)
    thread.start()
    both.wait()
    reading, writing = os.pipe()
    with asset("mine"):
        child = os.fork()
        if child == 0:
            os.write(writing, json.dumps([assets(), in_a_bare_thread()]).encode())
            os._exit(0)
        os.waitpid(child, 0)
    done.set()
    thread.join()
    assert json.loads(os.read(reading, 1000)) == [["mine"], ["mine"]]
    os.close(reading)
    os.close(writing)


def test_a_subprocess_is_for_what_its_parent_is_for() -> None:
    code = "from costlens.tagging import current; print(current().assets, current().team, current().run)"
    with asset("a/ü", team="growth", run="r"):
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == str(("a/ü",)) + " growth r"


def test_an_inherited_context_holds_between_the_blocks() -> None:
    inherit(Context(("job",), run="r"))
    assert assets() == ("job",)
    with asset("step"):
        assert current() == Context(("step",), run="r", origin="py")
    assert assets() == ("job",)
    assert decode(os.environ[CARRIER]) == Context(("job",), run="r")


@given(st.lists(KEYS, max_size=4), st.none() | KEYS, st.none() | KEYS)
def test_the_carrier_is_read_back(keys: list[str], team: str | None, partition: str | None) -> None:
    context = Context(tuple(keys), team=team, partition=partition)
    assert (decode(context.encode()) or Context()) == context
    assert "\0" not in context.encode()


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", '{"a": 1}', '{"a": null}', "[" * 100_000])
def test_a_damaged_carrier_is_no_context(text: str | None) -> None:
    assert decode(text) is None


def test_a_carrier_that_is_too_long_for_the_kernel_is_left_out() -> None:
    with asset("x" * 200_000):
        assert CARRIER not in os.environ
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_carrier_of_a_child() -> None:
    assert carrier({"A": "1"}) == {"A": "1"}
    assert decode(carrier({}, ["a"], "growth")[CARRIER]) == Context(("a",), team="growth", origin="sh")
    with asset("now"):
        assert decode(carrier({})[CARRIER]) == Context(("now",), origin="py")


def test_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTLENS_DISABLED", "1")
    with asset("a"):
        assert current() is None
    assert CARRIER not in os.environ


def test_an_orchestrator_says_what_runs_within_what_was_entered() -> None:
    undo = context.refine(lambda outer: replace(outer or Context(), node="model.p.x"))
    with asset("a/b", team="growth"):
        assert current() == Context(assets=("a/b",), team="growth", origin="py", node="model.p.x")
    assert current() == Context(node="model.p.x")
    undo()
    undo()
    assert current() is None


def test_a_refinement_that_fails_leaves_what_was_entered() -> None:
    def broken(_: Context | None) -> Context | None:
        raise RuntimeError

    undo = context.refine(broken)
    with asset("a/b"):
        assert current() == Context(assets=("a/b",), origin="py")
    undo()
