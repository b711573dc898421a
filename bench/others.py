"""Statements that are nearly those of the code and are others: a claim that they come from it is false."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

import sqlglot
from sqlglot import exp

Change: TypeAlias = "Callable[[exp.Expr, random.Random], bool]"


def _one(tree: exp.Expr, chance: random.Random, *kinds: type[exp.Expr]) -> exp.Expr | None:
    found = list(tree.find_all(*kinds))
    return chance.choice(found) if found else None


def column(tree: exp.Expr, chance: random.Random) -> bool:
    """Another column."""
    return _renamed(_one(tree, chance, exp.Column), "another_column")


def table(tree: exp.Expr, chance: random.Random) -> bool:
    """Another table."""
    parts = {cte.alias for cte in tree.find_all(exp.CTE)}
    found = [one for one in tree.find_all(exp.Table) if one.name and one.name not in parts]
    return _renamed(chance.choice(found) if found else None, "another_table")


def _renamed(node: exp.Expr | None, name: str) -> bool:
    if node is None:
        return False
    node.set("this", exp.to_identifier(name))
    return True


def text(tree: exp.Expr, chance: random.Random) -> bool:
    """Another text."""
    found = [one for one in tree.find_all(exp.Literal) if one.is_string and len(one.this) > 2 and one.this.isalpha()]
    if found:
        chance.choice(found).replace(exp.Literal.string("another text"))
    return bool(found)


def number(tree: exp.Expr, chance: random.Random) -> bool:
    """Another number."""
    found = [one for one in tree.find_all(exp.Literal) if one.is_number]
    if found:
        chance.choice(found).replace(exp.Literal.number(4711))
    return bool(found)


def one_less(tree: exp.Expr, chance: random.Random) -> bool:
    """A text fewer in a list."""
    lists = [one for one in tree.find_all(exp.In) if len(one.expressions) > 2]
    lists = [one for one in lists if all(isinstance(item, exp.Literal) and item.is_string for item in one.expressions)]
    if lists:
        held = chance.choice(lists)
        held.set("expressions", held.expressions[1:])
    return bool(lists)


def null_more(tree: exp.Expr, chance: random.Random) -> bool:
    """A NULL more in a list."""
    lists = [one for one in tree.find_all(exp.In) if len(one.expressions) > 1]
    if lists:
        chance.choice(lists).append("expressions", exp.Null())
    return bool(lists)


def condition_less(tree: exp.Expr, chance: random.Random) -> bool:
    """A condition fewer."""
    node = _one(tree, chance, exp.And)
    if isinstance(node, exp.And):
        node.replace(chance.choice([node.left, node.right]))
    return node is not None


def condition_more(tree: exp.Expr, chance: random.Random) -> bool:
    """A condition more."""
    found = [one for one in tree.find_all(exp.Select) if one.args.get("where")]
    if found:
        chance.choice(found).where("another_flag = 'yes'", copy=False)
    return bool(found)


def join(tree: exp.Expr, chance: random.Random) -> bool:
    """Another kind of join."""
    found = [one for one in tree.find_all(exp.Join) if one.args.get("on") or one.args.get("using")]
    if found:
        one = chance.choice(found)
        one.set("side", "" if one.side else "LEFT")
    return bool(found)


def negation(tree: exp.Expr, chance: random.Random) -> bool:
    """IN for NOT IN."""
    found = [one for one in tree.find_all(exp.In, exp.Like) if not isinstance(one.parent, exp.Not)]
    if found:
        one = chance.choice(found)
        one.replace(exp.Not(this=one.copy()))
    return bool(found)


def aggregate(tree: exp.Expr, chance: random.Random) -> bool:
    """The least for the sum or the greatest."""
    node = _one(tree, chance, exp.Sum, exp.Max, exp.Avg)
    if node is not None:
        node.replace(exp.Min(this=node.this))
    return node is not None


OTHERS: dict[str, Change] = {
    "another column": column,
    "another table": table,
    "another text": text,
    "another number": number,
    "a text fewer in a list": one_less,
    "a NULL more in a list": null_more,
    "a condition fewer": condition_less,
    "a condition more": condition_more,
    "another kind of join": join,
    "in, not in": negation,
    "another aggregate": aggregate,
}


def other(sql: str, change: Change, chance: random.Random, dialect: str = "bigquery") -> str | None:
    """Return the statement with one change, None where it has no place for it or is no single statement."""
    try:
        tree = sqlglot.parse_one(sql, read=dialect)
        before = tree.sql(dialect)
        after = tree.sql(dialect) if change(tree, chance) else before
    except sqlglot.ParseError:
        return None
    return after if after != before else None
