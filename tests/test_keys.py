"""Numbers that stand for many columns: one for each combination, and what they stand for comes back."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.engine import Engine
from costlens.keys import is_unique, keyed
from costlens.model import Column

COLUMNS = (Column("at", "integer"), Column("a", "text"), Column("b", "text"), Column("n", "double"))
_SOME = st.none() | st.sampled_from(["", "a", "b", "ab", "a\0", "x" * 40])
_ROWS = st.lists(st.tuples(_SOME, _SOME, st.none() | st.sampled_from([0.0, 1.0, 0.5])), max_size=30)


def _table(rows: Sequence[tuple[object, ...]]) -> pa.Table:
    types = (pa.int64(), pa.string(), pa.string(), pa.float64())
    wide = [(at, *row) for at, row in enumerate(rows)]
    return pa.table({c.name: pa.array([row[i] for row in wide], types[i]) for i, c in enumerate(COLUMNS)})


@given(rows=_ROWS)
@pytest.mark.parametrize("held", [True, False])
def test_rows_have_one_number_where_all_columns_are_equal_and_get_them_back(
    held: bool, rows: list[tuple[str | None, str | None, float | None]]
) -> None:
    names = ("a", "b", "n")
    with Engine() as engine:
        numbered, kinds = keyed(engine.register(_table(rows), "rows", COLUMNS), names, "kind", engine, held=held)
        assert len(engine.rows(kinds)) == len(set(rows))
        back = engine.rows(numbered.select("at", "kind").join(kinds, "kind"))
        assert [tuple(row[name] for name in names) for row in sorted(back, key=lambda row: row["at"])] == rows


def test_a_number_that_stands_for_two_is_noticed() -> None:
    with Engine() as engine:
        rows = engine.register(_table([("a", "b", 1.0), ("a", "c", 1.0)]), "rows", COLUMNS)
        assert is_unique(rows, "b", engine)
        assert not is_unique(rows, "a", engine)
