"""Answers of `costlens blame`: queries in, places in the code out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from costlens.errors import UsageError
from costlens.trace import FOUND, UNKNOWN, Repository, Store, Trace, Tracer

Asked = tuple[str, str]  # id, text


def read_queries(queries: Path | None, file: Path | None) -> list[Asked]:
    """Return the queries of a file of JSON lines, or the one text of a file."""
    if queries is None and file is None:
        raise UsageError("blame: nothing to look for: name a query with --queries FILE.jsonl or --file q.sql")
    asked = [(file.name, _text(file))] if file else []
    if queries:
        asked += [
            _asked(row, number, queries) for number, row in enumerate(_text(queries).splitlines(), 1) if row.strip()
        ]
    return asked


def answers(asked: Sequence[Asked], repositories: Sequence[Path], *, as_json: bool) -> Iterator[str]:
    """Yield one answer a query."""
    with Store(cache_file()) as store:
        tracer = Tracer.open([Repository(path) for path in repositories], store)
    for name, text in asked:
        row = answer(name, tracer.trace(text))
        yield json.dumps(row, ensure_ascii=False) if as_json else _line(row)


def answer(name: str, trace: Trace) -> dict[str, Any]:
    """Return an answer as a JSON object; only `found` is a claim, an unknown query has no path."""
    best = trace.best
    return {
        "id": name,
        "path": best.unit.path if best else None,
        "line": best.line if best else None,
        "score": round(trace.score, 4),
        "verdict": trace.verdict,
        "name": best.unit.name if best else None,
        "why": trace.why,
    }


def cache_file() -> Path:
    """Return where units of code are kept; the file may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "costlens" / "code.db"


def _line(row: dict[str, Any]) -> str:
    if row["verdict"] == UNKNOWN:
        return f"{row['id']}: unknown ({row['why']})"
    place = f"{row['path']}:{row['line']}" + (f" in {row['name']}" if row["name"] else "")
    return f"{row['id']}: {place}" if row["verdict"] == FOUND else f"{row['id']}: like {place} ({row['why']})"


def _asked(row: str, number: int, path: Path) -> Asked:
    try:
        body = json.loads(row)
        return str(body["id"]), str(body["sql"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"blame: {path}:{number} is no JSON object with `id` and `sql`: write one a line") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"blame: {path} cannot be read: {error.strerror}: name another file") from None
