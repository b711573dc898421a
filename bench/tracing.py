"""Speed of `costlens blame`: a repository of SQL files read and opened, and a query traced where eleven near-duplicates stand beside it.

`python bench/tracing.py [--files 3000] [--most BYTES]` prints a line of JSON; CPU seconds of one process. The files are the statements
of tests/trace/data (of at most so many bytes) and near-duplicates of each that differ in one place.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
import time
from pathlib import Path

from eval_trace import load

from costlens.trace import FOUND, Tracer
from costlens.trace.files import Repository
from costlens.trace.store import Store

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def write(folder: Path, files: int, most: int) -> list[str]:
    """Write the repository; return the statements that near-duplicates stand beside."""
    rows = [row for row in load("bqetl_assets.jsonl.gz") if not row["jinja"] and row["kind"] != "script"]
    rows = [row for row in rows if len(row["sql"]) <= most]
    for number in range(files):
        row, copy = rows[number % len(rows)], number // len(rows)
        text = _near(row["sql"], random.Random(f"{row['asset']} {copy}")) if copy else row["sql"]
        _put(folder / f"copy_{copy}" / row["path"], text)
    return [row["sql"] for row in rows]


def _near(text: str, chance: random.Random) -> str:
    """Return the statement, its comments left out, with another name in one place."""
    text = _COMMENT.sub(" ", text)
    places = [found.span() for found in re.finditer(r"\b[a-z_]{5,}\b", text)]
    start, end = chance.choice(places)
    return f"{text[:start]}other_{chance.randrange(1000)}{text[end:]}"


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=3_000)
    parser.add_argument("--most", type=int, default=1_000_000)
    given = parser.parse_args()
    files = given.files
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        asked = write(home / "code", files, given.most)
        size = sum(path.stat().st_size for path in (home / "code").rglob("*.sql"))
        store, repository = Store(home / "code.db"), Repository(home / "code", name="code")
        times = []
        for _ in range(2):
            began = time.process_time()
            tracer = Tracer.open([repository], store)
            times.append(time.process_time() - began)
        took, found = [], 0
        for text in asked:
            began = time.process_time()
            found += tracer.trace(text).verdict == FOUND
            took.append((time.process_time() - began) * 1000)
    took.sort()
    told = {
        "files": files,
        "mb": round(size / 1e6, 1),
        "read_s": round(times[0], 2),
        "opened_s": round(times[1], 2),
        "queries": len(took),
        "found": found,
        "median_ms": round(statistics.median(took), 2),
        "p95_ms": round(took[int(len(took) * 0.95)], 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
