"""Drivers are patched when they are imported, once, in tested versions only."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import snowflake.connector
import wrapt

import costlens
from costlens.tagging import drivers, instrumented, patching

CONNECTION = snowflake.connector.SnowflakeConnection


def run(code: str, **environment: str) -> list[str]:
    """Run code in a new process, and return the lines it prints."""
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return out.stdout.split("\n")[:-1]


def test_importing_costlens_is_light() -> None:
    code = "import sys, costlens; print([m for m in ('wrapt', 'json', 'costlens.tagging') if m in sys.modules])"
    assert run(code) == ["[]"]
    code = (
        "import sys, costlens; costlens.asset\n"
        "print([m for m in ('snowflake', 'google', 'sqlalchemy', 'pydantic', 'duckdb', 'ibis') if m in sys.modules])"
    )
    assert run(code) == ["[]"]


@pytest.mark.parametrize("order", ["before", "after"])
def test_the_order_of_imports_does_not_matter(order: str) -> None:
    imports = ["import snowflake.connector", "import costlens; costlens.instrument()"]
    lines = imports if order == "after" else imports[::-1]
    check = "print(type(snowflake.connector.SnowflakeConnection.cmd_query).__name__)"
    assert run("\n".join([*lines, check])) == ["BoundFunctionWrapper"]


def test_patches_come_out_again() -> None:
    original = CONNECTION.__dict__["cmd_query"]
    costlens.instrument()
    assert CONNECTION.__dict__["cmd_query"] is not original
    costlens.instrument()
    assert CONNECTION.__dict__["cmd_query"].__wrapped__ is original
    assert "snowflake.connector.connection" in instrumented()
    costlens.uninstrument()
    assert CONNECTION.__dict__["cmd_query"] is original
    assert instrumented() == ()


def test_a_patch_that_does_not_come_out_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Sealed(type):
        """A class that may refuse that its attributes are set, as one of a C extension does."""

        is_sealed = False

        def __setattr__(cls, name: str, value: object) -> None:
            if cls.is_sealed and name == "first":
                raise TypeError("sealed")
            super().__setattr__(name, value)

    class Driver(metaclass=Sealed):
        def first(self) -> str:
            return "first"

        def second(self) -> str:
            return "second"

    def ours(wrapped: Any, _instance: Any, _args: Any, _kwargs: Any) -> Any:
        return wrapped() + " tagged"

    plain = dict(vars(Driver))
    driver = replace(
        next(d for d in drivers.DRIVERS if d.module == "snowflake.connector.connection"),
        patch=lambda _: [patching.wrap(Driver, name, ours) for name in ("second", "first")],
    )
    monkeypatch.setattr(drivers, "DRIVERS", (driver,))
    costlens.instrument()
    assert (Driver().first(), Driver().second()) == ("first tagged", "second tagged")
    monkeypatch.setattr(Sealed, "is_sealed", True)
    for _ in range(2):
        costlens.uninstrument()
        assert (Driver().first(), Driver().second()) == ("first", "second")
        assert vars(Driver)["second"] is plain["second"], "the one that fails hinders no other"
        assert instrumented() == (driver.module,)
    (said,) = caplog.messages
    assert f"patches of {driver.module} could not be taken out" in said
    monkeypatch.setattr(Sealed, "is_sealed", False)
    costlens.instrument()
    assert (Driver().first(), Driver().second()) == ("first tagged", "second tagged"), "no dead patch is taken for one"
    costlens.uninstrument()
    assert vars(Driver)["first"] is plain["first"]
    assert instrumented() == ()


def test_another_tools_patch_over_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Driver:
        def run(self, text: str) -> str:
            return text

    def ours(wrapped: Any, _instance: Any, args: Any, _kwargs: Any) -> Any:
        return wrapped(args[0] + " ours")

    def theirs(wrapped: Any, _instance: Any, args: Any, _kwargs: Any) -> Any:
        seen.append(args[0])
        return wrapped(*args)

    undo = patching.wrap(Driver, "run", ours)
    patching.wrap(Driver, "run", ours)
    wrapt.wrap_function_wrapper(Driver, "run", theirs)
    assert Driver().run("a") == "a ours"
    undo()
    assert Driver().run("a") == "a"
    assert seen == ["a", "a"]


def test_a_version_that_was_not_tested_is_left_alone_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = tuple(replace(driver, since=(1,), below=(2, 5)) for driver in drivers.DRIVERS)
    monkeypatch.setattr(drivers, "DRIVERS", old)
    for _ in range(2):
        costlens.instrument()
    assert instrumented() == ()
    (said,) = [r.getMessage() for r in caplog.records if "snowflake-connector-python" in r.getMessage()]
    assert f"version {snowflake.connector.__version__} is left alone" in said
    assert "1 to below 2.5" in said


def test_a_driver_without_the_method_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.delattr(CONNECTION, "cmd_query")
    costlens.instrument()
    assert "snowflake.connector.connection" not in instrumented()
    assert "AttributeError" in caplog.text


def test_what_the_program_says_holds() -> None:
    costlens.uninstrument()
    with costlens.asset("x"):
        assert instrumented() == ()


def test_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTLENS_DISABLED", "1")
    costlens.instrument()
    assert instrumented() == ()
