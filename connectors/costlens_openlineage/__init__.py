"""OpenLineage: a receiver of events, files of events, and Marquez, as one orchestrator."""

from __future__ import annotations
