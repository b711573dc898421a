"""The sample month: what `costlens demo` loads, and the answer it must give."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """Return the folder that holds `costlens.yml`, the exports, `truth.parquet` and `answer.json`."""
    return Path(str(files(__name__)))
