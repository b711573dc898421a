"""The views of BigQuery that are read: their columns, how late they are, and the role that lets one read them."""

from __future__ import annotations

from datetime import timedelta

from costlens.connector import View, ViewColumn

_JOBS_ROLE = "roles/bigquery.resourceViewer and roles/bigquery.jobUser"
_ADMIN_ROLE = "roles/bigquery.resourceViewer on the project that administers the reservations"
_STORAGE_ROLE = "roles/bigquery.metadataViewer"
_BILL_ROLE = "roles/bigquery.dataViewer on the dataset of the billing export"

#: The longest that a job is waited for between creation and end; jobs run 6 hours at most, queued ones somewhat longer.
MARGIN = timedelta(days=2)


def _columns(text: str) -> tuple[ViewColumn, ...]:
    """Read `name type` lines; a name that ends in `!` is required."""
    columns = []
    for line in text.strip().splitlines():
        name, kind = line.split()
        columns.append(ViewColumn(name.rstrip("!"), kind, required=name.endswith("!")))  # type: ignore[arg-type]
    return tuple(columns)


JOBS = View(
    "jobs",
    _columns(
        """
        region text
        project_id! text
        job_id! text
        parent_job_id text
        creation_time! instant
        start_time instant
        end_time instant
        job_type text
        statement_type text
        user_email text
        principal_subject text
        cache_hit boolean
        error_result json
        total_bytes_processed integer
        total_bytes_billed integer
        total_slot_ms integer
        reservation_id text
        edition text
        labels json
        destination_table json
        referenced_tables json
        dml_statistics json
        session_info json
        transaction_id text
        query_info json
        query text
        """
    ),
    time_column="creation_time",
    latency=timedelta(minutes=10),
    pull="hourly",
    margin=MARGIN,
    essential=True,
    grant=_JOBS_ROLE,
    purpose="no job can be priced",
)

#: The same view of Google's, asked for what has not ended.
RUNNING_JOBS = View(
    "running_jobs",
    _columns(
        """
        region text
        project_id! text
        job_id! text
        start_time instant
        creation_time! instant
        job_type text
        statement_type text
        user_email text
        state text
        total_bytes_processed integer
        total_slot_ms integer
        reservation_id text
        query text
        read_on day
        """
    ),
    time_column="read_on",
    latency=timedelta(0),
    is_snapshot=True,
    grant=_JOBS_ROLE,
    purpose="jobs that cost much are seen when they have ended only",
)

JOBS_TIMELINE = View(
    "jobs_timeline",
    _columns(
        """
        region text
        project_id! text
        job_id! text
        parent_job_id text
        statement_type text
        reservation_id text
        job_creation_time! instant
        job_start_time instant
        job_end_time instant
        period_start! instant
        period_slot_ms integer
        """
    ),
    time_column="job_creation_time",
    latency=timedelta(minutes=10),
    pull="hourly",
    margin=MARGIN,
    grant=_JOBS_ROLE,
    purpose="reservations are shared by time instead of by slots used",
)

RESERVATIONS_TIMELINE = View(
    "reservations_timeline",
    _columns(
        """
        region text
        project_id! text
        reservation_id! text
        edition text
        is_creation_region boolean
        period_start! instant
        slot_capacity integer
        period_autoscale_slot_seconds integer
        """
    ),
    time_column="period_start",
    latency=timedelta(minutes=10),
    pull="hourly",
    grant=_ADMIN_ROLE,
    purpose="what reservations cost is not known",
)

CAPACITY_COMMITMENTS = View(
    "capacity_commitments",
    _columns(
        """
        snapshot_date! day
        region text
        project_id! text
        capacity_commitment_id! text
        commitment_plan text
        state text
        slot_count! integer
        edition text
        """
    ),
    time_column="snapshot_date",
    latency=timedelta(0),
    is_snapshot=True,
    grant=_ADMIN_ROLE,
    purpose="committed slots are priced as if they were paid as used",
)

TABLE_STORAGE_USAGE_TIMELINE = View(
    "table_storage_usage_timeline",
    _columns(
        """
        region text
        usage_date! day
        project_id! text
        table_schema! text
        table_name! text
        billable_active_logical_usage integer
        billable_long_term_logical_usage integer
        billable_active_physical_usage integer
        billable_long_term_physical_usage integer
        """
    ),
    time_column="usage_date",
    latency=timedelta(hours=72),
    pull="monthly",
    final_after=timedelta(days=4),
    grant=_STORAGE_ROLE,
    purpose="storage is not put on tables",
)


def _stream(name: str, purpose: str) -> View:
    return View(
        name,
        _columns(
            """
            region text
            project_id! text
            dataset_id! text
            table_id! text
            error_code text
            start_timestamp! instant
            total_rows integer
            total_input_bytes integer
            """
        ),
        time_column="start_timestamp",
        latency=timedelta(minutes=10),
        grant=_JOBS_ROLE,
        purpose=purpose,
    )


STREAMING_TIMELINE = _stream("streaming_timeline", "streaming inserts are not put on tables")
WRITE_API_TIMELINE = _stream("write_api_timeline", "the Storage Write API is not put on tables")

BILLING_EXPORT = View(
    "billing_export",
    _columns(
        """
        usage_date! day
        invoice_month! text
        project_id text
        location text
        service! text
        sku text
        cost_type text
        currency! text
        pricing_unit text
        amount decimal
        cost! decimal
        """
    ),
    time_column="usage_date",
    latency=timedelta(days=1),
    pull="monthly",
    final_after=timedelta(days=10),
    grant=_BILL_ROLE,
    purpose="charges cannot be reconciled with the invoice and use list prices",
)

VIEWS = (
    JOBS,
    JOBS_TIMELINE,
    RESERVATIONS_TIMELINE,
    CAPACITY_COMMITMENTS,
    TABLE_STORAGE_USAGE_TIMELINE,
    STREAMING_TIMELINE,
    WRITE_API_TIMELINE,
    BILLING_EXPORT,
)
