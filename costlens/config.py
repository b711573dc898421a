"""Reads costlens.yml: one loader, unknown keys refused, secrets taken from the environment or from files and never shown."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from costlens import registry
from costlens.connector import Connector
from costlens.errors import ConfigError
from costlens.orchestrator import Orchestrator

FILE_NAME = "costlens.yml"
_REFERENCE = re.compile(r"\$\{(?:(?P<env>[A-Za-z_][A-Za-z0-9_]*)|file:(?P<file>[^}]+))\}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
Section = TypeVar("Section", bound=BaseModel)


class Root(BaseModel):
    """The top level of costlens.yml; what else may stand there are the sections of `costlens.settings`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    lake: str = Field(
        default="./.costlens/lake", description="Folder, s3://, gs:// or abfss:// URL of the Delta tables."
    )
    lake_options: dict[str, str] = Field(
        default_factory=dict, description="Options of the object store, as deltalake names them."
    )
    database: str = Field(
        default="sqlite:///./.costlens/costlens.db", description="SQLAlchemy URL; PostgreSQL as postgresql+psycopg://."
    )
    sources: list[dict[str, Any]] = Field(
        default_factory=list, description="Warehouse accounts, each with name and type."
    )
    assets: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Where assets, their owners and runs come from: yaml, codeowners, dbt, dagster, airflow, openlineage.",
    )
    teams: Path | None = Field(default=None, description="File of teams and what they own.")
    idle: Literal["fair", "causal", "separate"] = Field(
        default="fair", description="How statements allocate idle: short for `allocation.idle`."
    )


@dataclass(frozen=True)
class Config:
    """A read and checked configuration; paths are absolute, `repr` shows no secret."""

    path: Path
    root: Root
    sources: tuple[Connector, ...]
    sections: Mapping[str, BaseModel]
    orchestrators: tuple[Orchestrator, ...] = ()

    def __repr__(self) -> str:
        return f"Config({self.path}, sources={[c.settings.name for c in self.sources]})"

    @property
    def base(self) -> Path:
        """Folder that relative paths start from."""
        return self.path.parent

    def section(self, kind: type[Section]) -> Section:
        """Return a section by its class."""
        for section in self.sections.values():
            if isinstance(section, kind):
                return section
        raise KeyError(kind.__name__)

    def source(self, name: str) -> Connector:
        """Return one source by name."""
        for connector in self.sources:
            if connector.settings.name == name:
                return connector
        known = [connector.settings.name for connector in self.sources]
        raise ConfigError(f"{self.path}: no source {name!r}{_nearest(name, known)}")


def load_config(path: Path) -> Config:
    """Read a configuration file; raises ConfigError with the file, the key and what to do."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: run `costlens init` to write one, or name it with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}): a UTF-8 text file is wanted") from None
    return parse_config(text, path.resolve())


def parse_config(text: str, path: Path) -> Config:
    """Read the text of a configuration whose relative paths start from `path`'s folder."""
    raw = _expand(_parse_yaml(text, path), path, ())
    section_types = {name: registry.load(dotted) for name, dotted in registry.modules("costlens.settings").items()}
    keys = {module.KEY: module.Settings for module in section_types.values()}
    top = {key: value for key, value in raw.items() if key not in keys}
    root = _validate(Root, top, path, (), extra_keys=list(keys))
    sections = {key: _validate(kind, raw.get(key) or {}, path, (key,)) for key, kind in keys.items()}
    sources = tuple(_source(entry, path, number) for number, entry in enumerate(root.sources))
    names = [connector.settings.name for connector in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: sources: two are called {name!r}: give each a name of its own")
    orchestrators = tuple(_orchestrators(root.assets, path))
    for name in (taken := [*names, *(orchestrator.name for orchestrator in orchestrators)]):
        if taken.count(name) > 1:
            raise ConfigError(f"{path}: assets: a second source called {name!r}: give it a `name` of its own")
    return Config(path, _absolute(root, path.parent), sources, sections, orchestrators)


def _parse_yaml(text: str, path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{where}: not valid YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}"
        ) from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: the top level must be keys and values, as `costlens init` writes them")
    return cast("dict[str, Any]", raw)


def _expand(value: Any, path: Path, where: tuple[str | int, ...]) -> Any:
    """Replace ${ENV} and ${file:PATH} in texts; the values never appear in a message."""
    if isinstance(value, dict):
        return {key: _expand(item, path, (*where, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, path, (*where, number)) for number, item in enumerate(value)]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _reference(match, path, where), value)
    return value


def _reference(match: re.Match[str], path: Path, where: tuple[str | int, ...]) -> str:
    if name := match["env"]:
        if name not in os.environ:
            raise ConfigError(
                f"{path}: {_dotted(where)}: environment variable {name} is not set: set it or write the value"
            )
        return os.environ[name]
    file = Path(match["file"])
    file = file if file.is_absolute() else path.parent / file
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{path}: {_dotted(where)}: file {file} cannot be read: check the path and its mode"
        ) from None


def _source(entry: dict[str, Any], path: Path, number: int) -> Connector:
    where = ("sources", number)
    if not isinstance(entry.get("type"), str):
        known = ", ".join(registry.connector_entry_points())
        raise ConfigError(f"{path}: {_dotted(where)}: `type` is missing: one of {known}")
    try:
        kind = registry.connector(entry["type"])
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{path}: {_dotted(where)}: type {entry['type']} needs {error.name}: pip install 'costlens[{entry['type']}]'"
        ) from None
    settings = _validate(kind.Settings, entry, path, where)
    if settings.export is not None and not settings.export.is_absolute():
        settings = settings.model_copy(update={"export": (path.parent / settings.export).resolve()})
    return kind(settings)


def _orchestrators(entries: list[dict[str, Any]], path: Path) -> Iterator[Orchestrator]:
    """Yield what `assets:` names beside files; what is wrong with the words themselves is said where the estate is loaded."""
    unnamed: Counter[str] = Counter()
    for number, entry in enumerate(entries):
        for word in entry.keys() & registry.orchestrator_entry_points().keys():
            where = ("assets", number, word)
            try:
                kind = registry.orchestrator(word)
            except ModuleNotFoundError as error:
                raise ConfigError(f"{path}: {_dotted(where)}: needs {error.name}: pip install {error.name}") from None
            body = {"precedence": entry["precedence"]} if "precedence" in entry else {}
            body |= entry[word] if isinstance(entry[word], dict) else {}
            if "name" not in entry:
                unnamed[word] += 1
            name = entry.get("name", word if unnamed[word] == 1 else f"{word}-{unnamed[word]}")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(f"{path}: {_dotted(where)}: `name` is 1 to 60 letters, digits, `_` and `-`")
            yield kind(name, _validate(kind.Settings, body, path, where), path.parent)


Model = TypeVar("Model", bound=BaseModel)


def _said(message: str) -> str:
    """Return pydantic's words as a person who writes YAML would have them."""
    text = message[:1].lower() + message[1:]
    return text.replace("a valid tuple", "a list: write it as [a, b]").replace("a valid dictionary", "keys with values")


def _validate(
    kind: type[Model], raw: Any, path: Path, where: tuple[str | int, ...], extra_keys: list[str] | None = None
) -> Model:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        lines = list(_messages(error, kind, path, where, extra_keys or []))
    raise ConfigError("\n".join(lines))


def _messages(
    error: ValidationError, kind: type[BaseModel], path: Path, where: tuple[str | int, ...], extra_keys: list[str]
) -> Iterator[str]:
    for item in error.errors(include_input=False, include_context=False, include_url=False):
        place = (*where, *item["loc"])
        if item["type"] == "extra_forbidden":
            known = [*_keys(kind, item["loc"][:-1]), *extra_keys]
            yield f"{path}: {_dotted(place)}: unknown key{_nearest(str(item['loc'][-1]), known)}"
        else:
            yield f"{path}: {_dotted(place) or 'top level'}: {_said(item['msg'])}"


def _keys(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are known at a place within a model."""
    current: Any = kind
    for part in loc:
        if isinstance(part, str) and part in getattr(current, "model_fields", {}):
            current = current.model_fields[part].annotation
            inner = [a for a in getattr(current, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)]
            current = inner[0] if inner else current
    return [field.alias or name for name, field in getattr(current, "model_fields", {}).items()]


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f": did you mean `{close[0]}`?"
    return f": known are {', '.join(sorted(known))}" if known else ""


def _dotted(where: tuple[str | int, ...]) -> str:
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _absolute(root: Root, base: Path) -> Root:
    update: dict[str, Any] = {}
    if "://" not in root.lake:
        update["lake"] = str((base / root.lake).resolve())
    if match := re.fullmatch(r"sqlite:///(?!/)(?P<file>[^?]+)(?P<rest>.*)", root.database):
        update["database"] = f"sqlite:///{(base / match['file']).resolve()}{match['rest']}"
    if root.teams is not None and not root.teams.is_absolute():
        update["teams"] = (base / root.teams).resolve()
    return root.model_copy(update=update)
