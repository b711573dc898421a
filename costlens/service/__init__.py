"""The service: scheduled pulls, anomalies, alerts and digests in one process, of which one replica works at a time."""

from __future__ import annotations
