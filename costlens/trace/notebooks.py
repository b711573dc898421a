"""SQL in notebooks: cells of Python, and cells that a magic makes SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from costlens.trace import python_code
from costlens.trace.fragment import Fragment, looks_like_sql

_SQL_MAGIC = re.compile(r"%%(?:sql|bigquery|snowflake|bq|sparksql|athena)\b[^\n]*\n?|%sql\s", re.IGNORECASE)


def fragments(text: str) -> Iterator[Fragment]:
    """Yield what cells hold; the lines are those of the notebook's file."""
    try:
        book = json.loads(text)
    except (ValueError, RecursionError):
        return
    cells = book.get("cells") if isinstance(book, dict) else None
    place = 0
    for number, cell in enumerate(cells if isinstance(cells, list) else []):
        source = cell.get("source", "") if isinstance(cell, dict) else ""
        lines = source if isinstance(source, list) else [source]
        code = "".join(line for line in lines if isinstance(line, str))
        if not code:
            continue
        at = text.find(json.dumps(lines[0], ensure_ascii=False), place)
        at = at if at >= 0 else text.find(json.dumps(lines[0]), place)
        place = max(at, place)
        first = text.count("\n", 0, place) + 1
        name = f"cell {number + 1}"
        if cell.get("cell_type") == "code":
            yield from _cell(code, first, name, one_line=not isinstance(source, list))


def _cell(code: str, first: int, name: str, *, one_line: bool) -> Iterator[Fragment]:
    magic = _SQL_MAGIC.match(code.lstrip())
    if magic:
        yield Fragment(code.lstrip()[magic.end() :], first + (0 if one_line else 1), "notebook", name)
        return
    plain = re.sub(r"^[ \t]*[%!?][^\n]*", "pass", code, flags=re.MULTILINE)
    for found in python_code.fragments(plain):
        inside = f"{name}, {found.name}" if found.name else name
        yield replace(found, line=first + (0 if one_line else found.line - 1), kind="notebook", name=inside)
    if looks_like_sql(code) and not any(True for _ in python_code.fragments(plain)):
        yield Fragment(code, first, "notebook", name)
