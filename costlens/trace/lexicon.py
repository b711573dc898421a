"""Cuts SQL of any dialect into tokens, as arrays of hashes and kinds; nothing is parsed, so broken and masked text is cut too.

What formatters and warehouses rewrite is made equal on the way: case, quotes, parentheses, commas, `as`, `not`, casts, the
names of types. Literals, bind variables and the `?` of masked texts are one token, with a hash of the literal beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = "npt.NDArray[np.uint64]"
Ints: TypeAlias = "npt.NDArray[np.int32]"
Kinds: TypeAlias = "npt.NDArray[np.uint8]"

# Kinds of tokens. What is below SKIPPED has a meaning for the cut only.
WORD, NAME, TEXT, NUMBER, PARAMETER, HOLE = 1, 2, 3, 4, 5, 6
SKIPPED, END, DOT, OPEN, CLOSE, COMMA, AS = 10, 11, 12, 13, 14, 15, 16
IF_OPEN, FOR_OPEN, BLOCK_CLOSE, PART = 20, 21, 22, 23

#: What stands for template code in a text that is to be cut: a value, the start of a condition and of a loop, their end, and
#: a place where another unit begins.
#: `named`: a name that is likely to stand there follows.
MARKS = {"hole": "\x01", "if": "\x02", "for": "\x03", "end": "\x04", "part": "\x05", "named": "\x06"}
_MARK_KINDS = {"\x02": IF_OPEN, "\x03": FOR_OPEN, "\x04": BLOCK_CLOSE, "\x05": PART}

_TYPED = r"(?:\b(?:date|timestamp|datetime|time)\s*(?=['?]))?"
_STRING = r"'''.*?(?:'''|\Z)|'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)"
_CAST = (
    r"\b(?:cast|safe_cast|try_cast)\s*\(\s*(?:(?:date|timestamp|datetime|time)\s*)?"
    r"(?:'[^'\\\n]*'|\?|@\w+|:\w+|%s|%\(\w+\)s)\s+as\s+(?:date|timestamp|datetime|time)\w*\s*\)"
)
_DOUBLE = r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?:"""|\Z)|"[^"\\\n]*(?:(?:""|\\.)[^"\\\n]*)*"'
_DEFAULT = r"\bby\s+target\b"  # of `when not matched`: printers leave it out
_DEFAULT_OF_MERGE = re.compile(_DEFAULT)
_LISTED = r"\bcross\s+join\b"  # printers write a comma so, or the other way
_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)|//[^\n]*|\#[^\n]*"
_PARAMETER = r"@@?\w+|%\(\w+\)s|%s|(?<![\w:)\]\"`}])(?<!\]):\w+|\$\d+|\?"
_HOLES = r"\x06\w+|[\w$]*(?:(?:\x01|\$\{[^}\n]*\}|\{[a-z_][\w.\[\]]*\})[\w$]*)+"
_NAME = r"[^\W\d][\w$]*(?:-\w+){1,8}(?=[.`])|[^\W\d][\w$]*|\$[^\W\d]\w*"
_NUMBER = r"\d\w*(?:\.\d\w*)?(?:(?<=e)[+-]\d+)?"
_SIGN = r"<>|!=|<=|>=|\|\||::|->>?|=>|[-+*/%<>=!|&^~.;,()\[\]\x02-\x05]"


#: Most tokens: a word that none of the longer forms begins with or goes on from. It stands first for speed only.
_PLAIN = r"(?!cast|cross|safe_cast|try_cast|date|time|by\b)[a-z_]\w*+(?![${\x01'\"-])"


def scanner(*kinds: str) -> re.Pattern[str]:
    """Return the pattern of all tokens, of these kinds in this order, with the blanks before them."""
    return re.compile(rf"[^\S\n]*+({'|'.join((chr(10), *kinds))})", re.DOTALL)


_BEFORE = (_COMMENT, _CAST, _DEFAULT, _LISTED, rf"{_TYPED}(?:\b[rbenx]{{1,2}}(?='))?(?:{_STRING})")
_AFTER = (rf"{_TYPED}(?:{_PARAMETER})", _HOLES, _NAME, _NUMBER, _SIGN)
SINGLE_QUOTES = (*_BEFORE, *_AFTER)
BOTH_QUOTES = (*_BEFORE, rf"(?:\b[rb]{{1,2}}(?=\"))?(?:{_DOUBLE})", *_AFTER)
_SINGLE_QUOTES, _BOTH_QUOTES = scanner(_PLAIN, *SINGLE_QUOTES), scanner(_PLAIN, *BOTH_QUOTES)

_DATE_LIKE = re.compile(r"[\d\s:.,+\-/tz%]*", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:cast|safe_cast|try_cast)?[\s(]*(?:date|timestamp|datetime|time)?\s*[rbenx]{0,2}(?=['\"])")

_DROPPED = frozenset(("cast", "safe_cast", "try_cast", "inner", "outer", "asc", "all", "::", "[", "]", "!", "+", "=>"))


def _listed(words: str) -> list[str]:
    return words.split()


_SAME = {
    "<>": "!=",
    **dict.fromkeys(_listed("integer bigint int64 smallint tinyint byteint int4 int8 long"), "int"),
    **dict.fromkeys(_listed("varchar text char character nvarchar bpchar"), "string"),
    **dict.fromkeys(_listed("decimal number bignumeric bigdecimal"), "numeric"),
    **dict.fromkeys(_listed("double real float64 float4 float8"), "float"),
    **dict.fromkeys(_listed("nvl ifnull"), "coalesce"),
    **dict.fromkeys(
        _listed("timestamp_ntz timestamp_ltz timestamp_tz timestampntz timestampltz timestamptz datetime"), "timestamp"
    ),
    "boolean": "bool",
    "iff": "if",
    "temp": "temporary",
    "substring": "substr",
    "len": "length",
    "power": "pow",
    "minus": "except",
    "stddev_samp": "stddev",
    "var_samp": "variance",
    "rlike": "regexp_like",
}
_WORDS = frozenset(
    _listed(
        """select from where group by order having limit offset qualify window partition over rows range between unbounded
        preceding following current row and or in is null true false case when then else end join left right full cross natural
        on using union intersect except distinct with recursive create replace table view temp temporary transient if exists
        insert into overwrite merge matched update set delete values lateral unnest flatten any some like ilike escape interval
        struct array nulls first last tablesample pivot unpivot for grant alter drop truncate copy begin commit declare call
        return returns function materialized cluster int string numeric float bool timestamp coalesce explain use"""
    )
)
#: Names after these words are names of tables.
BEFORE_TABLES = frozenset(["from", "join", "into", "update", "table", "view", "using", "merge"])


def hash_of(text: str) -> int:
    """Return 64 bits that stand for a token wherever and whenever it is met."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


VALUE = hash_of("\0value")  # of every literal and bind variable
HOLE_HASH = hash_of("\0hole")
NOT = hash_of("\0not")  # it is no token of its own, since printers move it


class Lexicon(dict[str, int]):
    """Numbers distinct tokens, and holds for each its hash, its kind, the lines in it and the hash of its literal."""

    LIMIT = 400_000

    def __init__(self) -> None:
        super().__init__()
        self._new: list[tuple[int, int, int, int]] = []
        self._arrays: tuple[npt.NDArray[Any], ...] = tuple(
            np.zeros(1024, kind) for kind in (np.uint64, np.uint8, np.int32, np.uint64)
        )
        self._filled = 0

    def __missing__(self, token: str) -> int:
        number = self._filled + len(self._new)
        self._new.append(_read(token))
        self[token] = number
        return number

    def arrays(self, tokens: Iterable[str]) -> tuple[Hashes, Kinds, Ints, Hashes]:
        """Return hash, kind, line ends and literal of tokens."""
        if self._filled > self.LIMIT:
            self.clear()
            self._filled = 0
        at = np.fromiter(map(self.__getitem__, tokens), np.int64)
        if self._new:
            self._take_up()
        hashes, kinds, lines, texts = self._arrays
        return hashes[at], kinds[at], lines[at], texts[at]

    def _take_up(self) -> None:
        """Put what is new behind what is there; the arrays double, so that a token costs the same however many there are."""
        filled = self._filled + len(self._new)
        if filled > len(self._arrays[0]):
            self._arrays = tuple(np.resize(values, 2 * filled) for values in self._arrays)
        for values, column in zip(self._arrays, zip(*self._new, strict=True), strict=True):
            values[self._filled : filled] = np.array(column, values.dtype)
        self._filled = filled
        self._new.clear()


def scan(text: str, *, double_is_text: bool) -> list[str]:
    """Return the tokens of a text in lower case, line ends, comments and literals among them."""
    return (_BOTH_QUOTES if double_is_text else _SINGLE_QUOTES).findall(text.lower())


def _read(token: str) -> tuple[int, int, int, int]:
    """Return hash, kind, line ends and hash of the literal of a token."""
    lines = token.count("\n")
    first = token[0]
    if first == "\n" or token.startswith(("--", "/*", "//", "#")) or _DEFAULT_OF_MERGE.fullmatch(token):
        return 0, SKIPPED, lines, 0
    if token in _PUNCTUATION:
        return 0, _PUNCTUATION[token], 0, 0
    if first in "cn" and (found := _read_word(token, lines)):
        return found
    if first in _MARK_KINDS:
        return 0, _MARK_KINDS[first], 0, 0
    if "'" in token or '"' in token:
        return _literal(token, lines)
    if first.isdigit():
        return VALUE, NUMBER, 0, _number(token)
    if first == "\x06":
        return hash_of(token[1:]), HOLE, 0, 0
    if "\x01" in token or "{" in token:
        return HOLE_HASH, HOLE, lines, 0
    return (VALUE, PARAMETER, lines, 0) if _VALUE.fullmatch(token) else _code(token)


def _read_word(token: str, lines: int) -> tuple[int, int, int, int] | None:
    """Return the row of `not` and of `cross join`, None for what is neither."""
    words = token.split()
    if words == ["not"]:
        return NOT, SKIPPED, 0, 0
    return (0, COMMA, lines, 0) if words == ["cross", "join"] else None


def _code(token: str) -> tuple[int, int, int, int]:
    """Return the row of a word, a name or an operator."""
    if "__dbt_" in token:
        token = _DBT.sub("", token) or token
    word = _SAME.get(token, token)
    if word in _DROPPED:
        return 0, SKIPPED, 0, 0
    is_word = word in _WORDS or not (word[0].isalpha() or word[0] in "_$")
    return hash_of(word), WORD if is_word else NAME, 0, 0


#: A bind variable, a masked literal, a value that a template puts in; with or without its type before it.
_VALUE = re.compile(r"(?:\w+\s+)?(?:@@?\w+|%\(\w+\)s|%s|:\w+|\$\d+|\?)|\w+\s*\(.*", re.DOTALL)
#: What dbt adds to the name of a model while it builds it.
_DBT = re.compile(r"^__dbt__cte__|__dbt_(?:tmp|backup|intermediate|new_data)\w*$")
_PUNCTUATION = {".": DOT, ";": END, "(": OPEN, ")": CLOSE, ",": COMMA, "as": AS}


def _literal(token: str, lines: int) -> tuple[int, int, int, int]:
    quoted = re.sub(r"\s+as\s+\w+\s*\)$", "", _PREFIX.sub("", token))
    body = quoted.strip("'\"").replace("\\", "").replace("''", "'")
    if any(mark in body for mark in ("\x01", "${", "%s", "%(")) or re.search(r"\{[a-z_]\w*\}", body):
        return VALUE, PARAMETER, lines, 0
    if len(quoted) < 2 or quoted[-1] != quoted[0]:
        return VALUE, PARAMETER, lines, 0  # the text was cut off within it
    if _DATE_LIKE.fullmatch(body):
        return VALUE, NUMBER, lines, _number(body) if body.replace(".", "").isdigit() else 0
    return VALUE, TEXT, lines, hash_of(body)


def _number(token: str) -> int:
    """Return the hash of a number: 1.0 and 1.00 are one, dates have none since each run has another."""
    return hash_of(token.rstrip("0").rstrip(".") if "." in token else token)
