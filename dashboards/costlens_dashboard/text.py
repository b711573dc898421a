"""Texts of a warehouse as text: whatever a table, a user or a query is called, nothing of it is Markdown, HTML or a formula."""

from __future__ import annotations

import re
import unicodedata

#: All that begins something in Streamlit's Markdown: emphasis, links, code, LaTeX, directives, emoji, HTML, tables.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&@^=])")
#: What is made a link without being marked as one: no backslash stops that, a joiner that nobody sees does.
_ADDRESS = re.compile(r"(@|://|\\:|www)", re.IGNORECASE)
_LONGEST = 300


def plain(value: object, longest: int = _LONGEST) -> str:
    """Return a value on one line, without characters that show nothing or turn the writing direction."""
    text = " ".join(str(value).split())
    text = "".join("�" if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") else char for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def said(value: object) -> str | None:
    """Return a text of a frame, None where there is none: frames write that as None, NaN or nothing."""
    return value if isinstance(value, str) and value else None


def md(value: object, longest: int = _LONGEST) -> str:
    """Return a value so that Markdown shows it as it is: the only way a warehouse's text may get into Markdown."""
    return _ADDRESS.sub("\\1\u2060", _SPECIAL.sub(r"\\\1", plain(value, longest)))


def cell(value: object) -> object:
    """Return a value so that no spreadsheet runs it as a formula."""
    if isinstance(value, str) and re.match(r"^[=+@\t\r\n-]", value):
        return "'" + value
    return value
