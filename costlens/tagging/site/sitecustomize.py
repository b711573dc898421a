"""Runs at the start of every Python under `costlens run`: turns tagging on, then runs the user's own sitecustomize."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path

with contextlib.suppress(ImportError):  # an interpreter that has no CostLens runs as it is
    from costlens.startup import watch

    watch()

sys.path[:] = [folder for folder in sys.path if folder != str(Path(__file__).parent)]
_ours = sys.modules.pop("sitecustomize", None)
if importlib.util.find_spec("sitecustomize") is not None:
    importlib.import_module("sitecustomize")
elif _ours is not None:
    sys.modules["sitecustomize"] = _ours
