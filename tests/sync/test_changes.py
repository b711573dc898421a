"""What a pull brought beside what the ledger holds."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import ibis.expr.types as ir
import pytest

from costlens.changes import change_of
from costlens.engine import Engine, unbound
from costlens.ingest import Staged
from costlens.model import SHAPES
from costlens.windows import Window

DAY = 20_000
WINDOW = Window(datetime(2024, 10, 4, tzinfo=timezone.utc), datetime(2024, 10, 5, tzinfo=timezone.utc))


def rows(engine: Engine, *told: tuple[str, str]) -> ir.Table:
    """Return rows of `shapes` of one shape, a row per query id and text."""
    names = unbound(SHAPES).columns
    known = {"source": "prod", "day": DAY, "feed": "query_history", "shape": "s", "database": "D", "schema": "P"}
    listed = [[{**known, "query_id": id_, "text": text}.get(name) for name in names] for id_, text in told]
    return engine.values(listed, "told", SHAPES.columns)


@pytest.mark.parametrize("told", [[("a", "y"), ("a", "w"), ("b", "x")], [("a", "w"), ("a", "y"), ("b", "x")]])
def test_a_shapes_sample_does_not_depend_on_the_order_of_what_was_told(
    tmp_path: Path, told: list[tuple[str, str]]
) -> None:
    with Engine() as engine:
        path = tmp_path / "shapes.parquet"
        engine.write(rows(engine, *told[:2]), SHAPES, path)
        before = rows(engine, *told[2:])
        staged = Staged("prod", {(SHAPES.name, "query_history"): [path]}, {"query_history": WINDOW})
        change = change_of(engine, lambda *_: before, staged, SHAPES.name)
        assert change.rows is not None
        assert [(row["query_id"], row["text"]) for row in engine.rows(change.rows)] == [("a", "w")]
