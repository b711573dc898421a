-- Slot-milliseconds of jobs on reservations, summed from seconds to hours in the warehouse: 1 row per job and hour.
-- Bytes are left out: the view repeats those of the whole job on every second. Jobs without reservation are billed by bytes.
-- statement_type <> 'SCRIPT' alone would drop loads and copies, which have none.
select
    timeline.region,
    timeline.project_id,
    timeline.job_id,
    timeline.parent_job_id,
    timeline.statement_type,
    timeline.reservation_id,
    timeline.job_creation_time,
    min(timeline.job_start_time) as job_start_time,
    max(timeline.job_end_time) as job_end_time,
    timestamp_trunc(timeline.period_start, hour) as period_start,
    sum(timeline.period_slot_ms) as period_slot_ms
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.JOBS_TIMELINE as timeline
where timeline.job_creation_time >= @since
    and timeline.job_creation_time < @until
    and timeline.reservation_id is not null
    and (timeline.statement_type is null or timeline.statement_type <> 'SCRIPT')
group by
    timeline.region,
    timeline.project_id,
    timeline.job_id,
    timeline.parent_job_id,
    timeline.statement_type,
    timeline.reservation_id,
    timeline.job_creation_time,
    timestamp_trunc(timeline.period_start, hour)
