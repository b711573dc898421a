"""The BigQuery export: jobs, timelines and storage per region, the billing export beside them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from costlens_sample.generate.bigquery_bill import (
    BILLING_EXPORT,
    STORAGE_TIMELINE,
    STREAMING_TIMELINE,
    Bill,
    make,
    slot_hours,
)
from costlens_sample.generate.bigquery_company import NUMBER, PROD, PROJECT, RESERVATIONS
from costlens_sample.generate.bigquery_jobs import Job, jobs
from costlens_sample.generate.clock import MINUTE, SINCE, utc
from costlens_sample.generate.files import Row, schema, write
from costlens_sample.generate.pacific import pacific_day
from costlens_sample.generate.slots import SECONDS, Run, asked, autoscaled, use
from costlens_sample.generate.snowflake_queries import parameterized_hash

MIB = 2**20
#: Hidden data set that results which nobody keeps land in.
_ANONYMOUS = parameterized_hash("anonymous")[:20]
#: Least that a query is billed for, in MiB, and per table it reads.
MINIMUM_MIB = 10

_ERROR = pa.struct([(name, pa.string()) for name in ("reason", "location", "debug_info", "message")])
_DML = pa.struct([(f"{name}_row_count", pa.int64()) for name in ("inserted", "deleted", "updated")])
_SESSION = pa.struct([("session_id", pa.string())])
_INFO = pa.struct([("query_hashes", pa.struct([("normalized_literals", pa.string())]))])

JOBS = schema(
    """
creation_time time
project_id text
project_number int
user_email text
principal_subject text
job_id text
job_type text
statement_type text
priority text
start_time time
end_time time
query text
state text
reservation_id text
edition text
total_bytes_processed int
total_bytes_billed int
total_slot_ms int
error_result error
cache_hit bool
destination_table table
referenced_tables tables
labels labels
parent_job_id text
session_info session
transaction_id text
dml_statistics dml
query_info info
""",
    {"error": _ERROR, "dml": _DML, "info": _INFO, "session": _SESSION},
)

JOBS_TIMELINE = schema("""
period_start time
period_slot_ms int
project_id text
project_number int
user_email text
job_id text
job_type text
statement_type text
parent_job_id text
job_creation_time time
job_start_time time
job_end_time time
state text
reservation_id text
edition text
""")


#: Views of what Encore does not have: commitments, and rows written through the Storage Write API.
UNUSED = {
    "capacity_commitments": schema(
        "snapshot_date date\nproject_id text\nproject_number int\ncapacity_commitment_id text\ncommitment_plan text\n"
        "state text\nslot_count int\nedition text\nis_flat_rate bool\nrenewal_plan text"
    ),
    "write_api_timeline": STREAMING_TIMELINE.append(pa.field("stream_type", pa.string())),
}


@dataclass(frozen=True)
class Project:
    """What ran, and what `prod` was scaled to, second by second."""

    runs: tuple[Run, ...]
    scaled: list[int]

    def of(self, region: str) -> list[Run]:
        return [run for run in self.runs if run.job.region == region]


def simulate() -> Project:
    """Run all jobs; children know their script."""
    runs: list[Run] = []
    for number, job in enumerate(jobs()):
        run = Run(job, _job_id(job, number))
        runs.append(run)
        for place, child in enumerate(job.children):
            runs.append(Run(child, f"script_job_{run.id}_{place}", run))
    used = asked(run.job for run in runs if run.job.reservation == "prod")
    use(runs, used)
    for run in runs:  # a script repeats the sum of its children
        if run.parent:
            for hour, slot_ms in run.slot_ms.items():
                run.parent.slot_ms[hour] += slot_ms
    return Project(tuple(runs), list(autoscaled(used)))


def _job_id(job: Job, number: int) -> str:
    prefix = {"LOAD": "load", "EXTRACT": "extract"}.get(job.kind, "bquxjob")
    return f"{prefix}_{job.at // MINUTE:x}_{number:05x}"


def query_id(run: Run) -> str:
    """Return the id that the ledger knows a job by."""
    return f"{PROJECT}:{run.job.region.upper()}.{run.id}"


def bytes_billed(job: Job) -> int:
    """Return what Google bills: whole MiB, 10 MiB per table and query at the least; nothing for the cache or an error.

    Under a reservation the figure is filled in too, and means nothing.
    """
    if job.kind != "QUERY" or job.is_cached or (job.error and job.error != "stopped"):
        return 0
    return max(MINIMUM_MIB * max(1, len(job.reads)), -(-job.processed // MIB)) * MIB


def is_on_demand(job: Job) -> bool:
    return job.kind == "QUERY" and job.reservation is None and job.statement_type != "SCRIPT"


def _table(name: str | None) -> Row | None:
    if name is None:
        return None
    dataset, _, table = name.partition(".")
    return {"project_id": PROJECT, "dataset_id": dataset, "table_id": table}


def _destination(run: Run) -> Row | None:
    if run.job.kind == "EXTRACT" or run.job.statement_type == "SCRIPT":
        return None
    return _table(run.job.target or f"_{_ANONYMOUS}.anon{run.id[-5:]}")


def _kind_of(user: str) -> str:
    return "serviceAccount" if user.endswith(".gserviceaccount.com") else "user"


def _reservation(job: Job) -> str | None:
    if job.reservation is None or job.reservation == "default-pipeline":
        return job.reservation
    return next(r.id for r in RESERVATIONS if r.name == job.reservation)


def _job(run: Run) -> Row:
    job = run.job
    error = {"reason": job.error, "location": "", "debug_info": "", "message": "Job failed"} if job.error else None
    billed = bytes_billed(job)
    return {
        "creation_time": utc(job.at),
        "project_id": PROJECT,
        "project_number": NUMBER,
        "user_email": job.user,
        "principal_subject": f"{_kind_of(job.user)}:{job.user}",
        "job_id": run.id,
        "job_type": job.kind,
        "statement_type": job.statement_type,
        "priority": "INTERACTIVE",
        "start_time": utc(job.start),
        "end_time": utc(job.end),
        "query": job.text or None,
        "state": "DONE",
        "reservation_id": _reservation(job),
        "edition": "ENTERPRISE" if job.reservation in ("prod", "bi") else None,
        "total_bytes_processed": None if job.is_hidden else job.processed,
        "total_bytes_billed": None if job.is_hidden else billed,
        "total_slot_ms": run.total_slot_ms,
        "error_result": error,
        "cache_hit": None if job.statement_type == "SCRIPT" or job.kind != "QUERY" else job.is_cached,
        "destination_table": _destination(run),
        "referenced_tables": [_table(name) for name in job.reads],
        "labels": [{"key": key, "value": value} for key, value in job.labels],
        "parent_job_id": run.parent.id if run.parent else None,
        "dml_statistics": {
            "inserted_row_count": job.slots * 900,
            "deleted_row_count": 0,
            "updated_row_count": job.slots,
        }
        if job.statement_type == "MERGE" and not job.error
        else None,
        "query_info": {"query_hashes": {"normalized_literals": parameterized_hash(job.text)}}
        if job.text and not job.error and not job.is_cached
        else None,
    }


def _timeline(run: Run) -> list[Row]:
    """One row per hour, where Google's view has one per second: the extraction query sums to hours anyway."""
    job = run.job
    return [
        {
            "period_start": utc(hour),
            "period_slot_ms": slot_ms,
            "project_id": PROJECT,
            "project_number": NUMBER,
            "user_email": job.user,
            "job_id": run.id,
            "job_type": job.kind,
            "statement_type": job.statement_type,
            "parent_job_id": run.parent.id if run.parent else None,
            "job_creation_time": utc(job.at),
            "job_start_time": utc(job.start),
            "job_end_time": utc(job.end),
            "state": "DONE",
            "reservation_id": _reservation(job),
            "edition": "ENTERPRISE" if job.reservation in ("prod", "bi") else None,
        }
        for hour, slot_ms in sorted(run.slot_ms.items())
        if slot_ms
    ]


def reservations_timeline(project: Project) -> pa.Table:
    """Return one row per reservation and minute; `period_autoscale_slot_seconds` is what the minute was charged."""
    minutes = SECONDS // 60
    starts = [SINCE + minute * MINUTE for minute in range(minutes)]
    charged = [sum(project.scaled[m * 60 : m * 60 + 60]) for m in range(minutes)]
    tables = []
    for reservation in RESERVATIONS:
        scaled = charged if reservation is PROD else [0] * minutes
        columns: dict[str, pa.Array] = {
            "period_start": pa.array(starts, pa.timestamp("ms", tz="UTC")),
            "project_id": pa.array([PROJECT] * minutes),
            "project_number": pa.array([NUMBER] * minutes, pa.int64()),
            "reservation_id": pa.array([reservation.id] * minutes),
            "reservation_name": pa.array([reservation.name] * minutes),
            "edition": pa.array(["ENTERPRISE"] * minutes),
            "ignore_idle_slots": pa.array([False] * minutes),
            "slot_capacity": pa.array([reservation.baseline] * minutes, pa.int64()),
            "slots_max_assigned": pa.array([reservation.baseline + reservation.autoscale] * minutes, pa.int64()),
            "period_autoscale_slot_seconds": pa.array(scaled, pa.int64()),
            "is_creation_region": pa.array([True] * minutes),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def charge(project: Project) -> Bill:
    """Return Google's bill: bytes on the Pacific day a job ended, slots on the day they were paid for."""
    tib: dict[tuple[date, str], float] = defaultdict(float)
    for run in project.runs:
        if is_on_demand(run.job):
            tib[(pacific_day(run.job.end), run.job.region)] += bytes_billed(run.job) / 2**40
    return make(dict(tib), slot_hours(project.scaled, sum(r.baseline for r in RESERVATIONS)))


def export(project: Project, bill: Bill, folder: Path) -> None:
    """Write `region-us/`, `region-eu/` and the billing export."""
    for region in ("us", "eu"):
        runs = project.of(region)
        ended = sorted(runs, key=lambda run: (run.job.end, run.id))
        rows = [_job(run) for run in ended]
        again = rows[1_000:1_008] if region == "us" else []  # a second, overlapping export
        write(folder / f"region-{region}/jobs.parquet", JOBS, [*rows, *again])
        lines = [row for run in ended for row in _timeline(run)]
        write(folder / f"region-{region}/jobs_timeline.parquet", JOBS_TIMELINE, lines)
        stored = bill.storage_rows(region)
        write(folder / f"region-{region}/table_storage_usage_timeline.parquet", STORAGE_TIMELINE, stored)
        for view, columns in UNUSED.items():
            write(folder / f"region-{region}/{view}.parquet", columns, [])
    write(folder / "region-us/streaming_timeline.parquet", STREAMING_TIMELINE, bill.streaming_rows())
    timeline = reservations_timeline(project)
    path = folder / "region-us/reservations_timeline.parquet"
    others = [name for name in timeline.column_names if name != "period_start"]
    pq.write_table(
        timeline,
        path,
        compression="zstd",
        use_dictionary=others,
        column_encoding={"period_start": "DELTA_BINARY_PACKED"},
        row_group_size=1_000_000,
    )
    write(folder / "billing_export.parquet", BILLING_EXPORT, bill.export_rows())
