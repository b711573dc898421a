"""Tells which relations have no rows by what they are made of: nothing need be written or run for them.

Few warehouses have all services: most of what is priced and attributed is made of tables that a ledger has no file of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import ibis.expr.operations as ops
from ibis.backends.sql.rewrites import Select
from ibis.common.graph import Node

_LIKE_PARENT = (
    *(
        ops.Project,
        ops.Filter,
        ops.Sort,
        ops.Limit,
        ops.Distinct,
        ops.DropColumns,
        ops.FillNull,
        ops.DropNull,
        ops.Sample,
    ),
    *(ops.SelfReference, ops.JoinReference, Select),
)
_NEEDS_BOTH = ("inner", "cross", "semi", "any_inner")


def without_rows(nodes: Iterable[Node], empty: Collection[str]) -> set[Node]:
    """Return those of `nodes`, each after what it is made of, that have no rows since the tables named `empty` have none."""
    found: set[Node] = set()
    for node in nodes:
        if isinstance(node, ops.Relation) and _has_none(node, empty, found):
            found.add(node)
    return found


def alone(nodes: Iterable[Node], found: Collection[Node]) -> dict[Node, Node]:
    """Return the unions of which one side is in `found`, each with what it is then: the other side."""
    sides: dict[Node, Node] = {}
    for node in nodes:
        if isinstance(node, ops.Union) and not node.distinct and (node.left in found) != (node.right in found):
            side = node.right if node.left in found else node.left
            sides[node] = sides.get(side, side)
    return sides


def _has_none(node: ops.Relation, empty: Collection[str], found: Collection[Node]) -> bool:
    if isinstance(node, ops.UnboundTable):
        return node.name in empty
    if isinstance(node, _LIKE_PARENT):
        return node.parent in found
    if isinstance(node, ops.Aggregate):
        return bool(node.groups) and node.parent in found
    if isinstance(node, ops.Union):
        return node.left in found and node.right in found
    if isinstance(node, ops.Difference):
        return node.left in found
    return isinstance(node, ops.JoinChain) and _joins_none(node, found)


def _joins_none(node: ops.JoinChain, found: Collection[Node]) -> bool:
    is_empty = node.first in found
    for link in node.rest:
        other = link.table in found
        if link.how in _NEEDS_BOTH:
            is_empty = is_empty or other
        elif link.how == "right":
            is_empty = other
        elif link.how == "outer":
            is_empty = is_empty and other
    return is_empty
