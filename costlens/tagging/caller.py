"""Finds the line of the user's code that issues a statement, and the version of that code."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

#: Frames to walk at most: a line that is further up says little of the statement.
DEPTH = 80
#: Variables in which build systems leave the commit.
VERSIONS = (
    "COSTLENS_CODE_VERSION",
    "GIT_COMMIT",
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "BUILDKITE_COMMIT",
    "DAGSTER_CLOUD_GIT_SHA",
    "SOURCE_VERSION",
)
_COMMIT = re.compile("[0-9a-f]{40,64}")
_PACKAGE = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(
    os.path.join(folder, "")  # noqa: PTH118  a prefix that ends in the separator
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")),
        str(_PACKAGE),
        str(_PACKAGE.parent / "connectors"),  # a checkout: the integrations live beside the package
    }
)


def is_wanted() -> bool:
    """Whether tags shall say which line issued the statement."""
    return os.environ.get("COSTLENS_CALLER") != "0"


def caller() -> tuple[str | None, str | None]:
    """Return `path:line` of the innermost frame that is no library, and the version of that code; None = not known."""
    frame = sys._getframe(1)
    for _ in range(DEPTH):
        found = user_place(frame.f_code.co_filename)
        if found is not None:
            path, root = found
            return f"{path}:{frame.f_lineno}", version(root)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None, version(None)


@lru_cache(maxsize=4096)
def user_place(filename: str) -> tuple[str, str | None] | None:
    """Return the path of a source file relative to its repository, and the repository; None for libraries and cells."""
    if filename.startswith("<") or "site-packages" in filename or "dist-packages" in filename:
        return None
    if "ipykernel_" in filename:  # a notebook's cell: its file name is another one in every session
        return None
    path = os.path.abspath(filename)  # noqa: PTH100  a string is all that is needed
    if path.startswith(_LIBRARIES):
        return None
    return place(path)


@lru_cache(maxsize=4096)
def place(path: str) -> tuple[str, str | None]:
    """Return an absolute path relative to its repository, and the repository; without one, relative to the current folder."""
    for folder in Path(path).parents:
        if (folder / ".git").exists():
            return Path(path).relative_to(folder).as_posix(), str(folder)
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118
    return (path[len(here) :] if path.startswith(here) else path).replace(os.sep, "/"), None


@lru_cache(maxsize=256)
def version(root: str | None) -> str | None:
    """Return the commit of the code: what the environment says, else what is checked out in the repository."""
    for name in VERSIONS:
        if value := os.environ.get(name):
            return value[:40]
    return _head(Path(root)) if root else None


def _head(root: Path) -> str | None:
    """Return the first 12 digits of HEAD's commit; reads files only."""
    try:
        git = root / ".git"
        if git.is_file():  # a worktree or submodule
            git = (root / git.read_text().partition("gitdir:")[2].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        common = git / "commondir"
        places = [git, (git / common.read_text().strip()).resolve()] if common.exists() else [git]
        commit = _commit(places, head[4:].strip()) if head.startswith("ref:") else head
    except (OSError, ValueError):  # no permission, no UTF-8: the tag does without
        return None
    return commit[:12] if commit and _COMMIT.fullmatch(commit) else None


def _commit(places: list[Path], ref: str) -> str | None:
    """Return the commit of a ref, which stands in a file of its own or in packed-refs."""
    for place in places:
        if (place / ref).is_file():
            return (place / ref).read_text().strip()
        packed = place / "packed-refs"
        for line in packed.read_text().splitlines() if packed.exists() else ():
            if line.endswith(f" {ref}"):
                return line.partition(" ")[0]
    return None
