"""From a query to the place in the code that issued it: an index of repositories, a comparison token by token, a verdict."""

from __future__ import annotations

from costlens.trace.files import Repository
from costlens.trace.judge import FOUND, NEAR, UNKNOWN, Match, Trace
from costlens.trace.store import Store
from costlens.trace.tracer import Tracer

__all__ = ["FOUND", "NEAR", "UNKNOWN", "Match", "Repository", "Store", "Trace", "Tracer"]
