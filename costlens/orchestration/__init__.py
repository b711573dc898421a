"""Pulls orchestrators: their runs become facts, their assets and owners part of the estate, and what they say is attributed."""

from __future__ import annotations

from costlens.orchestration.pulling import Pulled, catalogs, estate_of, pull

__all__ = ["Pulled", "catalogs", "estate_of", "pull"]
