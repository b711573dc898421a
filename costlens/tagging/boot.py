"""Runs a command so that every Python in it tags its statements: `costlens run --asset KEY -- CMD`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from costlens.errors import UsageError
from costlens.tagging.context import carrier

#: Folder whose sitecustomize turns tagging on.
SITE = Path(__file__).with_name("site")


def environment(
    base: Mapping[str, str], asset: str | Sequence[str] | None = None, team: str | None = None
) -> dict[str, str]:
    """Return an environment in which every Python tags its statements, with these assets where they are given."""
    if base.get("COSTLENS_DISABLED") == "1":
        return dict(base)
    others = [folder for folder in base.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != str(SITE)]
    assets = [asset] if isinstance(asset, str) else asset or ()
    return {**carrier(base, assets, team), "PYTHONPATH": os.pathsep.join([str(SITE), *others])}


def export() -> None:
    """Let every Python that this process starts tag its statements too: it inherits PYTHONPATH and COSTLENS_CONTEXT."""
    if os.environ.get("COSTLENS_DISABLED") != "1":
        os.environ["PYTHONPATH"] = environment(os.environ)["PYTHONPATH"]


def exec_command(argv: Sequence[str], asset: str | Sequence[str] | None = None, team: str | None = None) -> NoReturn:
    """Become the command; its exit code is this process's. Raises UsageError where it cannot be run."""
    if not argv:
        raise UsageError(
            "nothing to run: put the command after `--`, as in `costlens run --asset a/b -- python job.py`"
        )
    path = shutil.which(argv[0])
    if path is None:
        raise UsageError(f"{argv[0]}: command not found on PATH")
    try:
        os.execve(path, list(argv), environment(os.environ, asset, team))  # noqa: S606  it is what the user asked for
    except OSError as error:
        raise UsageError(f"{argv[0]}: cannot be run: {error.strerror}") from error
