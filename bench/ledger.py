"""`make bench`: from a Parquet export to attributed charges, a later hourly sync, the report; prints a table, judges nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from world import HOURLY, START

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".bench"
COSTLENS = Path(sys.executable).parent / "costlens"
CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
sources:
  - {name: bench, type: snowflake, export: ./export, rates: {compute: 3.00, currency: USD}}
"""


def run(*arguments: str, memory: str = "") -> tuple[float, float]:
    """Run the command line and return its seconds and its largest memory in MB."""
    environment = {**os.environ, **({"COSTLENS_MEMORY": memory} if memory else {})}
    # An installed package has its modules compiled; this variable would have each command compile all of ours again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.monotonic()
    process = subprocess.Popen([str(COSTLENS), *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"costlens {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024


def world(queries: int, text_length: int, memory: str) -> list[tuple[str, float, float]]:
    folder = FOLDER / f"{queries}-{text_length}"
    if not (folder / "export" / "sessions.parquet").exists():
        # In a process of its own: a child counts what its parent held when it was made as its own memory.
        subprocess.run(
            [sys.executable, "-m", "world", str(folder / "export"), str(queries), str(text_length)],
            cwd=HERE,
            check=True,
        )
    for view in HOURLY:
        (folder / "export" / view / "2.parquet").unlink(missing_ok=True)
    for old in (folder / "lake", folder / "costlens.db"):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    (folder / "costlens.yml").write_text(CONFIG)
    config = ["--config", str(folder / "costlens.yml")]
    name = f"{queries:,} queries of {text_length} characters"
    rows = [(f"{name}: first sync", *run("sync", *config, "--as-of", "2026-11-01", memory=memory))]
    for view in HOURLY:
        (folder / "export" / view / "2.parquet").hardlink_to(folder / "later" / view / "2.parquet")
    rows.append((f"{name}: sync of two more hours", *run("sync", *config, "--as-of", "2026-11-01T01:00")))
    rows.append((f"{name}: report", *run("report", *config, "--month", START[:7])))
    return rows


def main() -> None:
    """Print the table; `--large` adds ten million queries."""
    rows = [("costlens --help", *run("--help")), ("costlens --version", *run("--version"))]
    rows += world(1_000_000, 300, "1200MB")
    rows += world(1_000_000, 1000, "1200MB")
    if "--large" in sys.argv:
        rows += world(10_000_000, 300, "2400MB")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"commit {commit}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    print(f"| {'what':48} | seconds | MB |\n|{'-' * 50}|--------:|---:|")
    for what, seconds, memory in rows:
        print(f"| {what:48} | {seconds:7.1f} | {memory:,.0f} |")


if __name__ == "__main__":
    main()
