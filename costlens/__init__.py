"""CostLens: which asset, which team and which line of code spent the warehouse's money. Importing it loads nothing heavy."""

from __future__ import annotations

__version__ = "0.1.0"
