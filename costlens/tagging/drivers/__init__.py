"""What can be tagged: the drivers that carry tags, one module each, and the orchestrators that know what runs."""

from __future__ import annotations

from costlens.tagging.drivers import bigquery, databricks, orchestrators, snowflake, sqlalchemy
from costlens.tagging.patching import Driver

DRIVERS: tuple[Driver, ...] = (
    *snowflake.DRIVERS,
    *bigquery.DRIVERS,
    *databricks.DRIVERS,
    *sqlalchemy.DRIVERS,
    *orchestrators.DRIVERS,
)
