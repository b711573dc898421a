"""The code that the configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from costlens.trace.code import Code
from costlens.trace.files import Repository
from costlens.trace.store import Store, cache_file

if TYPE_CHECKING:
    from costlens.settings.code import Settings


def repositories(base: Path, settings: Settings) -> list[Repository]:
    """Return the repositories of the section `code`; relative paths start from `base`."""
    return [
        Repository(
            (base / one.path).resolve(),
            one.branch,
            tuple(one.include),
            tuple(one.exclude),
            one.name or one.path.name or one.path.resolve().name,
        )
        for one in settings.repositories
    ]


def code_of(base: Path, settings: Settings) -> Code:
    """Return the code of the section `code`; it is false where none is named."""
    found = repositories(base, settings)
    return Code(found, Store(cache_file() if found else None))
