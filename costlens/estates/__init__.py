"""Loads the estate: assets from YAML and dbt manifests, teams and what they own, with conflicts told and not hidden."""

from __future__ import annotations

from costlens.estates.codeowners import CodeOwners, find_codeowners, parse_codeowners, read_codeowners
from costlens.estates.load import load_estate
from costlens.estates.ownership import ownership_rows
from costlens.estates.relations import Relations
from costlens.estates.team_names import TeamNames

__all__ = [
    "CodeOwners",
    "Relations",
    "TeamNames",
    "find_codeowners",
    "load_estate",
    "ownership_rows",
    "parse_codeowners",
    "read_codeowners",
]
