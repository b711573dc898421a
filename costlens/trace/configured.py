"""The repositories that the configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from costlens.trace.files import Repository

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
