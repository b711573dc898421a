"""Units: the statements that a file holds, each with its line and the function, model or macro around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from costlens.trace import notebooks, python_code, quoted, yaml_text
from costlens.trace.cut import Cut, cut
from costlens.trace.fragment import Fragment
from costlens.trace.lexicon import HOLE, HOLE_HASH, hash_of
from costlens.trace.templates import marked

#: Files that are looked into at most.
MAX_BYTES = 2_000_000
MIN_TOKENS = 4
_SQL = frozenset({"sql", "jinja", "j2", "jinja2", "hql", "ddl", "dml", "bq", "snowsql", "sqlx", "prc", "tpl"})
_OTHERS = (
    *("sh", "bash", "ts", "js", "tsx", "jsx", "mjs", "java", "kt", "scala", "go", "rs", "rb", "r", "php", "cs", "tf"),
    *("hcl", "md", "rst", "txt", "lkml", "lookml", "toml", "json", "xml", "ini", "cfg", "conf"),
)
_READERS: dict[str, Callable[[str], Iterator[Fragment]]] = {
    "py": python_code.fragments,
    "pyi": python_code.fragments,
    "ipynb": notebooks.fragments,
    "yml": yaml_text.fragments,
    "yaml": yaml_text.fragments,
    **dict.fromkeys(_OTHERS, quoted.fragments),
}
_CALL = re.compile(r"\{\{-?\s*([\w.]+)\s*\(")
_VERB = re.compile(
    r"\b(?:select|insert\s+(?:into|overwrite)|merge\s+into|update\s+\S+\s+set|delete\s+from|copy\s+into|create\s|alter\s|call\s)",
    re.IGNORECASE,
)
_PROSE = frozenset(("md", "rst", "txt"))
#: Names of files that say nothing; the folder's name does.
_GENERAL = frozenset(
    (
        "query",
        "view",
        "script",
        "ddl",
        "dml",
        "table",
        "main",
        "model",
        "transform",
        "load",
        "init",
        "materialized_view",
        "insert",
    )
)


@dataclass(frozen=True, eq=False)
class Unit:
    """One statement in the code: `name` is the function, macro or model; `line` that of its first token.

    Where nothing tells whether `"…"` is a name or a text there are two units, one for each reading.
    """

    path: str
    kind: str
    name: str | None
    cut: Cut

    @property
    def line(self) -> int:
        return int(self.cut.lines[0])

    @property
    def is_prose(self) -> bool:
        """Whether the file is read by people and runs nothing."""
        return suffix(self.path) in _PROSE

    @property
    def table_names(self) -> tuple[int, ...]:
        """Hashes of what the table that the file makes is likely to be called: as the file, or as its folder."""
        place = PurePosixPath(self.path.lower())
        if self.kind != "sql":
            return ()
        name = place.name.split(".")[0]
        return (hash_of(place.parent.name if name in _GENERAL else name),)


def suffix(path: str) -> str:
    """Return the ending that says how a file is read; a template's own ending is looked through."""
    name = PurePosixPath(path).name.lower()
    parts = name.split(".")
    if len(parts) > 2 and parts[-1] in {"j2", "jinja", "jinja2", "tpl", "tmpl"}:
        return parts[-1] if parts[-2] in _SQL else parts[-2]
    return parts[-1] if len(parts) > 1 else ""


def is_read(path: str) -> bool:
    """Tell whether a file may hold statements."""
    ending = suffix(path)
    return ending in _SQL or ending in _READERS


def units_of(path: str, content: bytes) -> list[Unit]:
    """Return the units of a file; none for what is binary, too big or not read."""
    ending = suffix(path)
    if len(content) > MAX_BYTES or b"\0" in content[:8000]:
        return []
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    for mark in "\x01\x02\x03\x04\x05\x06":
        if mark in text:
            text = text.replace(mark, " ")
    if ending in _SQL:
        found: Iterator[Fragment] = iter([Fragment(text, 1, "sql", None)])
    elif ending in _READERS and (ending in {"py", "ipynb"} or _VERB.search(text)):
        found = _READERS[ending](text)
    else:
        return []
    units = [unit for fragment in found for unit in _units(path, fragment)]
    return units if units or ending not in _SQL else _nothing_but_template(path, text)


def _nothing_but_template(path: str, text: str) -> list[Unit]:
    """Return a unit that is one hole for a model that is the call of a macro: only its name tells it."""
    calls = [found for found in _CALL.finditer(text) if not found.group(1).startswith("config")]
    if not calls:
        return []
    line = text.count("\n", 0, calls[0].start()) + 1
    one = np.ones(1, np.uint8)
    hole = Cut(
        np.array([HOLE_HASH], np.uint64), one * HOLE, one * 0, np.array([line], np.int32), np.zeros(1, np.uint64)
    )
    return [Unit(path, "sql", None, hole)]


def _units(path: str, fragment: Fragment) -> Iterator[Unit]:
    text, parts = marked(fragment.text)
    for is_text in readings(text):
        for part, statement in cut(text, double_is_text=is_text, line=fragment.line):
            if len(statement) >= MIN_TOKENS:
                name = fragment.name or (parts[part - 1] if 0 < part <= len(parts) else None) or None
                yield Unit(path, fragment.kind, name, statement)


def readings(text: str) -> tuple[bool, ...]:
    """Return how `"…"` may be read, True = as text: it is where names are quoted by back-quotes; else nothing tells."""
    if '"' not in text:
        return (False,)
    return (True,) if "`" in text or '"""' in text else (False, True)
