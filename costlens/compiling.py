"""Compiles Ibis expressions to DuckDB's SQL in one walk over their nodes, where Ibis' own way makes the graph anew five times.

Ibis first turns relations into selects of all their columns, and with them every node above, then tries each of some twenty patterns
on each: over half of what an hourly sync cost. The rules for values are Ibis' own and so is what writes the SQL of values, joins and
groups; projections, filters and their like are written here as they stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql import rewrites
from ibis.common.graph import Node
from ibis.common.patterns import NoMatch, Pattern

from costlens import emptiness
from costlens.compilers import compiler

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: What a node of a type may have to become before it can be written.
_RULES: dict[type[Node], Pattern] = {
    **compiler.lowered_ops,
    ops.FillNull: rewrites.fill_null_to_select,
    ops.DropNull: rewrites.drop_null_to_select,
    ops.WindowFunction: rewrites.add_order_by_to_empty_ranking_window_functions
    | rewrites.one_to_zero_index
    | rewrites.first_to_firstvalue,
    ops.StringFind: rewrites.one_to_zero_index,
    ops.FindInSet: rewrites.one_to_zero_index,
    ops.ArrayPosition: rewrites.one_to_zero_index,
    ops.InValues: rewrites.empty_in_values_right_side,
    ops.NthValue: rewrites.add_one_to_nth_value_input,
    ops.ArrayMap: rewrites.subtract_one_from_array_map_filter_index,
    ops.ArrayFilter: rewrites.subtract_one_from_array_map_filter_index,
}
#: A relation of these that is used twice is written once.
_SHARED = (
    *(ops.Project, ops.Filter, ops.Sort, ops.Distinct, ops.DropColumns, rewrites.Select),
    *(ops.Aggregate, ops.JoinChain, ops.Set, ops.Limit, ops.Sample),
)
_NO_USE = (ops.Field, ops.CountStar, ops.CountDistinctStar)


def compiled(expression: ir.Table, empty: Collection[str] = ()) -> str | None:
    """Return the DuckDB SQL of an expression, None where it has no rows since the tables named `empty` have none.

    Selects are not merged and nothing is printed prettily: DuckDB does the one itself and far faster, nobody needs the other.
    """
    root = expression.op()
    parts = _parts(root)
    if any(_lowered(node) is not node for node in parts if type(node) in _RULES):
        root = root.replace(_lower)
        parts = _parts(root)
    found = emptiness.without_rows(parts, empty) if empty else set()
    if root in found:
        return None
    sides = emptiness.alone(parts, found)
    root = sides.get(root, root)
    return str(_query(root, _parts(root, sides) if sides else parts, sides).sql("duckdb", copy=False))


def no_rows(expression: ir.Table) -> str:
    """Return SQL of the columns of an expression without a row."""
    columns = expression.schema().items()
    picked = (
        f"null::{compiler.type_mapper.to_string(kind)} as {sg.to_identifier(name, quoted=True)}"
        for name, kind in columns
    )
    return f"select {', '.join(picked)} where false"


def _lower(node: Node, changed: dict[str, Any] | None) -> Node:
    return _lowered(node.__recreate__(changed) if changed else node)


def _lowered(node: Node) -> Node:
    rule = _RULES.get(type(node))
    found = NoMatch if rule is None else rule.match(node, {})
    return node if found is NoMatch else found


def _parts(root: Node, sides: Mapping[Node, Node] | None = None) -> dict[Node, tuple[Node, ...]]:
    """Return all nodes below a node with those that each is made of, these before it; the `sides` of unions stand for them."""
    made_of: dict[Node, tuple[Node, ...]] = {}
    ordered: dict[Node, tuple[Node, ...]] = {}
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if node in ordered:
            waiting.pop()
        elif node in made_of:
            ordered[waiting.pop()] = made_of[node]
        else:
            used = _nodes(node.__args__)
            made_of[node] = tuple(sides.get(part, part) for part in used) if sides else tuple(used)
            waiting.extend(part for part in made_of[node] if part not in ordered)
    return ordered


def _nodes(values: Iterable[Any]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple | list):
            yield from _nodes(value)
        elif isinstance(value, dict):
            yield from _nodes(value.values())


def _shared(parts: Mapping[Node, tuple[Node, ...]]) -> set[Node]:
    """Return the relations that are used more than once."""
    seen: set[Node] = set()
    twice: set[Node] = set()
    for node, used in parts.items():
        if isinstance(node, ops.AliasedRelation):
            twice.add(node)
        if not isinstance(node, _NO_USE):
            for part in used:
                (twice if part in seen and isinstance(part, _SHARED) else seen).add(part)
    return twice


def _query(root: Node, parts: Mapping[Node, tuple[Node, ...]], sides: Mapping[Node, Node]) -> sge.Query:
    shared = _shared(parts)
    unions: dict[Node, list[Node]] = {}
    for union, side in sides.items():
        unions.setdefault(side, []).append(union)
    names = itertools.count()
    steps: list[sge.CTE] = []
    written: dict[Node, Any] = {}
    for node in parts:
        values = {name: _of(value, written) for name, value in zip(node.__argnames__, node.__args__, strict=True)}
        made = _WRITERS.get(type(node), compiler.visit_node)(node, **values)
        if node is not root and isinstance(node, ops.Relation):
            alias = node.name if isinstance(node, ops.AliasedRelation) else f"t{next(names)}"
            name = sg.to_identifier(alias, quoted=True)
            if node in shared:
                steps.append(sge.CTE(alias=name, this=made.this if isinstance(made, sge.Subquery) else made))
                made = sge.Table(this=name).as_(f"t{next(names)}", quoted=True, table=True, copy=False)
            elif isinstance(made, sge.Table):
                made = made.as_(name, quoted=True, table=True)
            else:
                made = (made.this if isinstance(made, sge.Subquery) else made).subquery(name, copy=False)
        written |= dict.fromkeys((node, *unions.get(node, ())), made)
    return _with(_select(written[root]), steps)


def _of(value: Any, written: Mapping[Node, Any]) -> Any:
    if isinstance(value, Node):
        return written[value]
    if isinstance(value, tuple | list):
        return tuple(_of(each, written) for each in value)
    if isinstance(value, dict):
        return {key: _of(each, written) for key, each in value.items()}
    return value


def _select(made: Any) -> sge.Query:
    query: Any = sg.select("*", copy=False).from_(made, copy=False) if isinstance(made, sge.Table) else made
    found: sge.Query = query.this if isinstance(query, sge.Subquery) else query
    return found


def _with(query: sge.Query, steps: Iterable[sge.CTE]) -> sge.Query:
    for step in steps:
        query = query.with_(step.args["alias"], as_=step.this, dialect=compiler.dialect, copy=False)
    return query


def _all_of(parent: sge.Expression) -> sge.Select:
    return sg.select(sge.Star(), copy=False).from_(parent, copy=False)


def _project(_: ops.Project, *, parent: sge.Expression, values: dict[str, sge.Expression]) -> sge.Select:
    return sg.select(*compiler._cleanup_names(values), copy=False).from_(parent, copy=False)


def _filter(node: ops.Filter, *, parent: sge.Expression, predicates: tuple[sge.Expression, ...]) -> sge.Select:
    rows = _all_of(parent)
    for predicate, sql in zip(node.predicates, predicates, strict=True):
        is_window = predicate.find(ops.WindowFunction, filter=ops.Value)
        rows = rows.qualify(sql, copy=False) if is_window else rows.where(sql, copy=False)
    return rows


def _sort(_: ops.Sort, *, parent: sge.Expression, keys: tuple[sge.Expression, ...]) -> sge.Select:
    return _all_of(parent).order_by(*keys, copy=False)


def _distinct(_: ops.Distinct, *, parent: sge.Expression) -> sge.Select:
    return _all_of(parent).distinct(copy=False)


def _drop(node: ops.DropColumns, *, parent: sge.Expression, columns_to_drop: frozenset[str]) -> sge.Select:
    if len(columns_to_drop) < len(node.schema) // 2:  # the shorter of the two
        some: sge.Select = compiler.visit_DropColumns(node, parent=parent, columns_to_drop=columns_to_drop)
        return some
    kept = (compiler.visit_Field(node, rel=parent, name=name) for name in node.schema)
    return sg.select(*kept, copy=False).from_(parent, copy=False)


def _alias(_: ops.Alias, *, arg: sge.Expression, name: str) -> sge.Expression:
    return arg


_WRITERS: dict[type[Node], Callable[..., Any]] = {
    ops.Alias: _alias,
    ops.Project: _project,
    ops.Filter: _filter,
    ops.Sort: _sort,
    ops.Distinct: _distinct,
    ops.DropColumns: _drop,
}
