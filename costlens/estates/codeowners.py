"""Reads CODEOWNERS as GitHub and GitLab read it, and finds who owns a path: the last rule that matches, per section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from costlens.errors import ConfigError

Dialect = Literal["github", "gitlab"]

#: Where the file may lie, in the order in which GitHub and then GitLab look.
PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
#: GitHub does not load a larger file.
MAX_BYTES = 3_000_000
_SECTION = re.compile(r"^\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>(?:\s.*)?)$")
_OWNER = re.compile(r"^(?:@{1,2}[A-Za-z0-9][\w.-]*(?:/[\w./-]+)?|[^@\s]+@[^@\s]+\.[^@\s]+)$")
_TOKEN = re.compile(r"(?:\\.|[^\s\\])+")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Rule:
    """One line: a pattern and its owners; no owners = what matches has none. `section` is GitLab's, "" before the first."""

    pattern: str
    owners: tuple[str, ...]
    line: int
    section: str = ""
    is_exclusion: bool = False

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(_translate(self.pattern), re.DOTALL)

    def matches(self, path: str) -> bool:
        """Tell whether the rule speaks of a file, given by its path from the repository's root."""
        return self._regex.match(path) is not None


@dataclass(frozen=True)
class Owned:
    """Who owns a path, and the lines of the file that say so."""

    owners: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class CodeOwners:
    """The rules of one file, and the lines that say nothing because they are not valid."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @cached_property
    def _sections(self) -> tuple[tuple[Rule, ...], ...]:
        """The rules of each section, last rule first."""
        sections: dict[str, list[Rule]] = {}
        for rule in self.rules:
            sections.setdefault(rule.section.lower(), []).insert(0, rule)
        return tuple(tuple(rules) for rules in sections.values())

    def of(self, path: str) -> Owned | None:
        """Return who owns a file, None where no rule speaks of it. Sections speak independently, each by its last rule.

        A rule without owners takes ownership away: `owners` is then empty and the line is told.
        """
        path = path.replace("\\", "/").removeprefix("./").lstrip("/")
        spoken = [rule for rules in self._sections if (rule := self._last(rules, path))]
        if not spoken:
            return None
        owners = dict.fromkeys(owner for rule in spoken for owner in rule.owners)
        return Owned(tuple(owners), tuple(rule.line for rule in spoken))

    @staticmethod
    def _last(rules: Iterable[Rule], path: str) -> Rule | None:
        found: Rule | None = None
        for rule in rules:
            if (found is None or rule.is_exclusion) and rule.matches(path):
                if rule.is_exclusion:
                    return None  # GitLab: an excluded path stays out of its section, whatever other rules say
                found = rule
        return found


def find_codeowners(root: Path) -> Path | None:
    """Return the CODEOWNERS file of a repository, None where it has none."""
    return next((root / place for place in PLACES if (root / place).is_file()), None)


def read_codeowners(path: Path) -> CodeOwners:
    """Read a file; raises ConfigError where it cannot be."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(
                f"{path}: larger than {MAX_BYTES // 1_000_000} MB, which GitHub does not load: shorten it"
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: correct the path in costlens.yml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}): a UTF-8 text file is wanted") from None
    return parse_codeowners(text, "gitlab" if path.parent.name == ".gitlab" else None)


def parse_codeowners(text: str, dialect: Dialect | None = None) -> CodeOwners:
    """Return the rules of a file's text; without a dialect a section heading says that it is GitLab's.

    A line that is not valid is skipped, as GitHub does, and told in `problems`.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if dialect is None:
        dialect = "gitlab" if any(_SECTION.match(line) for _, line in lines) else "github"
    rules: list[Rule] = []
    problems: list[str] = []
    section = ""
    defaults: tuple[str, ...] = ()
    for number, line in lines:
        if dialect == "gitlab" and (heading := _SECTION.match(line)):
            section, defaults = heading["name"].strip(), tuple(_owners(heading["owners"].split()))
            continue
        try:
            rules.append(_rule(line, number, section, defaults, dialect))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    return CodeOwners(tuple(rules), tuple(problems))


def _rule(line: str, number: int, section: str, defaults: tuple[str, ...], dialect: Dialect) -> Rule:
    pattern, *words = _words(line)
    is_exclusion = pattern.startswith("!")
    if dialect == "github":
        if is_exclusion:
            raise ValueError("a pattern that starts with ! is not valid in CODEOWNERS")
        if "[" in pattern:
            raise ValueError("[ ] is not valid in a pattern of CODEOWNERS")
        if wrong := [word for word in words if not _OWNER.match(word)]:
            raise ValueError(f"{len(wrong)} of {len(words)} owners are no @user, @organisation/team or address")
    anchored = _anchored(pattern.removeprefix("!"), dialect)
    return Rule(anchored, tuple(_owners(words)) or defaults, number, section, is_exclusion)


def _words(line: str) -> list[str]:
    """Return pattern and owners; a word that begins with # ends the line, `\\ ` and `\\#` do not."""
    words: list[str] = []
    for word in _TOKEN.findall(line):
        if words and word.startswith("#"):
            break
        words.append(word)
    return words


def _owners(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if _OWNER.match(word))


def _anchored(pattern: str, dialect: Dialect) -> str:
    """Return a pattern that starts at the root: one without a slash but at its end means any folder, to GitLab any does."""
    is_rooted = pattern.startswith("/") or (dialect == "github" and "/" in pattern[:-1])
    return pattern.lstrip("/") if is_rooted else f"**/{pattern}"


def _translate(pattern: str) -> str:
    """Return a pattern as a regular expression that takes linear time: what lies between wildcards is matched once, leftmost."""
    is_folder = pattern.endswith("/")
    parts = [part for part in pattern.split("/") if part]
    text, run, is_open = "", "", False
    for at, part in enumerate(parts):
        is_last = at == len(parts) - 1
        if part == "**" and not is_last:
            text += _placed(run, is_open)
            run, is_open = "", True
        elif part == "**":
            run += ".+"
        else:
            run += _segment(part) + ("" if is_last else "/")
    if is_folder:
        end = "/.+"
    elif parts and parts[-1] in ("*", "**"):
        end = ""  # `docs/*` means what lies in docs itself
    else:
        end = "(?:/.+)?"
    return rf"{text}{'(?:[^/]+/)*?' if is_open else ''}{run}{end}\Z"


def _placed(run: str, is_open: bool) -> str:
    return rf"(?>(?:[^/]+/)*?{run})" if is_open and run else run


def _segment(part: str) -> str:
    """Return one part between slashes: `*` is anything but a slash, `?` one character, a backslash takes the next literally."""
    pieces = re.findall(r"\\.|\*+|.", part, re.DOTALL)
    text, star = "", False
    chunk = ""
    for piece in pieces:
        if piece.startswith("*"):
            text += _starred(chunk, star)
            chunk, star = "", True
        elif piece == "?":
            chunk += "[^/]"
        else:
            chunk += re.escape(_ESCAPED.sub(r"\1", piece))
    return text + ("[^/]*" if star else "") + chunk


def _starred(chunk: str, star: bool) -> str:
    return rf"(?>[^/]*?{chunk})" if star and chunk else chunk
