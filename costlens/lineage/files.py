"""Statements from a file of JSON lines, their lineage as lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from costlens.errors import UsageError
from costlens.lineage import Lineage, read_many


def lineage_lines(path: Path, dialect: str, *, as_json: bool) -> Iterator[str]:
    """Yield one line per query of a file, in its order: JSON, or text for people. Raises UsageError with the place."""
    rows = list(_rows(path))
    for spoken, group in groupby(rows, key=lambda row: str(row.get("dialect") or dialect).lower()):
        held = list(group)
        for row, lineage in zip(held, read_many([row["sql"] for row in held], spoken), strict=True):
            yield _json(row["id"], lineage) if as_json else _text(row["id"], lineage)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"lineage: {path} cannot be read ({type(error).__name__}): UTF-8 JSON lines are wanted"
        ) from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise UsageError(f"lineage: {path}, line {number}: not valid JSON: one object a line") from None
        if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("sql"), str):
            raise UsageError(f"lineage: {path}, line {number}: `id` and a text `sql` are wanted")
        yield row


def _json(number: object, lineage: Lineage) -> str:
    return json.dumps(
        {"id": number, "targets": list(lineage.targets), "sources": list(lineage.sources)}, ensure_ascii=False
    )


def _text(number: object, lineage: Lineage) -> str:
    written, read = (", ".join(names) or "-" for names in (lineage.targets, lineage.sources))
    return f"{number}: {lineage.verb or 'nothing'}: {written} <- {read}"
