"""Our compiling says what Ibis' own does, for every operation that needs a rule, on rows."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pytest
from ibis.backends.sql import rewrites
from ibis.backends.sql.compilers.duckdb import compiler
from ibis.common.patterns import AnyOf, Pattern

from costlens import compiling
from costlens.engine import Engine

ROWS = ibis.table({"a": "int64", "b": "string", "c": "float64", "list_": "array<int64>"}, name="rows")
OTHER = ibis.table({"a": "int64", "d": "string"}, name="other")
#: What is used twice is written once.
SHARED = ROWS.filter(ROWS.a > 1).mutate(e=ROWS.a + 1)

EXPRESSIONS: dict[str, ir.Table] = {
    "the table": ROWS,
    "a row without a table": ibis.literal(3).name("n").as_table(),
    "renamed": ROWS.select(x=ROWS.a, y=(ROWS.c * 2).name("z")),
    "filtered": ROWS.filter(ROWS.a > 1, ROWS.b.notnull()),
    "filtered by both": ROWS.filter(ROWS.a > 1, ROWS.c == ROWS.c.max().over(group_by=ROWS.b), ROWS.b.notnull()),
    "filtered and joined": ROWS.filter(ROWS.a > 1).join(OTHER, "a").filter(ibis._.d != "z").select("a", "d"),
    "within a subquery": ROWS.filter(ROWS.a.isin(OTHER.filter(OTHER.a < 5).a), ROWS.a < OTHER.a.max()),
    "used twice": SHARED.filter(SHARED.e.isin(SHARED.filter(SHARED.a > 2).e)).order_by("e"),
    "ordered and limited twice": ROWS.order_by("a").limit(3).order_by(ROWS.a.desc()).limit(2),
    "named within": ROWS.mutate(x=(ROWS.a + 1).name("y")).filter(lambda rows: rows.x.name("z") > 2),
    "filtered by a window": ROWS.filter(ROWS.a == ROWS.a.max().over(group_by=ROWS.b)),
    "sorted": ROWS.order_by(ROWS.c.desc(), "a").limit(3),
    "distinct": ROWS.select("b").distinct(),
    "few dropped": ROWS.drop("c"),
    "most dropped": ROWS.drop("a", "c", "list_"),
    "nulls filled": ROWS.select("a", "b").fill_null({"b": "none"}),
    "nulls dropped": ROWS.drop_null(["b", "c"]),
    "numbered": ROWS.select("a", n=ibis.row_number().over(order_by=["a", "c"])),
    "ranked": ROWS.select("a", n=ibis.dense_rank().over(order_by="b"), m=ibis.ntile(2).over(order_by="a")),
    "first and nth": ROWS.select(
        "a",
        first=ROWS.b.first().over(order_by="a"),
        last=ROWS.b.last().over(order_by="a", rows=(None, None)),
        nth=ROWS.b.nth(1).over(order_by="a", rows=(None, None)),
    ),
    "running": ROWS.select(
        "a", so_far=ROWS.a.sum().over(order_by="a", rows=(None, 0)), next=ROWS.a.lead().over(order_by="a")
    ),
    "places": ROWS.select("a", at=ROWS.b.find("y"), in_list=ROWS.list_.index(3), of=ROWS.b.find_in_set(["xy", "z"])),
    "slices": ROWS.select("a", part=ROWS.b[1:3], capital=ROWS.b.capitalize()),
    "in nothing": ROWS.filter(ROWS.a.isin([])),
    "mapped": ROWS.select("a", more=ROWS.list_.map(lambda x, i: x + i), some=ROWS.list_.filter(lambda x, i: i > 0)),
    "grouped": ROWS.group_by("b").agg(n=ROWS.count(), most=ROWS.c.max(), some=ROWS.a.sum(where=ROWS.c > 1)),
    "unnested": ROWS.select("a", each=ROWS.list_.unnest()),
    "joined": ROWS.left_join(OTHER, "a").drop("a_right"),
    "joined with itself": SHARED.join(SHARED.view(), "a").select("a", "e"),
    "united with itself": ibis.union(SHARED, SHARED.filter(SHARED.e > 3)).group_by("b").agg(n=ibis._.count()),
    "within and without": ibis.union(
        ROWS.semi_join(OTHER, "a").select("a"), ROWS.anti_join(OTHER, "a").select("a"), OTHER.select("a")
    ),
    "differing": ROWS.select("a").difference(OTHER.select("a")).intersect(SHARED.select("a")),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine()
    run = engine.connection.execute
    run("create table rows as from (values (1, 'xy', 1.5, [1, 3]), (2, null, 2.5, [3]), (3, 'z', null, []), (4, 'xy', 0.5, [7, 8, 9]))"
        " v(a, b, c, list_)")  # fmt: skip
    run("create table other as from (values (1, 'one'), (3, 'three'), (5, 'five')) v(a, d)")
    yield engine
    engine.close()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_rows_are_those_of_ibis_own_compiling(engine: Engine, name: str) -> None:
    expression = EXPRESSIONS[name]
    own, ibis_own = compiling.compiled(expression) or "", str(compiler.to_sqlglot(expression).sql("duckdb"))
    rows = [engine.connection.execute(sql).fetchall() for sql in (own, ibis_own)]
    assert [column[0] for column in engine.connection.execute(own).description or []] == list(expression.columns)
    assert sorted(rows[0], key=repr) == sorted(rows[1], key=repr)
    assert rows[0] or name == "in nothing"


#: Rules of Ibis in whose place a writer of ours stands.
WRITTEN: dict[type, Pattern] = {
    ops.Alias: rewrites.remove_aliases,
    ops.Project: rewrites.project_to_select,
    ops.Filter: rewrites.filter_to_select,
    ops.Sort: rewrites.sort_to_select,
    ops.Distinct: rewrites.distinct_to_select,
    ops.DropColumns: rewrites.drop_columns_to_select,
}


def test_every_rule_of_ibis_has_its_place() -> None:
    """A rule that a later Ibis adds must not be left out in silence."""
    assert compiling._WRITERS.keys() == WRITTEN.keys()
    rules = (*compiling._RULES.values(), *WRITTEN.values())
    known = {id(pattern) for rule in rules for pattern in _parts(rule)}
    assert {id(rule) for rule in compiler.rewrites} <= known
    assert not compiler.post_rewrites
    code = rewrites.sqlize.__code__
    named = {name for name in code.co_names if name.endswith(("_to_select", "_aliases", "_firstvalue", "_parameter"))}
    held = {name for name, value in vars(rewrites).items() if id(value) in known}
    assert named - held == {"replace_parameter"}  # there are none in the pipeline
    assert ops.ScalarParameter not in compiling._RULES


def _parts(rule: Pattern) -> list[Pattern]:
    return [part for each in rule.patterns for part in _parts(each)] if isinstance(rule, AnyOf) else [rule]
