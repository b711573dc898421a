"""Snowflake by aio, pandas and SQLAlchemy, on connector 4 and 5; run by `tests/tagging/integrations/run`."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas
import pytest
import snowflake.connector
from snowflake.connector.pandas_tools import write_pandas

import costlens
from costlens.tagging import codec
from tests.tagging.breaking import TRUSTED, Breaker, noticed

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix, Wire

try:
    from snowflake.connector import aio
except ImportError:
    if not snowflake.connector.__version__.startswith("4.2."):  # the lowest that is supported has none yet
        raise
    aio = None

AIO = "aio: execute, executemany, execute_async"
IS_5 = int(snowflake.connector.__version__.partition(".")[0]) >= 5


def settings(wire: Wire) -> dict[str, Any]:
    found = {
        "account": "acme",
        "user": "u",
        "password": "p",
        "host": "localhost",
        "port": wire.port,
        "protocol": "http",
    }
    return {**found, "enable_server_session_keep_alive_auto_detection": False} if IS_5 else found


def test_aio(wire: Wire, matrix: Matrix) -> None:
    if aio is None:
        matrix("snowflake-connector-python", AIO, "absent")
        pytest.skip("this version has no aio")
    costlens.instrument()

    async def build(name: str) -> None:
        own = {"QUERY_TAG": "mine"}
        async with aio.SnowflakeConnection(**settings(wire), session_parameters=own) as made:  # type: ignore[attr-defined]
            with costlens.asset(name):
                cursor = made.cursor()
                for number in range(5):
                    await cursor.execute(f"select '{name}', {number}")
                await cursor.executemany(f"insert into {name} values (%s)", [(1,), (2,)])
                await cursor.execute_async(f"select '{name}' -- async")
                await cursor.execute("show parameters like 'QUERY_TAG'")
                await cursor.execute("alter session set query_tag = 'changed'")
                await cursor.execute(f"select '{name}' -- changed")

    async def both() -> None:
        await asyncio.gather(build("a"), build("b"))

    asyncio.run(both())
    for name in "ab":
        texts = [text for text in wire.texts if f"'{name}'" in text or f"into {name} " in text]
        assert len(texts) == 8
        for text in texts:
            ours, own = codec.split_query_tag(wire.tag(text))
            assert ours is not None
            assert ours["a"] == [name]
            assert ours["f"].startswith("tests/tagging/integrations/snowflake_more.py:")
            assert own == ("changed" if "changed" in text else "mine")
    assert wire.tag("show parameters like 'QUERY_TAG'") is None
    matrix("snowflake-connector-python", AIO)


def test_write_pandas(wire: Wire, matrix: Matrix) -> None:
    costlens.instrument()
    with snowflake.connector.connect(**settings(wire)) as made, costlens.asset("x"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas and the connector differ on deprecations
        write_pandas(made, pandas.DataFrame({"A": [1]}), "T", quote_identifiers=False)
    executed = [s for s in wire.statements if not s.get("describeOnly")]
    kinds = {s["sqlText"].split()[0].lower() for s in executed}
    assert {"create", "copy"} <= kinds
    for statement in executed:
        if statement["sqlText"].split()[0].lower() in ("create", "copy", "insert", "put"):
            tag = (statement.get("parameters") or {}).get("QUERY_TAG")
            assert (codec.decode_query_tag(tag) or {}).get("a") == ["x"], statement["sqlText"]
    matrix("snowflake-connector-python", "write_pandas")


def test_sqlalchemy(wire: Wire, matrix: Matrix) -> None:
    if snowflake.connector.__version__.startswith("5.0."):
        pytest.skip("no release of SQLAlchemy for Snowflake goes with connector 5.0")
    import sqlalchemy as sa

    costlens.instrument()
    engine = sa.create_engine("snowflake://", connect_args=settings(wire))
    with costlens.asset("x"), engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection.execute(sa.text("select :a"), {"a": "%"})
        connection.commit()
    engine.dispose()
    assert (wire.cl("select '%'") or {})["a"] == ["x"]
    matrix("snowflake-connector-python", "SQLAlchemy")


@pytest.mark.skipif(aio is None, reason="this version has no aio")
def test_a_fault_of_ours_is_not_noticed_by_aio(wire: Wire) -> None:
    """As tests/tagging/test_faults.py, which knows no aio."""

    async def statements(arm: Callable[[], None]) -> None:
        async with aio.SnowflakeConnection(**settings(wire)) as made:  # type: ignore[attr-defined]
            with costlens.asset("a"):
                for text in ("select 1", "alter session set query_tag = 'mine'", "select 2"):
                    arm()
                    await made.cursor().execute(text)

    def program(breaker: Breaker) -> None:
        wire.requests.clear()
        costlens.instrument()
        breaker.arm()
        asyncio.run(statements(breaker.arm))
        assert [text for text in wire.texts if "select" in text] == ["select 1", "select 2"]

    entered, felt = noticed(program)
    assert felt == TRUSTED & entered
    assert "snowflake._awaits.wrapper" in felt
