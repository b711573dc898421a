"""Fields made without checks are those that Ibis makes, for every kind of relation."""

from __future__ import annotations

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pytest
from ibis.common.collections import FrozenOrderedDict

from costlens.fields import quick_fields

ROWS = ibis.table({"a": "int64", "b": "!string", "c": "array<float64>"}, name="rows")
OTHER = ibis.table({"a": "int64", "d": "string"}, name="other")

RELATIONS: dict[str, ir.Table] = {
    "table": ROWS,
    "projection": ROWS.select(x=ROWS.a + 1, y="b"),
    "filter": ROWS.filter(ROWS.a > 1),
    "sort": ROWS.order_by("a"),
    "limit": ROWS.limit(1),
    "distinct": ROWS.select("a").distinct(),
    "groups": ROWS.group_by("b").agg(n=ROWS.count()),
    "join": ROWS.left_join(OTHER, "a"),
    "union": ibis.union(ROWS.select("a"), OTHER.select("a")),
    "view": ROWS.view(),
    "columns dropped": ROWS.drop("c"),
}


@pytest.mark.parametrize("name", RELATIONS)
def test_fields_are_those_of_ibis(name: str) -> None:
    relation = RELATIONS[name].op()
    made, own = quick_fields(relation), FrozenOrderedDict({k: ops.Field(relation, k) for k in relation.schema})
    assert list(made) == list(own)
    assert made == own
    assert hash(made) == hash(own)
    slots = {slot for kind in ops.Field.__mro__ for slot in getattr(kind, "__slots__", ())} - {"__weakref__"}
    assert {"rel", "name", "dtype", "relations", "__args__", "__precomputed_hash__"} <= slots
    for key, field in own.items():
        assert type(made[key]) is ops.Field
        assert {slot: getattr(made[key], slot, None) for slot in slots} == {
            slot: getattr(field, slot, None) for slot in slots
        }


def test_they_are_installed() -> None:
    """An Ibis that makes fields of other parts needs another `quick_fields`, or none."""
    assert ops.Relation.fields.fget is quick_fields
