"""Spend anomalies: which series left its expected band, what drove it, and what people did about it."""

from __future__ import annotations
