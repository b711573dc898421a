"""Makes every Python of an environment tag its statements: a start file in its site-packages, and out again."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from costlens.errors import UsageError

#: Python below 3.15 runs the import line of a .pth file; from 3.15 on a .start file of the same name stands in for it (PEP 829).
FILES = {
    "costlens.pth": "import importlib.util as u; u.find_spec('costlens') and __import__('costlens.startup').startup.watch()\n",
    "costlens.start": "costlens.startup:watch\n",
}


def folder() -> Path:
    """Return the site-packages of this Python."""
    return Path(sysconfig.get_path("purelib"))


def install() -> list[Path]:
    """Write the start files; raises UsageError where the environment cannot be written."""
    paths = [folder() / name for name in FILES]
    try:
        for path in paths:
            path.write_text(FILES[path.name], encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{folder()}: cannot be written: {error.strerror}: run it as who owns the environment, or put "
            "`python -m costlens.tagging --` before the command"
        ) from error
    return paths


def uninstall() -> list[Path]:
    """Take the start files out; returns those that were there."""
    found = [path for name in FILES if (path := folder() / name).exists()]
    try:
        for path in found:
            path.unlink()
    except OSError as error:
        raise UsageError(
            f"{folder()}: cannot be written: {error.strerror}: run it as who owns the environment"
        ) from error
    return found
