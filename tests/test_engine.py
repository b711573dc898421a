from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

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
