"""Notes what was seen to be tagged, for the table in docs/tagging.md (`tests/tagging/integrations/matrix.py`)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.tagging.integrations import matrix

NOTES = os.environ.get("COSTLENS_MATRIX")  # each test's environment is cleaned of it


def note(programs: Path, distribution: str, *calls: str) -> None:
    """Note each call as tagged, by the version in that environment; where no tables are made, see that the page says so."""
    code = f"import importlib.metadata; print(importlib.metadata.version({distribution!r}))"
    done = subprocess.run([programs / "python", "-c", code], capture_output=True, text=True, check=True)
    for call in calls:
        matrix.note(NOTES, distribution, done.stdout.strip(), call, "tagged")
