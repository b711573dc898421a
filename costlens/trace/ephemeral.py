"""Takes out of a query what dbt put in from other models: `__dbt__cte__…` at its head."""

from __future__ import annotations

import re

_INJECTED = re.compile(r'"?`?__dbt__cte__\w+"?`?\s+as\s*\(', re.IGNORECASE)
_SKIP = re.compile(r"'(?:[^'\\]|''|\\.)*'?|--[^\n]*|/\*.*?(?:\*/|\Z)|[()]", re.DOTALL)


def without_ephemeral(text: str) -> str:
    """Return a text without the bodies of injected models."""
    if "__dbt__cte__" not in text.lower():
        return text
    kept, at = [], 0
    while found := _INJECTED.search(text, at):
        kept.append(text[at : found.start()])
        at = _closing(text, found.end())
        at += len(text[at:]) - len(text[at:].lstrip().removeprefix(","))
    kept.append(text[at:])
    whole = "".join(kept)
    # `with , own as (` is left where own parts follow, `with select` where none do.
    return re.sub(r"\bwith\s*(?:,\s*)?(?=select\b|\()", "", whole, count=1, flags=re.IGNORECASE)


def _closing(text: str, start: int) -> int:
    """Return the place after the bracket that closes the one before `start`."""
    depth = 1
    for found in _SKIP.finditer(text, start):
        sign = found.group()
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            return found.end()
    return len(text)
