"""Numbers that stand for many columns of a row: joins and groups then carry one number where they would carry twenty texts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

from costlens.engine import Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir


@ibis.udf.scalar.builtin(name="hash", signature=((None,), "uint64"))  # type: ignore[untyped-decorator]
def _hash(value: Any) -> Any:
    """DuckDB's hash of a value, here a struct."""


def keyed(
    rows: ir.Table, names: Sequence[str], key: str, engine: Engine, *, held: bool = False
) -> tuple[ir.Table, ir.Table]:
    """Return rows with a column `key`, a number equal where all of `names` are, and what each number stands for: key and `names`.

    The number is a hash, so that no row looks another up; that no two are alike is checked. `held` rows are worked out once.
    """
    for salt in itertools.count():
        struct = ibis.struct({"salt": ibis.literal(salt, "int64"), **{name: rows[name] for name in names}})
        numbered = rows.mutate(**{key: _hash(struct)})
        if held:
            numbered = engine.materialise(numbered, f"by_{key}")
        kinds = engine.materialise(numbered.select(key, *names).distinct(), f"kinds_of_{key}")
        if is_unique(kinds, key, engine):
            break
    return numbered, kinds


def is_unique(rows: ir.Table, key: str, engine: Engine) -> bool:
    """Tell whether no two rows have the same `key`."""
    repeated = rows.group_by(key).agg(n=rows.count())
    return not engine.rows(repeated.filter(repeated.n > 1).limit(1))
