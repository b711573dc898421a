"""Reads the files of an estate: YAML and JSON, checked by pydantic, every error with its file and key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from costlens.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the top level of a YAML file; raises ConfigError."""
    try:
        raw = yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{where}: not valid YAML: {getattr(error, 'problem', None) or 'cannot be read'}"
        ) from None
    if raw is not None and not isinstance(raw, dict):
        raise ConfigError(f"{path}: the top level must be keys and values")
    return cast("dict[str, Any]", raw or {})


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises ConfigError."""
    try:
        raw = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"{path}{f', line {line}' if line else ''}: not valid JSON: write the file again") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a JSON object is wanted at the top level")
    return cast("dict[str, Any]", raw)


def checked(kind: type[Model], raw: Any, where: str) -> Model:
    """Return `raw` as a model; raises ConfigError with one line a fault: `<where>: <key>: <what>`, without values."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        lines = [*_lines(error, kind, where)]
    raise ConfigError("\n".join(lines))


def nearest(name: str, known: list[str]) -> str:
    """Return a remedy for an unknown name: the nearest known one, else all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f": did you mean `{close[0]}`?"
    return f": known are {', '.join(sorted(known)[:20])}" if known else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: write it, or correct the path in costlens.yml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}): a UTF-8 text file is wanted") from None


def _lines(error: ValidationError, kind: type[BaseModel], where: str) -> Iterator[str]:
    for item in error.errors(include_input=False, include_context=False, include_url=False):
        place = _dotted(item["loc"]) or "top level"
        if item["type"] == "extra_forbidden":
            yield f"{where}: {place}: unknown key{nearest(str(item['loc'][-1]), _keys(kind, item['loc'][:-1]))}"
        else:
            message = item["msg"].removeprefix("Value error, ")
            yield f"{where}: {place}: {message[:1].lower()}{message[1:]}"


def _keys(kind: Any, loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are known at a place within a model."""
    for part in loc:
        if isinstance(part, str) and part in getattr(kind, "model_fields", {}):
            kind = _model_in(kind.model_fields[part].annotation)
    return [field.alias or name for name, field in getattr(kind, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _model_in(part))), None)


def _dotted(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
