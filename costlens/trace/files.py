"""The files of a repository at a time: its folder as it lies, or a commit read from git; each with the hash of its content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from hashlib import blake2b
from pathlib import Path

from costlens.errors import SourceError
from costlens.trace.git import Git
from costlens.trace.store import Store
from costlens.trace.units import MAX_BYTES, is_read

_SKIPPED_FOLDERS = frozenset(
    (".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", "site-packages", "dbt_packages")
)
#: What dbt makes of the code: the same statements once more.
_MADE = re.compile(r"(?:^|/)(?:target/(?:compiled|run)/|(?:manifest|run_results|catalog|semantic_manifest)\.json$)")


@dataclass(frozen=True)
class Repository:
    """A folder of code; `branch` is looked at instead of what is checked out, `include` and `exclude` are globs of paths."""

    path: Path
    branch: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    name: str = ""

    def wants(self, path: str) -> bool:
        """Tell whether a file is to be read."""
        if (
            not is_read(path)
            or _MADE.search(path)
            or (self.include and not any(fnmatch(path, glob) for glob in self.include))
        ):
            return False
        return not any(fnmatch(path, glob) for glob in self.exclude)


@dataclass(frozen=True)
class Listing:
    """The files of a repository: (path, key of the content) in order; `commit` where they are of one."""

    repository: Repository
    commit: str | None
    files: tuple[tuple[str, str], ...]


def commit_of(repository: Repository, when: datetime | None, git: Git | None) -> str | None:
    """Return the commit that a repository is read at, None for its folder as it lies: where no instant and no branch is asked for."""
    if git is None or not (when is not None or repository.branch or git.is_bare):
        return None
    commit = git.commit_at(when, repository.branch)
    if commit is None and repository.branch:
        raise SourceError(f"{repository.path} has no branch {repository.branch!r}: name one that `git branch -a` lists")
    return commit


def listing(repository: Repository, store: Store, commit: str | None, git: Git | None) -> Listing:
    """List a repository at a commit, or its folder as it lies."""
    path = repository.path
    if git and commit:
        files = [(name, blob) for name, blob in git.tree(commit) if repository.wants(name)]
        return Listing(repository, commit, tuple(sorted(files)))
    if not path.is_dir():
        raise SourceError(f"{path} is no folder: name a folder with code, or a git repository")
    names = git.work_files() if git and not git.is_bare else []
    wanted = [name for name in names or _walk(path) if repository.wants(name)]
    return Listing(repository, None, tuple(_keyed(path, sorted(wanted), store)))


def contents(listed: Listing, missing: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """Yield the contents of files of a listing."""
    if listed.commit:
        yield from Git(listed.repository.path).blobs([key for _, key in missing])
        return
    for name, _ in missing:
        yield _bytes(listed.repository.path / name)


def _keyed(root: Path, names: Sequence[str], store: Store) -> Iterator[tuple[str, str]]:
    """Yield names with the hash of their content; a file whose size and time are as they were is not read."""
    seen = store.stats(str(root.resolve()))
    now: dict[str, tuple[int, int, str]] = {}
    for name in names:
        path = root / name
        try:
            stat = path.lstat()
        except OSError:
            continue  # listed by git, gone from the folder
        if not path.is_file() or path.is_symlink() or stat.st_size > MAX_BYTES:
            continue
        before = seen.get(name)
        if before and before[:2] == (stat.st_size, stat.st_mtime_ns):
            now[name] = before
        else:
            now[name] = (stat.st_size, stat.st_mtime_ns, blake2b(_bytes(path), digest_size=20).hexdigest())
        yield name, now[name][2]
    if now != seen:
        store.remember(str(root.resolve()), now)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in files:
            yield Path(folder, name).relative_to(root).as_posix()
