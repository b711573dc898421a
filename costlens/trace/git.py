"""What is asked of git: files, texts at a commit without a checkout, who wrote a line. Works on bare and dirty repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from costlens.errors import SourceError

#: No prompt, no pager, no hook or filter of the repository's own runs.
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


@dataclass(frozen=True)
class Written:
    """The commit that last touched a line."""

    commit: str
    author: str
    email: str
    at: datetime
    summary: str


class Git:
    """One repository, by a folder in it (or its bare folder)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def at(cls, path: Path) -> Git | None:
        """Return the repository that a folder lies in; None if it lies in none, or git is not installed."""
        git = cls(path)
        try:
            return git if git._ask("rev-parse", "--git-dir", check=False).strip() else None
        except FileNotFoundError:
            return None

    @property
    def is_bare(self) -> bool:
        return self._ask("rev-parse", "--is-bare-repository").strip() == b"true"

    def work_files(self) -> list[str]:
        """Return the files under the folder that are tracked, or new and not ignored."""
        listed = self._ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name]

    def commit_at(self, when: datetime | None, branch: str | None = None) -> str | None:
        """Return the commit that was the newest of a branch at an instant; the first one where none is as old."""
        ref = branch or "HEAD"
        before = [] if when is None else [f"--before={int(when.timestamp())}"]
        found = self._ask("rev-list", "-1", "--first-parent", *before, ref, "--", check=False).decode().strip()
        if not found and when is not None:
            roots = self._ask("rev-list", "--max-parents=0", ref, "--", check=False).decode().split()
            found = roots[-1] if roots else ""
        return found or None

    def tree(self, commit: str) -> list[tuple[str, str]]:
        """Return (path, blob) of the files of a commit that lie under the folder, paths from the folder."""
        listed = self._ask("ls-tree", "-r", "-z", commit)
        found = []
        for entry in listed.split(b"\0"):
            meta, _, name = entry.partition(b"\t")
            mode, _, rest = meta.partition(b" ")
            if name and rest.startswith(b"blob ") and mode != b"120000":
                found.append((name.decode("utf-8", "surrogateescape"), rest[5:].decode()))
        return found

    def blobs(self, names: Sequence[str]) -> Iterator[bytes]:
        """Yield the contents of blobs, in order."""
        if not names:
            return
        command = self._command("cat-file", "--batch")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()) as process:  # noqa: S603
            assert process.stdin
            assert process.stdout
            for name in names:
                process.stdin.write(name.encode() + b"\n")
                process.stdin.flush()
                head = process.stdout.readline().split()
                if len(head) < 3:
                    yield b""
                    continue
                yield process.stdout.read(int(head[2]))
                process.stdout.read(1)
            process.stdin.close()

    def blame(self, path: str, line: int, commit: str | None) -> Written | None:
        """Return who last wrote a line; None if it is not committed."""
        asked = ["blame", "--porcelain", "-L", f"{line},{line}"]
        told = self._ask(*asked, *([commit] if commit else []), "--", path, check=False).decode("utf-8", "replace")
        rows = told.splitlines()
        if not rows or rows[0].startswith("0" * 40):
            return None
        said = dict(row.split(" ", 1) for row in rows[1:] if " " in row and not row.startswith("\t"))
        stamp = int(said.get("author-time", "0"))
        return Written(
            rows[0].split()[0],
            said.get("author", ""),
            said.get("author-mail", "").strip("<>"),
            datetime.fromtimestamp(stamp, timezone.utc),
            said.get("summary", ""),
        )

    def _command(self, *arguments: str) -> list[str]:
        return ["git", *_SAFE, "-C", str(self.path), *arguments]

    def _ask(self, *arguments: str, check: bool = True) -> bytes:
        command = self._command(*arguments)
        done = subprocess.run(command, capture_output=True, env=_environment(), check=False)  # noqa: S603
        if check and done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise SourceError(f"git {arguments[0]} failed in {self.path}: {said[0] if said else done.returncode}")
        return done.stdout if not done.returncode else b""


def _environment() -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if not k.startswith("GIT_")}, **_QUIET}
