"""The drivers that can be tagged, one module each."""

from __future__ import annotations

from costlens.tagging.drivers import bigquery, databricks, snowflake, sqlalchemy
from costlens.tagging.patching import Driver

DRIVERS: tuple[Driver, ...] = (*snowflake.DRIVERS, *bigquery.DRIVERS, *databricks.DRIVERS, *sqlalchemy.DRIVERS)
