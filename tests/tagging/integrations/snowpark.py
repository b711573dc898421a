"""Snowpark on connector 4; run by `tests/tagging/integrations/run`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import snowflake.connector

import costlens
from costlens.tagging import codec

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix, Wire


def test_snowpark(wire: Wire, matrix: Matrix) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from snowflake.snowpark import Session

    costlens.instrument()
    connection = snowflake.connector.connect(
        account="acme", user="u", password="p", host="localhost", port=wire.port, protocol="http"
    )
    session = Session.builder.configs({"connection": connection}).create()
    with costlens.asset("x"):
        session.sql("select 1 as x").collect()
        session.query_tag = "mine"
        session.sql("select 2 as x").collect()
        session.sql("select 3 as x").collect(statement_params={"QUERY_TAG": "theirs"})
        session.sql("select 4 as x").collect_nowait()
    connection.close()
    for text, tag in (("select 1", None), ("select 2", "mine"), ("select 3", "theirs"), ("select 4", "mine")):
        ours, own = codec.split_query_tag(wire.tag(f"{text} as x"))
        assert ours is not None
        assert ours["a"] == ["x"]
        assert own == tag or (tag is None and own is not None and "snowpark" in own.lower())
    matrix("snowflake-connector-python", "Snowpark: collect, collect_nowait")
