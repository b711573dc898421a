-- What reservations were billed for, summed from minutes to hours in the warehouse: 1 row per reservation, edition and hour.
-- slot_capacity becomes slot-minutes of baseline; of a reservation with disaster recovery only its creation region pays the baseline.
select
    timeline.region,
    timeline.project_id,
    timeline.reservation_id,
    timeline.edition,
    logical_or(timeline.is_creation_region) as is_creation_region,
    timestamp_trunc(timeline.period_start, hour) as period_start,
    sum(if(timeline.is_creation_region is false, 0, timeline.slot_capacity)) as slot_capacity,
    sum(timeline.period_autoscale_slot_seconds) as period_autoscale_slot_seconds
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.RESERVATIONS_TIMELINE as timeline
where timeline.period_start >= @since
    and timeline.period_start < @until
group by
    timeline.region,
    timeline.project_id,
    timeline.reservation_id,
    timeline.edition,
    timestamp_trunc(timeline.period_start, hour)
