"""What is known to have no rows is left out of a statement, and the statement still says the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import ibis
import ibis.expr.types as ir
import pytest

from costlens import compiling
from costlens.engine import Engine
from costlens.model import TABLES

HELD = ibis.table({"a": "int64", "b": "string"}, name="held")
NONE = ibis.table({"a": "int64", "b": "string"}, name="none_held")
BOTH = ibis.union(HELD, NONE)

NOTHING: dict[str, ir.Table] = {
    "the table": NONE,
    "selected": NONE.filter(NONE.a > 1).mutate(c=NONE.a + 1).order_by("c").limit(3).drop("b").distinct(),
    "grouped": NONE.group_by("b").agg(n=NONE.count()),
    "joined": HELD.join(NONE, "a"),
    "joined the other way": NONE.left_join(HELD, "a"),
    "joined to the right": HELD.right_join(NONE, "a"),
    "joined on both sides": NONE.outer_join(NONE.view(), "a"),
    "met": HELD.semi_join(NONE, "a"),
    "crossed": HELD.cross_join(NONE.select(c="a")),
    "united": ibis.union(NONE, NONE.filter(NONE.a > 1)),
    "less": NONE.difference(HELD),
}
SOMETHING: dict[str, ir.Table] = {
    "summed": NONE.agg(n=NONE.count()),
    "joined": HELD.left_join(NONE, "a"),
    "joined to the right": NONE.right_join(HELD, "a"),
    "joined on both sides": HELD.outer_join(NONE, "a"),
    "not met": HELD.anti_join(NONE, "a"),
    "less": HELD.difference(NONE),
    "not in": HELD.filter(HELD.a.notin(NONE.a)),
    "united": BOTH,
    "united from both sides": ibis.union(NONE, HELD, NONE),
    "united and used twice": BOTH.join(BOTH.group_by("b").agg(n=BOTH.count()), "b"),
    "united within": BOTH.filter(BOTH.a > 1).join(BOTH.mutate(c=BOTH.a * 2).filter(ibis._.c > 4), "a"),
    "united and distinct": ibis.union(ibis.union(HELD, HELD), NONE, distinct=True),
    "united with what is joined": ibis.union(HELD, HELD.join(NONE, "a").select("a", "b"), BOTH.order_by("a").limit(1)),
    "made of a row": ibis.literal(1).name("n").as_table(),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        engine.connection.execute("create table held as from (values (1, 'x'), (2, null), (3, 'z')) v(a, b)")
        engine.connection.execute("create table none_held as from held where false")
        yield engine


def _rows(engine: Engine, sql: str) -> tuple[list[str], list[str]]:
    found = engine.connection.execute(sql)
    return [column[0] for column in found.description or []], sorted(map(repr, found.fetchall()))


def _compiled(expression: ir.Table, empty: Collection[str]) -> str:
    return compiling.compiled(expression, empty) or compiling.no_rows(expression)


@pytest.mark.parametrize("name", NOTHING)
def test_what_has_no_rows_is_known_not_to(engine: Engine, name: str) -> None:
    expression = NOTHING[name]
    assert compiling.compiled(expression, {"none_held"}) is None
    assert compiling.compiled(expression, {"another"}) is not None
    assert _rows(engine, compiling.no_rows(expression)) == _rows(engine, _compiled(expression, ()))


@pytest.mark.parametrize("name", SOMETHING)
def test_what_may_have_rows_has_the_same(engine: Engine, name: str) -> None:
    expression = SOMETHING[name]
    told, untold = compiling.compiled(expression, {"none_held"}), _compiled(expression, ())
    assert told is not None
    assert _rows(engine, told) == _rows(engine, untold)
    assert _rows(engine, told)[1]
    if "united" in name and "distinct" not in name:
        assert "none_held" in untold
        assert "none_held" not in told


def test_what_is_made_of_no_files_is_not_run() -> None:
    """Its table is there all the same, with the types that it would have."""
    with Engine() as engine:
        usage = engine.files(TABLES["usage"], [])
        sums = engine.materialise(usage.group_by("day", "unit").agg(units=usage.units.sum(), n=usage.count()), "sums")
        met = engine.materialise(sums.mutate(twice=sums.n * 2).filter(sums.n > 0), "met")
        assert compiling.compiled(met, engine._empty) is None
        assert engine.arrow(met).num_rows == 0
        types = engine.connection.execute(f"describe {met.get_name()}").fetchall()
        assert [(row[0], row[1]) for row in types] == [
            ("day", "INTEGER"),
            ("unit", "VARCHAR"),
            ("units", "DECIMAL(38,12)"),
            ("n", "BIGINT"),
            ("twice", "BIGINT"),
        ]
        both = ibis.union(met, met)
        assert engine.rows(both.agg(n=both.count())) == [{"n": 0}]


def test_engines_side_by_side_know_their_own_tables() -> None:
    """Both may call a table the same: what the one knows of it says nothing of the other's."""
    one = ibis.literal(1).name("n").as_table()
    with Engine() as engine:

        def work(other: Engine) -> list[dict[str, object]]:
            return other.rows(other.materialise(one, "same"))

        with engine.aside(work) as found:
            none = engine.materialise(engine.files(TABLES["usage"], []), "same")
            assert engine.rows(none) == []
        assert found.result() == [{"n": 1}]
