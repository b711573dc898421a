"""Notes what was seen to be tagged, for the table in docs/tagging.md (`tests/tagging/integrations/matrix.py`)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def note(programs: Path, distribution: str, *calls: str) -> None:
    """Add a line per call: (distribution, its version in that environment, call); nothing without COSTLENS_MATRIX."""
    notes = os.environ.get("COSTLENS_MATRIX")
    if not notes:
        return
    code = f"import importlib.metadata; print(importlib.metadata.version({distribution!r}))"
    done = subprocess.run([programs / "python", "-c", code], capture_output=True, text=True, check=True)
    with Path(notes).open("a") as lines:
        lines.writelines(f"{distribution}\t{done.stdout.strip()}\t{call}\n" for call in calls)
