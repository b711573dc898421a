"""Writes and reads CostLens tags: Snowflake query tags, BigQuery labels, Databricks query tags and SQL comments.

A tag is a small JSON object. Its fields, the most important first:

| field | holds |
|---|---|
| v | version of the tag, 1 |
| a | asset keys, exact |
| k | hashes of the asset keys (`asset_hash`), where the keys themselves do not fit |
| m | how many assets there were, where not even the hashes fit |
| l | asset key as a label shows it: lossy, for people only |
| n | dbt unique id |
| h | hash of the dbt unique id, where a label cannot hold it |
| o | origin: dagster, airflow, dbt, py, sh |
| t | team, where a script says so itself |
| r, j, s, p | run id, job or DAG, step or task, partition |
| f | `path:line` that issued the statement |
| c | version of the code |
| w | 1 = the user's own tag was no JSON object and is kept as text under `tag` |
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from hashlib import sha1
from typing import Any

#: Snowflake's limit of QUERY_TAG, in characters.
QUERY_TAG_LIMIT = 2_000
#: BigQuery's limits: characters of a key or value, labels of a job.
LABEL_LIMIT, LABELS_LIMIT = 63, 64
#: Databricks' limits: characters of a value, tags of a statement.
DATABRICKS_LIMIT, DATABRICKS_TAGS_LIMIT = 128, 20
#: Characters of a SQL comment, and of a text field; a longer field is left out, not cut: half an id is another id.
COMMENT_LIMIT, FIELD_LIMIT = 600, 256

_TEXTS = ("n", "o", "t", "r", "j", "s", "p", "f", "c")
_STABLE = ("n", "o", "t", "j", "s", "f")  # fields that do not differ between two runs of the same code
_HASHES_PER_LABEL, _HASH_LABELS = 3, 8
_SHORT = {"/": "-s", ".": "-d", ":": "-c", " ": "-b", "-": "--"}
_LONG = {short: char for char, short in _SHORT.items()}
_PLAIN_LABEL = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")
_ESCAPE = re.compile(r"--|-[sdcb]|-u[a-z]|-x[0-9a-f]{1,6}-")
_PAIR = re.compile(r"(?:^|[;,&\s])cl_([a-z])\s*[=:]\s*([^;,&]*)")
_COMMENT_PAIR = re.compile(r"cl_([a-z])=([A-Za-z0-9_./@=-]*)")
_encode = json.JSONEncoder(separators=(",", ":")).encode

Fields = Mapping[str, Any]


def asset_hash(key: str) -> str:
    """Return the first 16 hex digits of the SHA-1 of a key: what a tag carries where the key itself cannot stand."""
    return sha1(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16]


def query_tag(fields: Fields, own: str | None = None) -> str | None:
    """Return a Snowflake QUERY_TAG that holds the fields and the user's own tag, at most 2,000 characters long.

    The user's JSON object keeps its text and gains the key `_cl`; other text moves under `tag`. Where both do not fit,
    the least important fields go first, keys become hashes, and at last the user's own tag is returned as it was.
    """
    if own and not _names_a_subject(fields) and _names_a_subject(decode_query_tag(own) or {}):
        return own  # written by hand: it says more than a line of code does
    before, after, wrapped = _frame(own)
    room = QUERY_TAG_LIMIT - len(before) - len(after)
    for form in _forms({**fields, "w": 1} if wrapped else fields):
        text = _encode(form)
        if len(text) <= room:
            return before + text + after
    return own


def split_query_tag(tag: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """Return the CostLens fields of a Snowflake QUERY_TAG, and the user's own tag without them; None = none."""
    if not tag or not tag.strip():
        return None, None
    parsed = _json_object(tag)
    if parsed is None or not isinstance(parsed.get("_cl"), dict):
        return _read({} if parsed is None else _flat(parsed)) or _read_pairs(tag), tag
    ours = parsed.pop("_cl")
    if not parsed:
        return _read(ours), None
    if ours.get("w") == 1 and isinstance(parsed.get("tag"), str):
        return _read(ours), parsed["tag"]
    return _read(ours), _encode(parsed)


def decode_query_tag(tag: str | None) -> dict[str, Any] | None:
    """Return the CostLens fields of a query tag (merged JSON, flat JSON or `cl_a=…;cl_t=…`), or None.

    `a` and `k` are lists of texts, `v`, `m` and `w` integers, all else text; what is not a field of ours is left out.
    """
    return split_query_tag(tag)[0]


def labels(fields: Fields, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return BigQuery labels: the user's own, untouched, and ours as far as 64 allow; always legal."""
    assets = _assets(fields)
    ours = _hash_labels(assets) | ({"cl_a": sanitise(assets[0])} if len(assets) == 1 else {})
    for name in _TEXTS:
        text = str(fields.get(name) or "")
        if value := _label(text, is_path=name == "f"):
            ours[f"cl_{name}"] = value
        elif text and name == "n":
            ours["cl_h"] = asset_hash(text)
    return merged(ours, own, LABELS_LIMIT)


def databricks_tags(fields: Fields, own: Mapping[str, str | None] | None = None) -> dict[str, str | None]:
    """Return Databricks query tags: the user's own, untouched, and ours as far as 20 tags of 128 characters allow."""
    assets = _assets(fields)
    ours = _hash_labels(assets, labels=2)
    if len(assets) == 1 and _is_databricks_text(assets[0]):
        ours["cl_a"] = assets[0]
    for name in _TEXTS:
        value = str(fields.get(name) or "")
        value = _tail(value, str, DATABRICKS_LIMIT) if name == "f" else value
        if _is_databricks_text(value):
            ours[f"cl_{name}"] = value
        elif value and name == "n":
            ours["cl_h"] = asset_hash(value)
    return merged(ours, own, DATABRICKS_TAGS_LIMIT)


def decode_labels(labels: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Return the CostLens fields of job labels or Databricks query tags, or None.

    `a` is there only where it is the exact key; a key that the label could not hold is `k`, with its look in `l`.
    """
    if not labels:
        return None
    found: dict[str, Any] = {}
    hashes: list[str] = []
    for name in sorted(labels):
        value = labels[name]
        if not name.startswith("cl_") or not isinstance(value, str) or not value:
            continue
        if name[:4] == "cl_k":
            hashes += [part for part in value.split("_") if part]
        else:
            found[name[3:]] = value if name == "cl_a" else _unescape(value)
    if hashes:
        found["k"] = hashes
        if "a" in found and [asset_hash(found["a"])] != hashes:
            found["l"] = found.pop("a")
    return _read(found)


def comment(fields: Fields) -> str | None:
    """Return a SQL comment that is the same in every run of the same code, or None.

    It holds `[A-Za-z0-9_./@=-]` and blanks only: no `%` for pyformat drivers, no quote, no `--`, no bind mark.
    """
    stable: dict[str, Any] = {name: fields[name] for name in _STABLE if fields.get(name)}
    for form in _forms(stable | {"a": _assets(fields)}):
        pairs = [
            f"cl_{name}={_safe(str(item))}" for name, value in form.items() for item in _as_list(value) if name != "v"
        ]
        text = " ".join(pairs)
        if pairs and len(text) <= COMMENT_LIMIT:
            return f"/* {text} */"
    return None


def decode_comment(text: str | None) -> dict[str, Any] | None:
    """Return the CostLens fields of the last comment of ours in a statement, or None."""
    start = (text or "").rfind("/* cl_")
    if text is None or start < 0:
        return None
    found: dict[str, Any] = {}
    for name, value in _COMMENT_PAIR.findall(text[start : text.find("*/", start)]):
        value = re.sub("(?:=[0-9A-F]{2})+", _unsafe, value)
        if name in ("a", "k"):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return _read(found)


def sanitise(value: str) -> str:
    """Return text as a BigQuery label value: legal, readable and lossy."""
    folded = unicodedata.normalize("NFKD", value).lower()
    return re.sub(r"[^a-z0-9_-]", "_", folded)[:LABEL_LIMIT]


def merged(ours: Mapping[str, Any], own: Mapping[str, Any] | None, limit: int) -> dict[str, Any]:
    """Return the user's own tags or labels, untouched, and as many of ours as the limit allows.

    Where ours name an asset, those of ours that came with the user's (from another job's configuration) are left out.
    """
    is_stale = "cl_k" in ours or "cl_m" in ours
    found = {name: value for name, value in (own or {}).items() if not (is_stale and name.startswith("cl_"))}
    for name, value in ours.items():
        if len(found) < limit:
            found.setdefault(name, value)
    return found


def _names_a_subject(fields: Fields) -> bool:
    return any(fields.get(name) for name in "akmn")


def _frame(own: str | None) -> tuple[str, str, bool]:
    """Return what stands before and after our object in a merged tag, and whether the user's tag is kept as text."""
    own = split_query_tag(own)[1] if own and '"_cl"' in own else own
    if not own or not own.strip():
        return '{"_cl":', "}", False
    parsed = _json_object(own)
    if parsed is None or "_cl" in parsed:
        return f'{{"tag":{_encode(own)},"_cl":', "}", True
    return own.rstrip()[:-1] + ("," if parsed else "") + '"_cl":', "}", False


def _forms(fields: Fields) -> list[dict[str, Any]]:
    """Return the ways to write the fields, from all of them down to the barest."""
    assets = _assets(fields)
    texts = {name: str(fields[name]) for name in _TEXTS if fields.get(name) and len(str(fields[name])) <= FIELD_LIMIT}
    rest = {"w": 1} if fields.get("w") else {}
    subjects: list[dict[str, Any]] = [{"a": assets}, {"k": [asset_hash(key) for key in assets]}, {"m": len(assets)}]
    forms = []
    for subject in subjects if assets else [{}]:
        # exact keys are worth giving up where and when, not who: then hashes say more
        fewest = len(texts) - 4 if "a" in subject else 0
        forms += [
            {"v": 1, **subject, **dict(list(texts.items())[:count]), **rest}
            for count in range(len(texts), max(fewest, 0) - 1, -1)
        ]
    return forms


def _assets(fields: Fields) -> list[str]:
    return [str(key) for key in fields.get("a") or ()]


def _hash_labels(assets: list[str], labels: int = _HASH_LABELS) -> dict[str, str]:
    """Return the hashes, three to a label (cl_k, cl_k2, …); only their number where there are too many."""
    if len(assets) > _HASHES_PER_LABEL * labels:
        return {"cl_m": str(len(assets))}
    hashes = [asset_hash(key) for key in assets]
    groups = [hashes[at : at + _HASHES_PER_LABEL] for at in range(0, len(hashes), _HASHES_PER_LABEL)]
    return {f"cl_k{number if number > 1 else ''}": "_".join(group) for number, group in enumerate(groups, 1)}


def _label(value: str, *, is_path: bool = False) -> str:
    """Return a label value that `_unescape` turns back into the same text; empty where 63 characters are too few."""
    if not value or _PLAIN_LABEL.fullmatch(value):
        return value
    escaped = _tail(value, _escape, LABEL_LIMIT) if is_path else _escape(value)
    return escaped if len(escaped) <= LABEL_LIMIT else ""


def _tail(path: str, escape: Callable[[str], str], limit: int) -> str:
    """Return the path, escaped, without as many leading folders as it takes to fit."""
    while len(escape(path)) > limit and "/" in path:
        path = path.partition("/")[2]
    return escape(path)


def _escape(value: str) -> str:
    return "-" + "".join(map(_escape_char, value))


def _escape_char(char: str) -> str:
    if "a" <= char <= "z" or "0" <= char <= "9" or char == "_":
        return char
    if "A" <= char <= "Z":
        return f"-u{char.lower()}"
    return _SHORT.get(char) or f"-x{ord(char):x}-"


def _unescape(value: str) -> str:
    return _ESCAPE.sub(_unescape_mark, value[1:]) if value.startswith("-") else value


def _unescape_mark(mark: re.Match[str]) -> str:
    text = mark.group()
    if text[1] == "u":
        return text[2].upper()
    if text[1] == "x":
        return chr(min(int(text[2:-1], 16), 0x10FFFF))
    return _LONG[text]


def _is_databricks_text(value: str) -> bool:
    return 0 < len(value) <= DATABRICKS_LIMIT and value.isascii() and value.isprintable() and not value.startswith("-")


def _safe(value: str) -> str:
    """Return text in the alphabet of comments: other bytes as `=XX`, and no `--`."""
    coded = re.sub(rb"[^A-Za-z0-9_./@-]", lambda m: b"=%02X" % m.group()[0], value.encode("utf-8", "surrogatepass"))
    return coded.decode("ascii").replace("--", "-=2D")


def _unsafe(run: re.Match[str]) -> str:
    return bytes.fromhex(run.group().replace("=", "")).decode("utf-8", "replace")


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):  # a tag may be anything, nested a thousand deep too
        return None
    return parsed if isinstance(parsed, dict) else None


def _flat(parsed: Mapping[str, Any]) -> dict[str, Any]:
    return {name[3:]: value for name, value in parsed.items() if name.startswith("cl_")}


def _read_pairs(tag: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name, value in _PAIR.findall(tag):
        if name in ("a", "k"):
            found.setdefault(name, []).append(value.strip())
        else:
            found[name] = value.strip()
    return _read(found)


def _read(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is a field of ours and of its type; None where nothing is left that says anything."""
    fields: dict[str, Any] = {"v": found["v"] if isinstance(found.get("v"), int) else 1}
    for name in ("a", "k"):
        if texts := [item for item in _as_list(found.get(name)) if isinstance(item, str) and item]:
            fields[name] = texts
    for name in ("m", "w"):
        if str(found.get(name, "")).isdecimal():
            fields[name] = int(found[name])
    for name in ("h", "l", *_TEXTS):
        if isinstance(found.get(name), str) and found[name]:
            fields[name] = found[name]
    return fields if len(fields) > 1 else None
