"""Reads the sample's files as a stranger would: Parquet and JSON, without the generator."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pyarrow.parquet as pq

from costlens_sample import folder

Rows = list[dict[str, Any]]


@cache
def read(name: str) -> Rows:
    """Return the rows of a Parquet file of the sample, `snowflake/query_history` for example."""
    rows: Rows = pq.read_table(folder() / f"{name}.parquet").to_pylist()
    return rows


def unique(rows: Rows, *key: str) -> Rows:
    """Return each key's first row: the exports hold some rows twice."""
    return list({tuple(row[name] for name in key): row for row in rows}.values())


def queries() -> Rows:
    """Return Snowflake's queries once each, with the instant `started` at which they began to execute."""
    waits = (
        "COMPILATION_TIME",
        "QUEUED_PROVISIONING_TIME",
        "QUEUED_REPAIR_TIME",
        "QUEUED_OVERLOAD_TIME",
        "LIST_EXTERNAL_FILES_TIME",
    )
    found = []
    for row in unique(read("snowflake/query_history"), "QUERY_ID"):
        waited: timedelta = timedelta(milliseconds=sum(row[name] for name in waits))
        found.append({**row, "started": row["START_TIME"] + waited})
    return found


def jobs() -> Rows:
    """Return BigQuery's jobs of both regions once each, with their `region`."""
    return [
        {**row, "region": region}
        for region in ("us", "eu")
        for row in unique(read(f"bigquery/region-{region}/jobs"), "job_id")
    ]


def hour_of(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
