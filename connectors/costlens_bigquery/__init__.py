"""The BigQuery connector: jobs, reservations, storage and the billing export, live or from exported files."""

from __future__ import annotations

from costlens_bigquery.connector import BigQuery

__all__ = ["BigQuery"]
