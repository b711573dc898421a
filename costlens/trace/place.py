"""Tells of a place in the code who wrote it and who owns it, at the commit that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from costlens.estates.codeowners import PLACES, CodeOwners, find_codeowners, parse_codeowners, read_codeowners
from costlens.trace.files import Listing
from costlens.trace.git import Git, Written
from costlens.trace.judge import Match


@dataclass(frozen=True)
class Place:
    """A place in the code: from `line` to `end_line` of a file, in a function or model, at a commit (None = as it lies there)."""

    repository: str
    path: str
    line: int
    end_line: int
    name: str | None
    kind: str
    commit: str | None
    written: Written | None = None
    owners: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        """How the place is named in one word: file:line."""
        return f"{self.path}:{self.line}"


def place_of(match: Match, listed: Listing, *, ask_git: bool = True) -> Place:
    """Return the place of a match in a listing, with who owns it by CODEOWNERS, and who wrote it by `git blame`."""
    repository = listed.repository
    unit = match.unit
    written = None
    if ask_git and (git := _git(repository.path)):
        written = git.blame(unit.path, match.line, match.end_line, listed.commit)
    return Place(
        repository.name or repository.path.resolve().name,
        unit.path,
        match.line,
        match.end_line,
        unit.name,
        unit.kind,
        listed.commit,
        written,
        owners_of(unit.path, listed),
    )


def owners_of(path: str, listed: Listing) -> tuple[str, ...]:
    """Return who owns a file of a listing by the CODEOWNERS file of its commit."""
    rules, prefix = _rules(listed.repository.path, listed.commit)
    owned = rules.of(prefix + path)
    return owned.owners if owned else ()


@lru_cache(maxsize=64)
def _git(path: Path) -> Git | None:
    return Git.at(path)


def _rules(path: Path, commit: str | None) -> tuple[CodeOwners, str]:
    """Return the rules of a repository, and what a path in the folder begins with when seen from its root."""
    if commit:
        return _rules_at(path, commit)
    git = _git(path)
    found = find_codeowners((git.root() if git else None) or path)
    return (read_codeowners(found) if found else CodeOwners()), git.prefix() if git else ""


@lru_cache(maxsize=256)
def _rules_at(path: Path, commit: str) -> tuple[CodeOwners, str]:
    git = Git(path)
    for name in PLACES:
        text = git.text(commit, name)
        if text is not None:
            return parse_codeowners(text, "gitlab" if name.startswith(".gitlab") else None), git.prefix()
    return CodeOwners(), git.prefix()


def segment(place: Place, listed: Listing, *, most: int = 8) -> str:
    """Return the lines of a place, at most the first few; "" where they cannot be read."""
    root = listed.repository.path
    if listed.commit:
        git = _git(root)
        text = git.text(listed.commit, git.prefix() + place.path) if git else None
    else:
        try:
            text = (root / place.path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = None
    lines = (text or "").split("\n")
    return "\n".join(lines[place.line - 1 : min(place.end_line, place.line - 1 + most)])
