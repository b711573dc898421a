"""Each function of ours is broken in turn: the user's statement runs as it was written, and gives what it gave."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
import sqlalchemy as sa
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

import costlens
from costlens.tagging import caller, context, drivers, patching, statement
from tests.tagging.breaking import TRUSTED, Breaker, Broken, modules, noticed

if TYPE_CHECKING:
    from tests.tagging.conftest import Wire

#: The shield, and SQLAlchemy's hook that stands in it: what catches cannot be what fails.
SHIELD = {"attempt", "_before_cursor_execute"}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function and method of the package, lru_cached ones too."""
    for module in modules():
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__ or name in SHIELD:
                continue
            if inspect.isclass(value):
                for method in vars(value).values():
                    if inspect.isfunction(method) and not method.__name__.startswith("__"):
                        yield f"{module.__name__}.{name}.{method.__name__}", method
            elif callable(value) and hasattr(value, "__qualname__"):
                yield f"{module.__name__}.{name}", value


FUNCTIONS = dict(functions())


def break_(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], calls: list[str]) -> None:
    """Make the function raise wherever it is known by name."""

    def broken(*_: Any, **__: Any) -> Any:
        calls.append(function.__qualname__)
        raise Broken("a secret 'literal'")

    owners: list[Any] = [*modules(), context.asset, context.Context, context._Process]
    for owner in owners:
        for name, value in list(vars(owner).items()):
            if value is function:
                monkeypatch.setattr(owner, name, broken)
    known = [replace(driver, patch=broken) if driver.patch is function else driver for driver in drivers.DRIVERS]
    monkeypatch.setattr(drivers, "DRIVERS", tuple(known))


class Users:
    """A user's program: one statement in each database."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.snowflake = snowflake.connector.connect(
            account="acme", user="u", password="p", host="localhost", port=wire.port, protocol="http"
        )
        options = ClientOptions(api_endpoint=f"http://localhost:{wire.port}")
        self.bigquery = bigquery.Client(project="p", credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]
        self.engine = sa.create_engine("sqlite://")

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        self.wire.requests.clear()
        with costlens.asset("a/b", team="growth"):
            assert self.snowflake.cursor().execute("select 1").fetchall() == [(1,)]  # type: ignore[union-attr]
            between()
            self.snowflake.cursor().execute("alter session set query_tag = 'mine'")
            between()
            assert [row["x"] for row in self.bigquery.query_and_wait("select 1")] == [1]
            between()
            rows = io.BytesIO(b"1\n")
            self.bigquery.load_table_from_file(rows, "p.d.t", job_config=bigquery.LoadJobConfig(source_format="CSV"))
            between()
            with self.engine.begin() as connection:
                assert connection.exec_driver_sql("select 1 where '/* */' != :a", {"a": 1}).scalar_one() == 1
            between()
        assert self.wire.texts == ["select 1", "alter session set query_tag = 'mine'"]
        query, load = self.wire.jobs
        assert query["query"] == "select 1"
        assert load["configuration"]["load"]["sourceFormat"] == "CSV"

    def decorated(self, between: Callable[[], None] = lambda: None) -> None:
        """A statement in functions, generators and coroutines that are in a context."""
        self.wire.requests.clear()

        @costlens.asset("f")
        def function() -> Any:
            return self.snowflake.cursor().execute("select 1").fetchall()  # type: ignore[union-attr]

        @costlens.asset("g")
        def generator() -> Iterator[Any]:
            yield function()

        @costlens.asset("c")
        async def coroutine() -> Any:
            return function()

        @costlens.asset("h")
        async def asynchronous() -> AsyncIterator[Any]:
            yield await coroutine()

        async def all_of_them() -> list[Any]:
            return [rows async for rows in asynchronous()]

        for call in (function, lambda: next(generator()), lambda: asyncio.run(all_of_them())[0]):
            between()
            assert call() == [(1,)]
        assert self.wire.texts == ["select 1"] * 3

    def close(self) -> None:
        self.snowflake.close()
        self.bigquery.close()  # type: ignore[no-untyped-call]
        self.engine.dispose()


@pytest.fixture
def users(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[Users]:
    monkeypatch.setenv("COSTLENS_COMMENTS", "1")
    made = Users(wire)
    yield made
    made.close()


def test_whole_it_tags(users: Users) -> None:
    users.run()
    assert (users.wire.cl("select 1") or {})["a"] == ["a/b"]
    assert users.wire.labels[0]["cl_a"] == "a_b"


@pytest.mark.parametrize("when", ["before patching", "after patching"])
def test_broken_statements_run_as_they_are(
    users: Users, when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    reached: set[str] = set()
    for name, function in FUNCTIONS.items():
        calls: list[str] = []
        for cached in (statement._query_tag, statement._labels, caller.user_place, caller.version):
            cached.cache_clear()
        if when == "after patching":
            costlens.instrument()
        with monkeypatch.context() as patch:
            break_(patch, function, calls)
            contextvars.copy_context().run(users.run)
        if calls:
            reached.add(name)
        costlens.uninstrument()
        patching._is_on = None
        context._process.__init__(None)  # type: ignore[misc]  # a broken _exit leaves its block open
    wanted = {"codec.query_tag", "caller.user_place", "codec.labels", "context.current", "context.asset._enter"}
    assert {f"costlens.tagging.{name}" for name in wanted} <= reached
    assert len(reached) > 45
    assert "secret" not in caplog.text


def test_what_a_statement_comes_to_may_fail_wherever_it_is(users: Users, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is listed but what may not: nested functions, methods and lambdas are seen while the program runs."""

    def program(breaker: Breaker) -> None:
        costlens.instrument()
        for part in (users.run, users.decorated):
            breaker.arm()
            part(breaker.arm)
        breaker.arm()
        costlens.uninstrument()

    entered, felt = noticed(program)
    assert felt == TRUSTED - {"snowflake._awaits.wrapper"}  # that one is entered in tests/tagging/integrations
    assert {"codec.query_tag", "codec._forms", "caller.user_place", "context._Process.enter"} <= entered - felt
    assert "secret" not in caplog.text


def test_a_fault_is_said_once(users: Users, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    costlens.instrument()
    break_(monkeypatch, FUNCTIONS["costlens.tagging.statement.subject"], [])
    for _ in range(3):
        users.run()
    said = [record.getMessage() for record in caplog.records if record.name == "costlens"]
    assert said
    assert len(said) == len(set(said))
    assert all("Broken" in message for message in said)


def test_a_broken_logger_does_not_matter(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asked.append(record)
            raise Broken

    costlens.instrument()
    logging.getLogger("costlens").addHandler(handler := Handler())
    break_(monkeypatch, FUNCTIONS["costlens.tagging.statement.subject"], [])
    users.run()
    logging.getLogger("costlens").removeHandler(handler)
    assert asked
