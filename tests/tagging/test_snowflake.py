"""The real Snowflake connector against a recording server: what arrives is tagged, and is else what was sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from hypothesis import given
from hypothesis import strategies as st

import costlens
from costlens.tagging import codec
from costlens.tagging.drivers import snowflake as snowflake_driver

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix, Wire


def connect(wire: Wire, **given: Any) -> Any:
    if int(snowflake.connector.__version__.partition(".")[0]) >= 5:  # it warns where this is left open
        given["enable_server_session_keep_alive_auto_detection"] = False
    return snowflake.connector.connect(
        account="acme",
        user="u",
        password="p",
        host="localhost",
        port=wire.port,
        protocol="http",
        **given,
    )


@pytest.fixture
def connection(wire: Wire) -> Iterator[Any]:
    costlens.instrument()
    with connect(wire) as made:
        yield made


def test_a_statement_carries_its_asset_line_and_team(wire: Wire, connection: Any) -> None:
    with costlens.asset("analytics/orders", team="growth"):
        connection.cursor().execute("select 1")
    found = wire.cl("select 1")
    assert found is not None
    assert found["a"] == ["analytics/orders"]
    assert found["t"] == "growth"
    assert found["o"] == "py"
    path, _, line = found["f"].partition(":")
    assert path == "tests/tagging/test_snowflake.py"
    assert int(line) > 0
    assert len(found["c"]) >= 7


def test_the_text_is_what_was_sent(wire: Wire, connection: Any) -> None:
    text = "select 'a%b', $$x$$ -- end"
    with costlens.asset("x"):
        connection.cursor().execute(text)
    assert text in wire.texts


def test_without_an_asset_the_line_is_there(wire: Wire, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.cursor().execute("select 1")
    assert set(wire.cl("select 1") or {}) == {"v", "f", "c"}
    monkeypatch.setenv("COSTLENS_CALLER", "0")
    connection.cursor().execute("select 2")
    assert wire.tag("select 2") is None


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "execute": lambda _, cursor: cursor.execute("select 1"),
    "execute_async": lambda _, cursor: cursor.execute_async("select 1"),
    "execute_string": lambda connection, _: list(connection.execute_string("select 1; select 2")),
    "executemany, insert": lambda _, cursor: cursor.executemany("insert into t values (%s)", [(1,), (2,)]),
    "executemany, update": lambda _, cursor: cursor.executemany("update t set a = %s", [(1,), (2,)]),
    "CALL": lambda _, cursor: cursor.execute("call p(1)"),
    "_statement_params": lambda _, cursor: cursor.execute("select 1", _statement_params={"DATE_INPUT_FORMAT": "AUTO"}),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_way_to_execute(wire: Wire, connection: Any, call: str, matrix: Matrix) -> None:
    with costlens.asset("x"):
        CALLS[call](connection, connection.cursor())
    executed = [statement for statement in wire.statements if not statement.get("describeOnly")]
    assert len(executed) == (2 if call in ("execute_string", "executemany, update") else 1)
    for statement in executed:
        assert (codec.decode_query_tag(statement["parameters"]["QUERY_TAG"]) or {})["a"] == ["x"]
        assert call != "_statement_params" or statement["parameters"]["DATE_INPUT_FORMAT"] == "AUTO"
    matrix("snowflake-connector-python", call)


@pytest.mark.parametrize("style", ["qmark", "numeric"])
def test_server_side_binding(wire: Wire, style: str, matrix: Matrix) -> None:
    mark = "?" if style == "qmark" else ":1"
    costlens.instrument()
    with connect(wire, paramstyle=style) as made, costlens.asset("x"):
        made.cursor().execute(f"select {mark}", (1,))
        made.cursor().executemany(f"insert into t values ({mark})", [(1,), (2,)])
    assert (wire.cl(f"select {mark}") or {})["a"] == ["x"]
    assert (wire.cl(f"insert into t values ({mark})") or {})["a"] == ["x"]
    matrix("snowflake-connector-python", f"execute and executemany, {style}")


@pytest.mark.parametrize(
    "text",
    [
        "show parameters like 'QUERY_TAG' in session",
        "ALTER SESSION SET TIMEZONE = 'UTC'",
        "use warehouse w",
        "begin",
        "BEGIN TRANSACTION",
        "begin;",
        "commit",
        "rollback",
        "/* dbt */ -- x\n  alter session unset query_tag",
    ],
)
def test_statements_of_the_session_are_left_alone(wire: Wire, connection: Any, text: str, matrix: Matrix) -> None:
    with costlens.asset("x"):
        connection.cursor().execute(text)
    assert wire.tag(text) is None
    matrix("snowflake-connector-python", "USE, ALTER SESSION, SHOW PARAMETERS, BEGIN, COMMIT, ROLLBACK", "no")


def test_a_block_is_tagged(wire: Wire, connection: Any) -> None:
    text = "begin\n  insert into t select 1;\nend"
    with costlens.asset("x"):
        connection.cursor().execute(text)
    assert (wire.cl(text) or {})["a"] == ["x"]


class TestTheUsersOwnTag:
    """It replaces nothing and is never lost."""

    def own(self, wire: Wire, text: str) -> str | None:
        ours, own = codec.split_query_tag(wire.tag(text))
        assert ours is not None
        assert ours["a"] == ["x"]
        return own

    def test_given_at_connect(self, wire: Wire) -> None:
        costlens.instrument()
        with connect(wire, session_parameters={"QUERY_TAG": "nightly"}) as made, costlens.asset("x"):
            made.cursor().execute("select 1")
        assert self.own(wire, "select 1") == "nightly"

    def test_given_with_the_statement(self, wire: Wire, connection: Any) -> None:
        given = {"QUERY_TAG": '{"app": "dbt"}'}
        with costlens.asset("x"):
            connection.cursor().execute("select 1", _statement_params=given)
        assert json.loads(self.own(wire, "select 1") or "") == {"app": "dbt"}
        assert given == {"QUERY_TAG": '{"app": "dbt"}'}

    @pytest.mark.parametrize(
        ("assigned", "tag"),
        [
            ("'it''s'", "it's"),
            (r"'a\'b\n'", "a'b\n"),
            ("$$x'y$$", "x'y"),
            ("'{\"app\": \"dbt\"}' TIMEZONE = 'UTC'", '{"app":"dbt"}'),
        ],
    )
    def test_set_by_statement_and_taken_back(self, wire: Wire, connection: Any, assigned: str, tag: str) -> None:
        cursor = connection.cursor()
        with costlens.asset("x"):
            cursor.execute(f"alter session set query_tag = {assigned}")
            cursor.execute("select 1")
            cursor.execute("alter session unset query_tag")
            cursor.execute("select 2")
        assert self.own(wire, "select 1") == tag
        assert self.own(wire, "select 2") is None

    def test_set_with_a_bound_value(self, wire: Wire) -> None:
        costlens.instrument()
        with connect(wire, paramstyle="qmark") as made, costlens.asset("x"):
            made.cursor().execute("alter session set query_tag = ?", ("nightly",))
            made.cursor().execute("select 1")
        assert self.own(wire, "select 1") == "nightly"

    def test_a_failed_alter_session_changes_nothing(self, wire: Wire, connection: Any) -> None:
        wire.failing = "query_tag"
        with costlens.asset("x"):
            with pytest.raises(snowflake.connector.errors.ProgrammingError):
                connection.cursor().execute("alter session set query_tag = 'no'")
            connection.cursor().execute("select 1")
        assert self.own(wire, "select 1") is None

    @pytest.mark.parametrize(
        "text",
        [
            "alter session set query_tag = $variable",
            "begin alter session set query_tag = 'x'; select 1; end",
            "select 1; alter session set query_tag = 'x'",
        ],
    )
    def test_where_it_is_unknown_it_comes_first(self, wire: Wire, connection: Any, text: str) -> None:
        with costlens.asset("x"):
            connection.cursor().execute(text)
            connection.cursor().execute("select 7")
        assert wire.tag("select 7") is None

    def test_a_long_one_leaves_no_room(self, wire: Wire) -> None:
        costlens.instrument()
        with connect(wire, session_parameters={"QUERY_TAG": "x" * 1_995}) as made, costlens.asset("x"):
            made.cursor().execute("select 1")
        assert wire.tag("select 1") is None  # the session's own tag holds

    def test_two_connections_keep_their_own(self, wire: Wire) -> None:
        costlens.instrument()
        with (
            connect(wire, session_parameters={"QUERY_TAG": "one"}) as first,
            connect(wire, session_parameters={"QUERY_TAG": "two"}) as second,
            costlens.asset("x"),
        ):
            first.cursor().execute("select 1")
            second.cursor().execute("select 2")
        assert self.own(wire, "select 1") == "one"
        assert self.own(wire, "select 2") == "two"


@given(
    st.text(max_size=200), st.sampled_from(["", "alter session set query_tag = ", "/* query_tag", "; alter session"])
)
def test_any_text_can_be_followed(text: str, before: str) -> None:
    driver = snowflake_driver
    connection = type("Connection", (), {})()
    driver.follow(connection, before + text)
    assert isinstance(driver.is_session_statement(before + text), bool)
    assert text.endswith(driver.body(text))
    assert driver.own_tag(connection)[1] is None or "query_tag" in before


@pytest.mark.parametrize(
    "text",
    [
        "/*" * 100_000,
        " " * 1_000_000,
        "--\n" * 100_000,
        "alter session set query_tag = '" + r"\'" * 100_000,
        "alter session set " + "query_tag = '" * 5_000,
        "begin query_tag" + "; " * 100_000,
        "query_tag ;" + " " * 1_000_000,
    ],
    ids=range(7),
)
def test_hostile_texts_are_followed_in_passing(text: str) -> None:
    connection = type("Connection", (), {})()
    snowflake_driver.follow(connection, text)
    snowflake_driver.is_session_statement(text)
    assert len(snowflake_driver.own_tag(connection)) == 2


class TestThreads:
    """Each statement carries the asset of the code that issued it, or none."""

    def test_two_assets_at_once(self, wire: Wire) -> None:
        costlens.instrument()
        barrier = threading.Barrier(2)

        def build(name: str) -> None:
            with connect(wire) as made, costlens.asset(name):
                barrier.wait()
                for number in range(20):
                    made.cursor().execute(f"select '{name}', {number}")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(build, ["a", "b"]))
        for name in "ab":
            for number in range(20):
                assert (wire.cl(f"select '{name}', {number}") or {})["a"] == [name]

    def test_a_bare_thread_and_an_executor_see_the_one_active_asset(self, wire: Wire, connection: Any) -> None:
        with costlens.asset("only"):
            thread = threading.Thread(target=connection.cursor().execute, args=("select 1",))
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(connection.cursor().execute, "select 2").result()
            asyncio.run(asyncio.to_thread(connection.cursor().execute, "select 3"))
        for text in ("select 1", "select 2", "select 3"):
            assert (wire.cl(text) or {})["a"] == ["only"]

    def test_a_bare_thread_sees_nothing_where_two_overlap(self, wire: Wire, connection: Any) -> None:
        entered, done = threading.Event(), threading.Event()

        def other() -> None:
            with costlens.asset("other"):
                entered.set()
                done.wait()

        step = threading.Thread(target=other)
        with costlens.asset("mine"):
            step.start()
            entered.wait()
            thread = threading.Thread(target=connection.cursor().execute, args=("select 1",))
            thread.start()
            thread.join()
            connection.cursor().execute("select 2")
            done.set()
            step.join()
        assert "a" not in (wire.cl("select 1") or {})
        assert (wire.cl("select 2") or {})["a"] == ["mine"]


def test_uninstrument_and_again(wire: Wire, connection: Any) -> None:
    with costlens.asset("x"):
        costlens.uninstrument()
        connection.cursor().execute("select 1")
        costlens.instrument()
        costlens.instrument()
        connection.cursor().execute("select 2")
    assert wire.tag("select 1") is None
    assert (wire.cl("select 2") or {})["a"] == ["x"]


def test_entering_an_asset_is_enough(wire: Wire) -> None:
    with connect(wire) as made, costlens.asset("x"):
        made.cursor().execute("select 1")
    assert (wire.cl("select 1") or {})["a"] == ["x"]


def test_disabled(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTLENS_DISABLED", "1")
    costlens.instrument()
    with connect(wire) as made, costlens.asset("x"):
        made.cursor().execute("select 1")
    assert wire.tag("select 1") is None


def test_a_failing_statement_fails_as_it_did(wire: Wire, connection: Any) -> None:
    wire.failing = "nonsense"
    with costlens.asset("x"), pytest.raises(snowflake.connector.errors.ProgrammingError, match="SQL compilation error"):
        connection.cursor().execute("nonsense")
    assert (wire.cl("nonsense") or {})["a"] == ["x"]
