"""Alerts: messages with what, who, why, how much and where to look, sent once through each channel."""

from __future__ import annotations
