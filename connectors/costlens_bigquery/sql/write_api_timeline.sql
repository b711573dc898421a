-- Rows written through the Storage Write API, summed from minutes to hours in the warehouse: 1 row per table and hour.
-- Only what was stored is billed: error_code is OK where it was.
select
    timeline.region,
    timeline.project_id,
    timeline.dataset_id,
    timeline.table_id,
    timeline.error_code,
    timestamp_trunc(timeline.start_timestamp, hour) as start_timestamp,
    sum(timeline.total_rows) as total_rows,
    sum(timeline.total_input_bytes) as total_input_bytes
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.WRITE_API_TIMELINE as timeline
where timeline.start_timestamp >= @since
    and timeline.start_timestamp < @until
    and timeline.error_code = 'OK'
group by
    timeline.region,
    timeline.project_id,
    timeline.dataset_id,
    timeline.table_id,
    timeline.error_code,
    timestamp_trunc(timeline.start_timestamp, hour)
