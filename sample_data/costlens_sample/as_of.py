"""The sample as it could be exported at some instant: late rows come later, restated ones come twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from costlens_sample import folder

#: View -> (column that says when the row's time ended, hours until it is shown); a day ends at the next midnight UTC.
LATENCY: Mapping[str, tuple[str, float]] = {
    "query_history": ("END_TIME", 0.75),
    "query_attribution_history": ("END_TIME", 6),
    "query_metering_history": ("QUERY_END_TIME", 1),
    "sessions": ("CREATED_ON", 3),
    "warehouse_events_history": ("TIMESTAMP", 3),
    "warehouse_metering_history": ("END_TIME", 3),
    "metering_history": ("END_TIME", 3),
    "metering_daily_history": ("USAGE_DATE", 3),
    "usage_in_currency_daily": ("USAGE_DATE", 48),
    "rate_sheet_daily": ("DATE", 24),
    "storage_daily_history": ("USAGE_DATE", 2),
    "database_storage_usage_history": ("USAGE_DATE", 3),
    "table_storage_metrics": ("USAGE_DATE", 0),
    "users": ("READ_ON", 0),
    "grants_to_users": ("READ_ON", 0),
    "jobs": ("end_time", 0.05),
    "jobs_timeline": ("job_end_time", 0.1),
    "reservations_timeline": ("period_start", 0.1),
    "streaming_timeline": ("start_timestamp", 1.1),
    "table_storage_usage_timeline": ("usage_date", 72),
    "billing_export": ("usage_date", 30),
    "capacity_commitments": ("snapshot_date", 0),
    "write_api_timeline": ("start_timestamp", 1.1),
}
_OTHERS = ("END_TIME", 3.0)  # the serverless views


#: By the columns of a key, its values -> when the row came, and what it said before.
_Late = dict[tuple[str, ...], dict[tuple[str | None, ...], tuple[datetime, dict[str, str] | None]]]


def export_as_of(instant: datetime, target: Path) -> None:
    """Write the exports of both sources as they stood at an aware instant: `snowflake/` and `bigquery/` in `target`.

    A view that has no row yet is written without rows. A restated row has its earlier figures until the restatement.
    """
    late = _read_late()
    for path in sorted(folder().glob("*/**/*.parquet")):
        there = pq.read_table(path)
        shown = _shown(there, path.stem, instant)
        kept = _with_late(there, shown, late[path.stem], instant) if path.stem in late else there.filter(shown)
        place = target / path.relative_to(folder())
        place.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(kept, place)


def _read_late() -> dict[str, _Late]:
    late: dict[str, _Late] = defaultdict(lambda: defaultdict(dict))
    for row in pq.read_table(folder() / "arrivals.parquet").to_pylist():
        key = json.loads(row["key"])
        before = json.loads(row["before"]) if row["before"] else None
        late[row["view"]][tuple(key)][tuple(key.values())] = (row["arrived_at"], before)
    return late


def _shown(rows: pa.Table, view: str, instant: datetime) -> Any:
    """Return which rows are there by the vendor's usual latency."""
    name, wait = LATENCY.get(view, _OTHERS)
    ended = rows[name]
    if pa.types.is_date(ended.type):
        last = (instant - timedelta(hours=wait)).astimezone(timezone.utc).date() - timedelta(days=1)
        return pc.less_equal(ended, pa.scalar(last, pa.date32()))
    return pc.less_equal(ended, pa.scalar(instant - timedelta(hours=wait), ended.type))


def _with_late(rows: pa.Table, shown: Any, late: _Late, instant: datetime) -> pa.Table:
    """Leave out what had not come yet, and give restated rows their earlier figures."""
    found = []
    for row, is_shown in zip(rows.to_pylist(), shown.to_pylist(), strict=True):
        arrived_at, before = _arrival(row, late)
        if arrived_at is None:
            if is_shown:
                found.append(row)
        elif instant >= arrived_at:
            found.append(row)
        elif before and is_shown:
            found.append({**row, **{name: Decimal(value) for name, value in before.items()}})
    return pa.Table.from_pylist(found, schema=rows.schema)


def _arrival(row: Mapping[str, Any], late: _Late) -> tuple[datetime | None, dict[str, str] | None]:
    for names, values in late.items():
        if hit := values.get(tuple(_plain(row[name]) for name in names)):
            return hit
    return None, None


def _plain(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)
