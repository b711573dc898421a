"""Replaces template code in SQL by marks: what stands there when the statement runs is not known, where it stands is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from costlens.trace.lexicon import MARKS

_OPEN = re.compile(r"\{[{%#]")
_CLOSE = {"{{": "}}", "{%": "%}", "{#": "#}"}
_NAMED = re.compile(r"""\{\{-?\s*(?:ref|source)\s*\(([^()]*)\)\s*-?\}\}""", re.DOTALL)
_STRING = re.compile(r"""['"]([^'"]+)['"]""")
_TAG = re.compile(r"\{%[-+]?\s*(\w+)\s*(\w*)")
_OPENS = {"if": MARKS["if"], "for": MARKS["for"], "filter": MARKS["if"]}
_CLOSES = frozenset({"endif", "endfor", "endfilter"})
_PARTS = frozenset(
    {"macro", "endmacro", "test", "endtest", "snapshot", "endsnapshot", "materialization", "endmaterialization"}
)


def is_template(text: str) -> bool:
    """Tell whether a text holds Jinja."""
    return "{{" in text or "{%" in text or "{#" in text


def marked(text: str) -> tuple[str, list[str]]:
    """Return a text with marks for its Jinja, line ends kept, and the names of the parts that begin at `part` marks."""
    if not is_template(text):
        return text, []
    names: list[str] = []
    pieces: list[str] = []
    at = 0
    for start, end in _tags(text):
        pieces += (text[at:start], _mark(text[start:end], names))
        at = end
    return "".join((*pieces, text[at:])), names


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each tag begins and ends; every character is looked at once, whatever is left open."""
    never: set[str] = set()
    at = 0
    while opened := _OPEN.search(text, at):
        sign = opened.group()
        end = -1 if sign in never else text.find(_CLOSE[sign], opened.end())
        if end < 0:
            never.add(sign)
            at = opened.end()
            continue
        at = end + 2
        yield opened.start(), at


def _mark(code: str, names: list[str]) -> str:
    lines = "\n" * code.count("\n")
    if code.startswith("{{"):
        named = _NAMED.fullmatch(code)
        known = _STRING.findall(named.group(1)) if named else None
        return MARKS["hole"] + _names(known or []) + lines
    return _tag(code, names) + lines


def _names(known: list[str]) -> str:
    """Return the table that a reference names: the last part stands in the query, those before it are likely to."""
    if not known:
        return ""
    likely = "".join(f".{MARKS['named']}{name}" for name in known[:-1] if name.isidentifier())
    return f"{likely}.{known[-1]}"


def _tag(code: str, names: list[str]) -> str:
    read = _TAG.match(code)
    word = read.group(1) if read else ""
    if word in _PARTS:
        names.append("" if word.startswith("end") or not read else read.group(2))
        return MARKS["part"]
    if word in _OPENS:
        return _OPENS[word]
    if (word == "set" and "=" not in code) or word == "call":
        return " "
    return MARKS["end"] if word in _CLOSES else " "
