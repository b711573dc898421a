"""What is asked of git: files, texts at a commit without a checkout, who wrote a line. Works on bare and dirty repositories."""

from __future__ import annotations

import os
import subprocess
from bisect import bisect_right
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
    """The commit that last changed some lines."""

    commit: str
    author: str
    email: str
    at: datetime
    summary: str


class Git:
    """One repository, by a folder in it (or its bare folder)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._histories: dict[str | None, list[tuple[int, str]]] = {}

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

    def root(self) -> Path | None:
        """Return the root of the checked out repository, None for a bare one."""
        found = self._ask("rev-parse", "--show-toplevel", check=False).decode("utf-8", "surrogateescape").strip()
        return Path(found) if found else None

    def prefix(self) -> str:
        """Return the path of the folder from the root, with a slash at its end; "" for the root."""
        return self._ask("rev-parse", "--show-prefix", check=False).decode("utf-8", "surrogateescape").strip()

    def text(self, commit: str, path: str) -> str | None:
        """Return a file of a commit by its path from the root; None if there is none."""
        found = self._ask("cat-file", "blob", f"{commit}:{path}", check=False)
        return found.decode("utf-8", "replace") if found else None

    def history(self, branch: str | None = None) -> list[tuple[int, str]]:
        """Return (second, commit) of a branch's own line of commits, oldest first; times never fall. Asked for once."""
        if branch not in self._histories:
            told = self._ask("log", "--first-parent", "--format=%ct %H", branch or "HEAD", "--", check=False).decode()
            rising: list[tuple[int, str]] = []
            for row in reversed(told.splitlines()):
                second, _, commit = row.partition(" ")
                rising.append((max(int(second), rising[-1][0] if rising else 0), commit))
            self._histories[branch] = rising
        return self._histories[branch]

    def work_files(self) -> list[str]:
        """Return the files under the folder that are tracked, or new and not ignored."""
        listed = self._ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name]

    def commit_at(self, when: datetime | None, branch: str | None = None) -> str | None:
        """Return the commit that was the newest of a branch at an instant; its first one where none is as old."""
        history = self.history(branch)
        if not history:
            return None
        if when is None:
            return history[-1][1]
        at = bisect_right(history, when.timestamp(), key=lambda row: row[0])
        return history[max(at - 1, 0)][1]

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

    def blame(self, path: str, line: int, end_line: int, commit: str | None) -> Written | None:
        """Return the newest change of some lines; None if none of them is committed."""
        asked = ["blame", "--porcelain", "-L", f"{line},{min(end_line, line + 400)}"]
        told = self._ask(*asked, *([commit] if commit else []), "--", path, check=False).decode("utf-8", "replace")
        said: dict[str, dict[str, str]] = {}
        current: dict[str, str] = {}
        for row in told.split("\n"):
            word, _, rest = row.partition(" ")
            if len(word) == 40 and rest[:1].isdigit():
                current = said.setdefault(word, {})
            elif word and not row.startswith("\t"):
                current.setdefault(word, rest)
        committed = {name: words for name, words in said.items() if name.strip("0")}
        if not committed:
            return None
        name = max(committed, key=lambda one: int(committed[one].get("author-time", "0")))
        words = committed[name]
        return Written(
            name,
            words.get("author", ""),
            words.get("author-mail", "").strip("<>"),
            datetime.fromtimestamp(int(words.get("author-time", "0")), timezone.utc),
            words.get("summary", ""),
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
