"""Makes the fields of Ibis' relations without checking each: they are made from the relation's own schema.

Ibis makes all of a relation's fields anew whenever one is asked for, and matches each against the types of its class: nine in ten of
the nodes that an hourly sync made were such fields.
"""

from __future__ import annotations

import ibis.expr.operations as ops
from ibis.common.collections import FrozenOrderedDict

_put = object.__setattr__


def quick_fields(relation: ops.Relation) -> FrozenOrderedDict[str, ops.Field]:
    """Return what `Relation.fields` returns, equal node by node."""
    relations = frozenset({relation})
    made: dict[str, ops.Field] = {}
    for name, dtype in relation.schema.items():
        field = object.__new__(ops.Field)
        arguments = (relation, name)
        _put(field, "rel", relation)
        _put(field, "name", name)
        _put(field, "dtype", dtype)
        _put(field, "relations", relations)
        _put(field, "__args__", arguments)
        _put(field, "__precomputed_hash__", hash((ops.Field, arguments)))
        made[name] = field
    return FrozenOrderedDict(made)


def install() -> None:
    """Have all relations of this process make their fields so; an Ibis whose fields are made of other parts stays as it is."""
    if ops.Field.__argnames__ == ("rel", "name") and set(ops.Field.__attributes__) == {"dtype", "relations"}:
        ops.Relation.fields = property(quick_fields)
