"""Where a statement's comments are looked for: at its beginning and its end, by the engine, as plain Python would."""

from __future__ import annotations

import itertools
import re

import ibis

from costlens.engine import Engine
from costlens.model import Column
from costlens.texts import comment_of

PIECES = (
    *("", "select 1", "/* a */", "  /* b */ x", "--c", "-- d\nselect", "select 2 -- e", " -- f ; ", "x */ ;; \n", "*/"),
    *("/*", "/", ";", "\v-- g", "\f/*h*/", "é /* ü */", "          /* i */", "y /* j */            ", "\n", "z\n-- k"),
    *("z -- l\n", "z -- m\n ; ", "'--' n", "\r/* o */\r", "p /* q */\v", "\u00a0/* r */\u00a0"),
)


def told(text: str) -> str:
    """Return the comment that begins a text, and the one that ends it."""
    start, end = text[:8].lstrip(" \t\n\r\v\f"), re.sub(r"[ \t\n\r\f;]+\Z", "", text[-12:])
    lead = trail = ""
    if start.startswith("/*"):
        lead = text[: text.find("*/") + 2]
    elif start.startswith("--"):
        lead = text.split("\n")[0]
    last_line = text.rsplit("\n", 1)[-1]
    if end.endswith("*/"):
        trail = text[-(text[::-1].find("*/") + 2) :]
    elif "--" in last_line:
        trail = last_line[last_line.find("--") :]
    return f"{lead}\n{trail}"


def test_comments_are_looked_for_at_both_ends() -> None:
    texts = ["".join(parts) for parts in itertools.product(PIECES, PIECES[:12], PIECES)]
    with Engine() as engine:
        rows = engine.values([(text,) for text in texts], "texts", [Column("text", "text")])
        found = {row["text"]: row["comment"] for row in engine.rows(rows.mutate(comment=comment_of(rows.text)))}
        assert {text: (told(text), found[text]) for text in texts if found[text] != told(text)} == {}
        nothing = ibis.null("string")
        assert engine.rows(rows.limit(1).select(comment=comment_of(nothing))) == [{"comment": "\n"}]
