"""A piece of a file that looks like SQL, and how much of one it must look like."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STARTS = re.compile(
    r"[\s(\x01-\x06]*+(?>--[^\n]*+\n\s*+|/\*(?:(?!\*/).)*+\*/\s*+)*+[\s(]*+"
    r"(?:select\s|with\s|insert\s+(?:into|overwrite)\s|merge\s+into\s|merge\s|update\s|delete\s+from\s|copy\s+into\s|create\s+(?:or|temp|"
    r"table|view|transient|external|materialized|dynamic|schema|database|function|procedure|if)|alter\s+(?:table|session|warehouse|"
    r"view|dynamic)|drop\s+(?:table|view|schema)|truncate\s|call\s|show\s|describe\s|use\s|grant\s|export\s+data|declare\s|begin\s|explain\s)",
    re.IGNORECASE | re.DOTALL,
)
_INSIDE = re.compile(
    r"\bselect\b.*\bfrom\b|\bfrom\b.*\bwhere\b|\bjoin\b.*\bon\b|\bwhere\b.*\b(?:and|group\s+by|order\s+by)\b",
    re.IGNORECASE | re.DOTALL,
)
_LOOKED_AT = 4_000
_SECOND = re.compile(r"\b(?:from|into|set|as|table|view|where|using|values|select|session|on)\b|\(", re.IGNORECASE)


@dataclass(frozen=True)
class Fragment:
    """Text that may be SQL, the line that it begins on, what held it and the function around it."""

    text: str
    line: int
    kind: str
    name: str | None


def looks_like_sql(text: str) -> bool:
    """Tell whether a string of a program is a statement, or a good part of one."""
    if len(text) < 15 or len(text) > 400_000:
        return False
    if found := _STARTS.match(text):
        return bool(_SECOND.search(text, found.end())) or text[: found.end()].lower().lstrip().startswith("create")
    return len(text) > 40 and bool(_INSIDE.search(text[:_LOOKED_AT]))
