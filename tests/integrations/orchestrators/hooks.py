"""Asks an orchestrator's own environment whether it notices a fault in any code of our hooks (`hook_faults.py`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.tagging.breaking import TRUSTED


def check_hooks(programs: Path, orchestrator: str, trusted: set[str]) -> None:
    """See that it notices a fault in what is `trusted` alone, and that all code of the hooks was broken."""
    script = Path(__file__).with_name("hook_faults.py")
    done = subprocess.run([programs / "python", script, orchestrator], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert trusted <= {*said["felt"]} <= trusted | TRUSTED
    assert not said["missed"]
    assert "secret" not in done.stderr
