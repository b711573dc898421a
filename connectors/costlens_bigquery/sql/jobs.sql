-- Ended jobs of one region. The view is partitioned by creation_time, a job counts when it ends: the window is read wider than wanted.
-- SCRIPT parents are kept for their labels and text; what they used is said again by their children and left out later.
-- Jobs that still run have no end_time, and so no time within any window.
-- `region` is no column of Google's: the reader puts in the region that it asked.
select
    region,
    project_id,
    job_id,
    parent_job_id,
    creation_time,
    start_time,
    end_time,
    job_type,
    statement_type,
    user_email,
    principal_subject,
    cache_hit,
    error_result,
    total_bytes_processed,
    total_bytes_billed,
    total_slot_ms,
    reservation_id,
    edition,
    labels,
    destination_table,
    referenced_tables,
    dml_statistics,
    session_info,
    transaction_id,
    query_info,
    query
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.JOBS
where creation_time >= @since
    and creation_time < @until
