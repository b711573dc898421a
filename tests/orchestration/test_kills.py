"""A pull that is killed at any moment and run again: the same ledger as one that was not."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.forks import forking
from tests.orchestration.test_pulls import company_at, log_lines, state_of
from tests.sync.conftest import Company, small_export

COMMAND = ("sync", "--source", "dbt", "--config")
RUNS = "select run_id, status, started_at, ended_at from runs order by all"
TOLD = "select run_id, asset, query_ids from materializations order by all"
KILLS = 4


def prepared(folder: Path, export: Path, lines: list[str]) -> Company:
    """A synced company with several logs that are still to be pulled."""
    company = company_at(folder)
    (folder / "export").symlink_to(export)
    company.sync()
    for number in range(0, len(lines), 10):
        (folder / "logs" / f"{number:03}.log").write_text("".join(lines[number : number + 10]))
    return company


def everything(company: Company) -> tuple[Any, ...]:
    return (*state_of(company), company.sql(RUNS), company.sql(TOLD))


@pytest.mark.parametrize("seed", [5])
def test_kills(tmp_path: Path, seed: int) -> None:
    export = small_export(tmp_path / "export", "{t} >= '2026-10-01' and {t} < '2026-10-02'")
    probe = company_at(tmp_path / "probe")
    (probe.folder / "export").symlink_to(export)
    probe.sync()
    queries: list[tuple[str, datetime]] = probe.sql(
        "select query_id, ended_at from queries order by md5(query_id) limit 40"
    )
    lines = log_lines(queries)
    calm, killed = (prepared(tmp_path / name, export, lines) for name in ("calm", "killed"))
    chance, ended = random.Random(seed), 0
    with forking(tmp_path) as forks:
        work = forks.start(*COMMAND, str(calm.path)).done()
        for _ in range(KILLS):
            ended += forks.start(*COMMAND, str(killed.path)).killed_after(chance.uniform(0.1, 0.9) * work)
        assert ended, "at least one was killed"
        with killed.ledger() as ledger:
            ledger.database.engine.dispose()
        forks.start(*COMMAND, str(killed.path)).done()
    assert everything(killed) == everything(calm)
