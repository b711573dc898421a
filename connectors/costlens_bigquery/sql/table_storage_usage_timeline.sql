-- MiB-seconds of storage per table and billing day, which is a day in Pacific time.
-- Each dataset is billed by its logical or by its physical bytes; the other pair of columns is 0.
select
    region,
    usage_date,
    project_id,
    table_schema,
    table_name,
    billable_active_logical_usage,
    billable_long_term_logical_usage,
    billable_active_physical_usage,
    billable_long_term_physical_usage
from `{project}`.`region-{region}`.INFORMATION_SCHEMA.TABLE_STORAGE_USAGE_TIMELINE
where usage_date >= @since
    and usage_date < @until
