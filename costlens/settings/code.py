"""The section `code`: the repositories in which queries without a tag are looked for."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

KEY = "code"
_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)


class RepositorySettings(BaseModel):
    """A folder of code: a git repository, checked out or bare, or any folder."""

    model_config = _STRICT

    path: Path = Field(description="Folder; relative paths start from the folder of costlens.yml.")
    branch: str | None = Field(default=None, description="Branch that is deployed; default what is checked out.")
    include: list[str] = Field(default_factory=list, description="Only files whose path matches one of these globs.")
    exclude: list[str] = Field(default_factory=list, description="No files whose path matches one of these globs.")
    name: str | None = Field(default=None, description="What it is called; default the folder's name.")


class Settings(BaseModel):
    """Where queries are looked for."""

    model_config = _STRICT

    repositories: list[RepositorySettings] = Field(
        default_factory=list, description="Repositories whose code issues queries."
    )
