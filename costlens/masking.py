"""Takes literals out of what is kept: statements, query tags and labels; what a known tool wrote about itself stays.

Pure functions on text. A statement is cut into code, literals and comments by one regular expression per dialect
family; nothing is parsed, so broken, truncated and vendor-specific SQL is masked as surely as any. In doubt, masked.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import blake2b
from typing import Any

from costlens.marks import (
    LABEL_KEYS,
    LABEL_PREFIXES,
    TAG_KEYS,
    compact,
    is_kept,
    json_object,
    pairs_of,
    plain,
    read_comments,
)
from costlens.tagging.codec import split_query_tag

MAX_TEXT, MAX_VALUE = 20_000, 300
#: Begins what stands for opaque text; a hash follows.
OPAQUE = "?"

_QUOTED = r"(?<=')[^'\\]*(?:(?:''|\\.?)[^'\\]*)*'?"
_TRIPLE = r"(?<={q}){q}{q}(?:[^{q}\\]|\\.?|{q}(?!{q}{q}))*(?:{q}{q}{q}|\Z)"
_DOUBLE_STRING = r'(?<=")[^"\\]*(?:(?:""|\\.?)[^"\\]*)*"?'
_DOUBLE_NAME = r'(?<=")[^"]*(?:""[^"]*)*"?'
_BACKTICK = r"(?<=`)[^`]*`?"
_NUMBER = r"(?<=\d)(?<![\w$]\d)[\w.]*(?:(?<=[eE])[+-]\d+)?"
_DASHED_NAME = r"(?<=\w-\d)\d*(?=\.[^\W\d])(?!\.[eE]\d)"  # the 123 of the BigQuery project acme-123.dataset.table
_DOLLARS = r"(?<=\$)\$.*?(?:\$\$|\Z)"
_DASHES = r"(?<=-)-[^\r\n]*"
_BLOCK = r"(?<=/)\*.*?(?:\*/|\Z)"
_SLASHES = r"(?<=/)/[^\r\n]*"
_HASH = r"(?<=#)[^\r\n]*"


def _scanner(first: str, *kinds: str) -> re.Pattern[str]:
    # A set of first characters in front lets the engine skip plain code quickly; each kind looks back at it.
    return re.compile(f"([{first}](?:{'|'.join(kinds)}))", re.DOTALL)


_DOUBLE_QUOTE_NAMES = _scanner(
    r"'\"`$\d/\-", _QUOTED, _NUMBER, _DASHES, _BLOCK, _SLASHES, _DOUBLE_NAME, _BACKTICK, _DOLLARS
)
_DOUBLE_QUOTE_STRINGS = _scanner(
    r"'\"`\d/\-#",
    _TRIPLE.format(q="'"),
    _TRIPLE.format(q='"'),
    _QUOTED,
    _DASHED_NAME,
    _NUMBER,
    _DASHES,
    _BLOCK,
    _DOUBLE_STRING,
    _BACKTICK,
    _HASH,
)
_STRING_DIALECTS = frozenset({"bigquery", "databricks", "spark", "spark2", "hive", "mysql"})
_COMMENT_STARTS = ("--", "/*", "//", "#")
_PREFIX = re.compile(r"(?<!\w)(?:[bexnr]|rb|br)\Z", re.IGNORECASE)
# A `?` that opens a list: looking back from the literal is far faster than looking for `in (` in every statement.
_LIST = re.compile(
    r"\?(?:(?<=\Win \(\?)|(?<=\Win\(\?)|(?<=\Win \( \?)|(?<=\[\?))(?: ?, ?-?\?)+(?= ?[)\]])", re.IGNORECASE
)
_ROW = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_ROWS = re.compile(rf"((?<!\w)values ?{_ROW})(?: ?, ?{_ROW})+", re.IGNORECASE)


def mask_text(text: str, dialect: str = "snowflake") -> str:
    """Return the statement with every literal as `?`, without comments, white space folded, cut at 20,000 characters.

    A list of literals and the rows of VALUES become one entry. Names stay (`"…"` is one on Snowflake, not on BigQuery).
    """
    return _scan(text, dialect)[0][:MAX_TEXT]


def shape_of(text: str, dialect: str = "snowflake") -> str:
    """Return 16 hex digits, equal for statements that differ in literals, case, comments and white space only."""
    masked = _scan(text, dialect)[0].lower()
    return _hash(masked.replace("( ", "(").replace(" )", ")").replace(" ,", ",").rstrip("; "), 8)


def mark_of(text: str, dialect: str = "snowflake") -> str | None:
    """Return what a known tool says about itself in a comment of the statement, as a JSON object with key `tool`."""
    found = read_comments(_scan(text, dialect)[1])
    return compact(found) if found else None


def _scan(text: str, dialect: str) -> tuple[str, list[str]]:
    if dialect in _STRING_DIALECTS:
        scanner, double_is_string = _DOUBLE_QUOTE_STRINGS, True
    else:
        scanner, double_is_string = _DOUBLE_QUOTE_NAMES, False
    pieces = scanner.split(text)
    comments: list[str] = []
    for at in range(1, len(pieces), 2):
        piece = pieces[at]
        first = piece[0]
        if first == "`" or (first == '"' and not double_is_string):
            if len(piece) < 2 or piece[-1] != first:  # cut off: no telling what it was
                pieces[at] = "?"
        elif piece.startswith(_COMMENT_STARTS):
            comments.append(piece)
            pieces[at] = " "
        elif first.isdecimal() and double_is_string and pieces[at - 1][-1:] == "-" and pieces[at + 1][:1] == ".":
            pass
        else:
            pieces[at] = "?"
            before = pieces[at - 1]
            if before and before[-1] in "bBeExXnNrR" and first in "'\"" and (prefix := _PREFIX.search(before)):
                pieces[at - 1] = before[: prefix.start()]
    masked = " ".join("".join(pieces).replace("\0", " ").split())
    return _collapse(masked), comments


def _collapse(masked: str) -> str:
    if "?," in masked or "? ," in masked:
        masked = _LIST.sub("?", masked)
    return _ROWS.sub(r"\1", masked) if "), (" in masked or "),(" in masked or ") ," in masked else masked


def _hash(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


_MONTE_CARLO = re.compile(r"mc_monitor_id[=:]\s*\"?([0-9a-f\-]{36})")
_KEY = re.compile(r"[A-Za-z_][\w.\-/]{0,62}")


def mask_tag(tag: str | None, keep: Collection[str] = ()) -> str | None:
    """Return a query tag in which only known tools' keys and the keys in `keep` still have their values.

    A JSON object or `k=v;k2=v2` comes back as a JSON object, other values as `?`; opaque text as `?` and a short hash,
    so that equal tags stay equal. A user's tag that was merged with ours is read for itself. An empty tag is None.
    """
    if tag is None or not tag.strip():
        return None
    own, users = split_query_tag(tag)
    kept: dict[str, Any] = {"_cl": own} if own else {}
    pairs = pairs_of(users) if users else {}
    if pairs is None and users:
        monitor = _MONTE_CARLO.search(users)
        if not own and not monitor:
            return OPAQUE + _hash(tag, 4)
        kept |= {"mc_monitor_id": monitor.group(1)} if monitor else {"tag": OPAQUE + _hash(users, 4)}
    wanted = {key.lower() for key in keep}
    for key, value in (pairs or {}).items():
        if not (own and key.startswith("cl_")):
            _keep(kept, key, value, wanted, is_known=is_kept(key, value, TAG_KEYS))
    return compact(kept)


def mask_labels(labels: str | None, keep: Collection[str] = ()) -> str | None:
    """Return a JSON object of job labels in which only known tools' labels and those in `keep` have their values."""
    body = json_object(labels) if labels else None
    if not body:
        return None
    wanted = {key.lower() for key in keep}
    kept: dict[str, Any] = {}
    for key, value in body.items():
        is_known = key.startswith(LABEL_PREFIXES) or is_kept(key, value, LABEL_KEYS)
        _keep(kept, key, value, wanted, is_known=is_known)
    return compact(kept)


def _keep(kept: dict[str, Any], key: str, value: Any, wanted: Collection[str], *, is_known: bool) -> None:
    shown = plain(key, value) if is_known else None
    if key.lower() in wanted and isinstance(value, str):
        shown = value[:MAX_VALUE]  # the configuration asks for it, whatever it looks like
    kept[key if _KEY.fullmatch(key) else OPAQUE + _hash(key, 4)] = "?" if shown is None else shown
