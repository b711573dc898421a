"""The JSON log that dbt itself writes names every statement of every node: the reader agrees with dbt's comment in each."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from costlens_dbt.pull import Dbt, DbtSettings
from tests.integrations.orchestrators.standin import Warehouses
from tests.integrations.orchestrators.test_dbt import dbt, folder, installed, node_of, standin, warehouses

__all__ = ["folder", "installed", "standin", "warehouses"]


@pytest.mark.parametrize("target", ["snowflake", "bigquery"])
def test_every_statement_of_every_node_is_in_the_log(target: str, warehouses: Warehouses, folder: Path) -> None:
    warehouses.faults.failing["this model fails"] = -1
    for _ in range(2):  # the second time the incremental model is merged
        dbt(warehouses, folder, "build", "--target", target, DBT_LOG_FORMAT_FILE="json", DBT_LOG_LEVEL_FILE="debug")
    settings = DbtSettings(
        manifest=Path("manifest.json"), log="logs/dbt.log*", run_results=f"{target}/run_results.json"
    )
    batches = [*Dbt("dbt", settings, folder).pull({}, None, datetime.now(timezone.utc))]
    assert [problem for batch in batches for problem in batch.problems] == []
    said = {
        query.rpartition(".")[2]: one.asset
        for batch in batches
        for one in batch.materializations
        for query in one.query_ids
    }
    wanted = {
        one.id.rpartition(".")[2]: node_of(one) for one in warehouses.statements if one.is_metered and node_of(one)
    }
    assert {query: said.get(query) for query in wanted} == wanted
    assert {run.job for batch in batches for run in batch.runs} == {"dbt build"}
