"""Prints what tagging adds to a dbt run of 1,000 statements: `python bench/dbt_run.py`, after `tests/integrations/run.py dbt`.

dbt runs in its own environment against the stand-in of Snowflake, with and without, in turn, three times or as often as an argument says; CPU time is dbt's own process alone.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the stand-in lives with the tests

if TYPE_CHECKING:
    Warehouses = Any
else:
    from tests.integrations.orchestrators.standin import Warehouses

BIN = ROOT / ".venv-dbt" / "bin"
MODELS, HOOKS = 50, 19


def project(folder: Path) -> Path:
    """Write a project in which each model is a statement and so many hooks after it."""
    (folder / "models").mkdir(parents=True)
    hooks = [f"insert into shop.log select {number}" for number in range(HOOKS)]
    (folder / "dbt_project.yml").write_text(
        f"name: shop\nversion: '1.0'\nprofile: shop\nmodels: {{+materialized: view, +post-hook: {hooks}}}\n"
    )
    for number in range(MODELS):
        (folder / "models" / f"m{number}.sql").write_text(f"select {number} as id")
    return folder


def run(folder: Path, port: int, disabled: str) -> tuple[float, float]:
    """Run dbt once; return seconds of the clock and of the processor."""
    profiles = ROOT / "tests" / "integrations" / "orchestrators" / "dbt_shop" / "profiles"
    settings = {"STANDIN_PORT": str(port), "DBT_PROFILES_DIR": str(profiles), "COSTLENS_DISABLED": disabled}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command: list[str | Path] = [
        BIN / "python",
        "-m",
        "costlens.tagging",
        "--",
        BIN / "dbt",
        "--quiet",
        "run",
        "--threads",
        "4",
    ]
    subprocess.run(command, cwd=folder, env={**os.environ, **settings}, check=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended - started, cpu


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, Warehouses() as warehouses:
        folder = project(Path(name) / "shop")
        run(folder, warehouses.port, "1")  # parses
        taken: dict[str, list[tuple[float, float]]] = {"1": [], "0": []}
        for _ in range(rounds):
            for disabled, times in taken.items():
                warehouses.forget()
                times.append(run(folder, warehouses.port, disabled))
                tagged = sum("n" in statement.cl for statement in warehouses.statements)
                assert tagged == (0 if disabled == "1" else MODELS * (1 + HOOKS)), tagged
    print(f"{MODELS * (1 + HOOKS):,} statements{'clock, s':>16}{'processor, s':>16}")
    for label, key in (("without", "1"), ("with", "0")):
        clock, cpu = (statistics.median(column) for column in zip(*taken[key], strict=True))
        print(f"{label:16}{clock:16.2f}{cpu:16.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
