from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import duckdb
import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from costlens.engine import Engine
from costlens.model import Column

COLUMNS = (Column("name", "text"), Column("day", "day"), Column("amount", "decimal"))
AMOUNTS = st.decimals(min_value=-(10**20), max_value=10**20, places=12)
ROWS = st.lists(
    st.tuples(st.none() | st.text(), st.none() | st.integers(-(2**31), 2**31 - 1), st.none() | AMOUNTS), max_size=5
)


@settings(deadline=None)
@given(ROWS)
@example([("it's \x00 \\ \" $1 é 🎻", None, Decimal("0.000000000001"))])
def test_values_are_the_same_in_the_engine(rows: list[tuple[str | None, int | None, Decimal | None]]) -> None:
    with Engine(threads=1) as engine:
        found = [tuple(row.values()) for row in engine.rows(engine.values(rows, "given", COLUMNS))]
    assert found == rows


def test_values_are_given_and_read_without_pandas() -> None:
    script = (
        "import sys\n"
        "from costlens.engine import Engine\n"
        "from costlens.model import Column\n"
        "with Engine() as engine:\n"
        "    table = engine.values([('a',)], 'given', [Column('name', 'text')])\n"
        "    assert engine.rows(table) == [{'name': 'a'}]\n"
        "    engine.drop(table)\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_an_engine_ahead_has_what_its_statements_made_in_their_order() -> None:
    with Engine(ahead=True) as engine:
        steps = [engine.materialise(ibis.range(300_000).unnest().name("n").as_table(), "step")]
        for _ in range(20):
            steps.append(engine.materialise(steps[-1].mutate(n=steps[-1].n + 1), "step"))
        assert engine.rows(steps[-1].agg(n=steps[-1].n.sum()))[0]["n"] == 300_000 * 299_999 // 2 + 20 * 300_000


def test_what_fails_ahead_is_raised_by_whoever_asks_next_and_the_engine_goes_on() -> None:
    with Engine(ahead=True) as engine:
        missing = ibis.table({"n": "int64"}, name="nothing")
        engine.materialise(engine.materialise(missing, "first"), "second")
        with pytest.raises(duckdb.Error, match="nothing"):
            engine.connection.execute("select 1")
        made = engine.materialise(ibis.literal(3).name("n").as_table(), "made")
        assert engine.rows(made) == [{"n": 3}]


def test_an_engine_that_is_closed_ahead_waits_for_nothing() -> None:
    """What was not asked for is given up: an error must not wait for hours of work."""
    with Engine(ahead=True) as engine:
        million = engine.materialise(ibis.range(1_000_000).unnest().name("n").as_table(), "million")
        engine.materialise(million.cross_join(million.view()).agg(n=ibis._.count()), "trillion")
    with pytest.raises(duckdb.ConnectionException):
        engine.connection.execute("select 1")
