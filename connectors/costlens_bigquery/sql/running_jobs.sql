-- Jobs of one region that run now. Jobs run for six hours at most, the view keeps half a year: without bounds it would be read whole.
-- `region` is no column of Google's: the reader puts in the region that it asked.
select
    region,
    project_id,
    job_id,
    start_time,
    creation_time,
    job_type,
    statement_type,
    user_email,
    state,
    total_bytes_processed,
    total_slot_ms,
    reservation_id,
    query
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.JOBS
where state = 'RUNNING'
    and creation_time >= timestamp_sub(current_timestamp(), interval 24 hour)
