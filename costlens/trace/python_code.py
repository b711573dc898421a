"""SQL in Python: strings, f-strings, `.format`, `%` and concatenation, each with its function and line."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from costlens.trace.fragment import Fragment, looks_like_sql
from costlens.trace.lexicon import MARKS

_FORMAT = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
_HOLE = MARKS["hole"]
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def fragments(text: str) -> Iterator[Fragment]:
    """Yield the strings of a program that look like SQL; nothing where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # strange escapes in others' code
            found = list(_Reader().read(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from found


class _Reader:
    def read(self, tree: ast.Module) -> Iterator[Fragment]:
        yield from self._block(tree.body, None)

    def _block(self, body: list[ast.stmt], scope: str | None) -> Iterator[Fragment]:
        grown: dict[str, tuple[str, int, str]] = {}
        for statement in body:
            name = _grows(statement)
            if name and name in grown and isinstance(statement, ast.AugAssign):
                text, line, _ = grown[name]
                grown[name] = (f"{text}{_text(statement.value)[0]}", line, "concatenation")
                continue
            if name and isinstance(statement, ast.Assign):
                if name in grown:
                    yield from _checked(*grown.pop(name), scope)
                whole = _text(statement.value)
                if whole[1] != "other":
                    grown[name] = (whole[0], statement.value.lineno, whole[1])
                    continue
            yield from self._statement(statement, scope)
        for found in grown.values():
            yield from _checked(*found, scope)

    def _statement(self, statement: ast.AST, scope: str | None) -> Iterator[Fragment]:
        if isinstance(statement, _SCOPES):
            inner = f"{scope}.{statement.name}" if scope else statement.name
            for decorator in statement.decorator_list:
                yield from self._expression(decorator, scope)
            if not isinstance(statement, ast.ClassDef):
                yield from self._expression(statement.args, inner)
            body = statement.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                body = body[1:]  # what documents a function is not run
            yield from self._block(body, inner)
            return
        for field, value in ast.iter_fields(statement):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield from self._block(value, scope)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, (ast.ExceptHandler, ast.match_case)):
                        yield from self._statement(item, scope)
                    elif isinstance(item, ast.AST):
                        yield from self._expression(item, scope)
            elif isinstance(value, ast.AST) and field != "ctx":
                yield from self._expression(value, scope)

    def _expression(self, node: ast.AST, scope: str | None) -> Iterator[Fragment]:
        if isinstance(node, ast.expr):
            text, kind = _text(node)
            if kind != "other":
                if found := list(_checked(text, node.lineno, kind, scope)):
                    yield from found
                    return
                if isinstance(node, (ast.Constant, ast.JoinedStr)):
                    return
        for child in ast.iter_child_nodes(node):
            yield from self._expression(child, scope)


def _grows(statement: ast.stmt) -> str | None:
    """Return the name that a statement sets or adds to."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _checked(text: str, line: int, kind: str, scope: str | None) -> Iterator[Fragment]:
    if looks_like_sql(text):
        yield Fragment(text, line, kind, scope)


def _text(node: ast.AST) -> tuple[str, str]:
    """Return the text that an expression makes, holes where it is not known, and how; ("", "other") if it makes none."""
    if isinstance(node, ast.Constant):
        return (node.value, "string") if isinstance(node.value, str) else ("", "other")
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part) for part in node.values), "f-string"
    if isinstance(node, ast.BinOp):
        return _operation(node)
    if isinstance(node, ast.Call):
        return _call(node)
    return "", "other"


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else _HOLE


def _operation(node: ast.BinOp) -> tuple[str, str]:
    left, how = _text(node.left)
    if isinstance(node.op, ast.Mod) and how != "other":
        return left.replace("%%", "%"), "percent"  # its %s are marks already
    if isinstance(node.op, ast.Add):
        right, other = _text(node.right)
        if how != "other" or other != "other":
            return (left if how != "other" else _HOLE) + (right if other != "other" else _HOLE), "concatenation"
    return "", "other"


def _call(node: ast.Call) -> tuple[str, str]:
    function = node.func
    if isinstance(function, ast.Attribute):
        text, how = _text(function.value)
        if function.attr == "format" and how != "other":
            return _FORMAT.sub(lambda found: {"{{": "{", "}}": "}"}.get(found.group(), _HOLE), text), "format"
        if function.attr in {"strip", "lstrip", "rstrip", "replace", "lower", "upper"} and how != "other":
            return text, how
        if (
            function.attr == "join"
            and how == "string"
            and node.args
            and isinstance(node.args[0], (ast.List, ast.Tuple))
        ):
            parts = [_text(item) for item in node.args[0].elts]
            return text.join(part if kind != "other" else _HOLE for part, kind in parts), "concatenation"
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in {"dedent", "cleandoc", "text"} and node.args:
        return _text(node.args[0])
    return "", "other"
