-- Commitments as they are now: slots that are paid for whether a reservation has them or not.
select
    region,
    project_id,
    capacity_commitment_id,
    commitment_plan,
    state,
    slot_count,
    edition
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.CAPACITY_COMMITMENTS
