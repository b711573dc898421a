"""Dagster: statements tagged with the asset that is materialized; what its GraphQL API tells of assets and runs."""

from __future__ import annotations
