"""Sections of costlens.yml beside the sources: one module a section, found by its file; each holds `KEY` and `Settings`."""

from __future__ import annotations
