"""Loads the estate: assets from YAML and dbt manifests, teams and what they own, with conflicts told and not hidden."""

from __future__ import annotations

from costlens.estates.load import load_estate
from costlens.estates.ownership import ownership_rows
from costlens.estates.relations import Relations

__all__ = ["Relations", "load_estate", "ownership_rows"]
