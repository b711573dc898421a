"""Cuts a statement into tokens: words, names, strings and signs; comments and white space go. Total and linear on any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Dialects in which `"…"` is a string; elsewhere it is a name.
_STRING_DIALECTS = frozenset({"bigquery", "databricks", "spark", "spark2", "hive", "mysql"})
_HASH_DIALECTS = frozenset({"bigquery", "mysql"})
_SLASH_DIALECTS = frozenset({"snowflake"})

_COMMENT = r"--[^\r\n]*|/\*.*?(?:\*/|\Z)"
_TRIPLE = r"'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)"
_SINGLE = r"'(?:[^'\\]+|\\.?|'')*(?:'|\Z)"
_SINGLE_PLAIN = r"'(?:[^']+|'')*(?:'|\Z)"
_DOUBLE = r'"(?:[^"\\]+|\\.?|"")*(?:"|\Z)'
_DOUBLE_NAME = r'"(?:[^"]+|"")*(?:"|\Z)'
_DOLLARS = r"\$\$.*?(?:\$\$|\Z)"
_BACKTICK = r"`[^`]*(?:`|\Z)"
_STAGE = r"@[\w$.%/~\-\"]*"
_DASHED = r"[^\W\d][\w$]*(?:-\w+)+(?=\.)"  # a project of BigQuery: acme-data-1.dataset.table
_WORD = r"[^\W\d][\w$]*"
_NUMBER = r"\d[\w.]*"
_SIGN = r"=>|::|:=|\|>|\S"


def _pattern(dialect: str) -> re.Pattern[str]:
    strings = dialect in _STRING_DIALECTS
    kinds = [_COMMENT]
    kinds += [r"#[^\r\n]*"] if dialect in _HASH_DIALECTS else []
    kinds += [r"//[^\r\n]*"] if dialect in _SLASH_DIALECTS else []
    kinds += [_TRIPLE] if strings else []
    kinds += [_DASHED] if dialect == "bigquery" else []
    kinds += [
        _WORD,
        _SINGLE if strings or dialect == "snowflake" else _SINGLE_PLAIN,
        _DOUBLE if strings else _DOUBLE_NAME,
        _DOLLARS,
        _BACKTICK,
        _STAGE,
        _NUMBER,
        _SIGN,
    ]
    return re.compile("|".join(kinds), re.DOTALL)


_PART = r'"[^"]+"|`[^`]+`|[^\W\d][\w$]*'
_PARTS = re.compile(_PART)
_QUALIFIED = re.compile(rf"(?:{_PART})(?:\.(?:{_PART}))*")
_PATTERNS: dict[str, re.Pattern[str]] = {}


def tokens_of(text: str, dialect: str) -> list[str]:
    """Return the tokens of a text, names and strings in their quotes."""
    pattern = _PATTERNS.get(dialect)
    if pattern is None:
        pattern = _PATTERNS[dialect] = _pattern(dialect)
    comments = ("--", "/*", "#", "//") if dialect in _HASH_DIALECTS | _SLASH_DIALECTS else ("--", "/*")
    return [token for token in pattern.findall(text) if not token.startswith(comments)]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def is_name(token: str, dialect: str) -> bool:
    """Tell whether a token may name a relation: a word, `…`, and "…" where that is a name."""
    first = token[0]
    if first == '"':
        return dialect not in _STRING_DIALECTS and len(token) > 2
    return first == "_" or (first == "`" and len(token) > 2) or first.isalpha()


def plain(token: str) -> str:
    """Return a name without its quotes, in lower case: how names are compared."""
    if token[0] in '"`[' and len(token) > 1:
        token = token[1:-1].replace('""', '"')
    return token.lower()


class Tokens:
    """The tokens of a text and the place in them; `words` are the same in upper case."""

    def __init__(self, text: str, dialect: str) -> None:
        self.tokens = tokens_of(text, dialect)
        self.words = [token.upper() for token in self.tokens]
        self.dialect = dialect
        self.at = 0

    def word(self, ahead: int = 0) -> str:
        """Return a word in upper case, '' beyond the end."""
        at = self.at + ahead
        return self.words[at] if 0 <= at < len(self.words) else ""

    def skip(self, *words: str) -> bool:
        """Step over the next word if it is one of these."""
        if self.word() in words:
            self.at += 1
            return True
        return False

    def skip_all(self, words: Iterable[str]) -> None:
        """Step over all next words that are of these."""
        known = frozenset(words)
        while self.word() in known:
            self.at += 1

    def to_end(self) -> None:
        """Step to the end of the statement."""
        while self.at < len(self.words) and self.words[self.at] != ";":
            self.at += 1

    def names_next(self) -> bool:
        """Tell whether a name comes next."""
        return self.at < len(self.tokens) and (is_name(self.tokens[self.at], self.dialect) or self._is_bracketed())

    def _is_bracketed(self) -> bool:
        return self.word() == "[" and self.word(2) == "]" and is_name(self.tokens[self.at + 1], self.dialect)

    def name(self) -> tuple[str, ...]:
        """Read a name of one or more parts and step over it; () where there is none."""
        if self.word() == "IDENTIFIER" and self.word(1) == "(":
            return self._identifier()
        parts: list[str] = []
        while self.names_next():
            if self._is_bracketed():
                parts.append(f"[{self.tokens[self.at + 1]}]")
                self.at += 3
            else:
                parts.append(self.tokens[self.at])
                self.at += 1
            if self.word() != ".":
                break
            self.at += 1
            if self.word() == ".":  # Snowflake's db..table
                parts.append("PUBLIC")
                self.at += 1
            if self.word() == "*" and self.dialect == "bigquery":
                break
        return tuple(parts)

    def _identifier(self) -> tuple[str, ...]:
        """Read Snowflake's IDENTIFIER('db.schema.table'); of a variable nothing is known."""
        inside = self.tokens[self.at + 2] if self.at + 2 < len(self.tokens) else ""
        self.at += 2
        while self.at < len(self.words) and self.words[self.at] not in (")", ";"):
            self.at += 1
        self.skip(")")
        name = inside[1:-1] if inside[:1] == "'" else ""
        return tuple(_PARTS.findall(name)) if _QUALIFIED.fullmatch(name) else ()

    def inline(self, text: str) -> None:
        """Read a text as if it stood here as a statement."""
        tokens = [";", *tokens_of(text, self.dialect), ";"]
        self.tokens[self.at + 1 : self.at + 1] = tokens
        self.words[self.at + 1 : self.at + 1] = [token.upper() for token in tokens]
        self.at += 1
