"""What several modules of tests start from, made once for a whole run of the suite: by the worker that asks first, the others wait."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder that `make` fills, for looking only."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = root / f"shared-{name}", root / f"shared-{name}.made"
    with (root / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed, or its process ends
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
            make(folder)
            made.touch()
    return folder


def _demo(folder: Path) -> None:
    tool = Path(sys.executable).parent / "costlens"
    done = subprocess.run([tool, "demo", "--dir", folder / "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "said.txt").write_text(done.stdout, encoding="utf-8")


def demo(factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the configuration of the sample month, loaded by `costlens demo`, in a copy to do with as one likes; and what that printed."""
    made = once(factory, "demo", _demo)
    copy = shutil.copytree(made / "demo", factory.mktemp("copy") / "demo")
    return copy / "costlens.yml", (made / "said.txt").read_text(encoding="utf-8")
