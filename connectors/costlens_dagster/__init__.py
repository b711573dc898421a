"""Dagster: statements tagged with the asset that is materialized."""

from __future__ import annotations
