"""Airflow: statements tagged with the outlets of their task; what its REST API tells of DAGs, tasks and assets."""

from __future__ import annotations
