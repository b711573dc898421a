"""Engines of other databases get a comment, where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import costlens
from costlens.tagging import codec

if TYPE_CHECKING:
    from tests.tagging.conftest import Matrix


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    made = sa.create_engine("sqlite://")
    with made.begin() as connection:
        connection.execute(sa.text("create table t (a integer, b text)"))
    yield made
    made.dispose()


@pytest.fixture
def sent(engine: sa.Engine) -> list[str]:
    """What SQLite was given."""
    found: list[str] = []
    pool: Any = engine.raw_connection()
    pool.set_trace_callback(found.append)
    pool.close()
    return found


def test_statements_get_a_stable_comment(
    engine: sa.Engine, sent: list[str], monkeypatch: pytest.MonkeyPatch, matrix: Matrix
) -> None:
    monkeypatch.setenv("COSTLENS_COMMENTS", "1")
    costlens.instrument()
    for run in ("first", "second"):
        with costlens.asset("analytics/orders */ 100%", run=run, partition=run), engine.begin() as connection:
            connection.execute(sa.text("insert into t values (:a, :b)"), [{"a": 1, "b": "%"}, {"a": 2, "b": run}])
            connection.exec_driver_sql("select count(*) from t -- rows")
    assert [s for s in sent if s.startswith("select")] == [s for s in sent if s.startswith("select")][:1] * 2
    found = [codec.decode_comment(text) for text in sent if text.startswith(("insert", "select"))]
    assert len(found) == 6
    assert all(each is not None and each["a"] == ["analytics/orders */ 100%"] for each in found)
    assert all("%" not in text.partition("/*")[2] for text in sent)
    matrix("sqlalchemy", "execute, exec_driver_sql, executemany: comment, where COSTLENS_COMMENTS=1")


def test_not_unless_it_is_asked_for(engine: sa.Engine, sent: list[str]) -> None:
    costlens.instrument()
    with costlens.asset("x"), engine.begin() as connection:
        connection.exec_driver_sql("select 1")
    assert "select 1" in sent


def test_uninstrument(engine: sa.Engine, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTLENS_COMMENTS", "1")
    costlens.instrument()
    costlens.uninstrument()
    with costlens.asset("x"), engine.begin() as connection:
        connection.exec_driver_sql("select 1")
    assert "select 1" in sent


@pytest.mark.parametrize(
    ("statement", "end"),
    [("select 1;", ";"), ("select 1 ; \n", ";"), ("select 1 -- x", "*/"), ("select 1", "*/")],
)
def test_the_comment_is_part_of_the_statement(
    engine: sa.Engine, sent: list[str], monkeypatch: pytest.MonkeyPatch, statement: str, end: str
) -> None:
    monkeypatch.setenv("COSTLENS_COMMENTS", "1")
    costlens.instrument()
    with costlens.asset("x"), engine.begin() as connection:
        assert connection.exec_driver_sql(statement).scalar_one() == 1
    (text,) = sent
    assert text.endswith(end)
    assert codec.decode_comment(text) is not None
