"""SQL in other languages' texts: quoted strings, back-quoted templates, heredocs and fenced blocks that look like a statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from costlens.trace.fragment import Fragment, looks_like_sql
from costlens.trace.lexicon import MARKS

_QUOTED = re.compile(
    r'"""(?P<a>.{0,40000}?)"""|\'\'\'(?P<b>.{0,40000}?)\'\'\'|```[ \t]*\w*\n(?P<c>.{0,40000}?)```|`(?P<d>[^`]*)`'
    r"|<<[-~]?\s*['\"]?(?P<tag>\w+)['\"]?[^\n]{0,200}\n(?P<e>.{0,10000}?)\n\s*(?P=tag)\b"
    r"|sql:\s*(?P<g>.{0,6000}?);;"
    r'|"(?P<f>[^"\\]*(?:\\.[^"\\]*)*)"'
    r"|'(?P<h>[^'\\\n]*(?:\\.[^'\\\n]*)*)'",
    re.DOTALL,
)
_ESCAPES = re.compile(r"\\(n|t|r|\"|'|\\|\n)")
_PLAIN = {"n": "\n", "t": " ", "r": " ", "\n": " "}
_HOLE = re.compile(r"\$\{[^}]*\}|#\{[^}]*\}|\$[A-Za-z_]\w*")


def fragments(text: str) -> Iterator[Fragment]:
    """Yield quoted texts that look like SQL, with a hole where a variable is put in."""
    for found in _QUOTED.finditer(text):
        group = next((name for name in "abcdefgh" if name != "tag" and found.group(name) is not None), None)
        if group is None:
            continue
        body = found.group(group)
        if not looks_like_sql(body):
            continue
        line = text.count("\n", 0, found.start(group)) + 1
        if group in "fh":
            body = _ESCAPES.sub(lambda escape: _PLAIN.get(escape.group(1), escape.group(1)), body)
        yield Fragment(_HOLE.sub(MARKS["hole"], body), line, "text", None)
