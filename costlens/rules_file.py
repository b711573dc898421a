"""Adds a rule to teams.yml or an asset to assets.yml as text, so that comments and order stay as people wrote them."""

from __future__ import annotations

import difflib
import tempfile
from pathlib import Path

import yaml

from costlens.errors import ConfigError, UsageError


def with_rule(text: str, team: str, field: str, pattern: str, where: str) -> str:
    """Return the text of a teams file with a principal rule added to a team; raises UsageError where it has no such team."""
    entry = _team(text, team, where)
    rule = f"- {{{field}: {_scalar(pattern)}}}"
    for key, value in entry.value:
        if key.value != "owns":
            continue
        if not isinstance(value, yaml.SequenceNode) or value.flow_style:
            raise UsageError(
                f"{where}: the `owns` of {team} is written in brackets: write it as a list, one rule a line"
            )
        if value.value:
            return _insert(text, value.value[-1], value.start_mark.column, rule)
    column = entry.start_mark.column
    return _insert(text, entry, column, f"owns:\n{' ' * column}  {rule}")


def with_asset(text: str, key: str, relation: str, team: str, where: str) -> str:
    """Return the text of an assets file with an asset added at its end."""
    body = _compose(text, where)
    lists = [value for name, value in getattr(body, "value", []) if getattr(name, "value", None) == "assets"]
    entry = f"- key: {_scalar(key)}\n{{0}}  relations: [{_scalar(relation)}]\n{{0}}  team: {_scalar(team)}"
    if not lists or not isinstance(lists[0], yaml.SequenceNode) or not lists[0].value:
        return f"{text.rstrip()}\nassets:\n{entry.format('')}\n".lstrip()
    column = lists[0].start_mark.column
    return _insert(text, lists[0].value[-1], column, entry.format(" " * column))


def difference(before: str, after: str, path: Path) -> str:
    """Return what a change of a file would be, as `diff -u` shows it."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=2)
    return "\n".join(lines)


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all; raises UsageError where it cannot be written."""
    try:
        mode = path.stat().st_mode & 0o777
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        written = Path(file.name)
        written.chmod(mode)
        written.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}: nothing was changed") from None


def _team(text: str, team: str, where: str) -> yaml.MappingNode:
    body = _compose(text, where)
    names: list[str] = []
    for key, value in getattr(body, "value", []):
        for entry in value.value if key.value == "teams" and isinstance(value, yaml.SequenceNode) else ():
            said = [item.value for name, item in entry.value if name.value == "name"]
            if said == [team]:
                found: yaml.MappingNode = entry
                return found
            names += said
    raise UsageError(f"{where}: no team {team!r}: known are {', '.join(names) or 'none'}")


def _compose(text: str, where: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise ConfigError(f"{where}: not valid YAML: `costlens check` says where") from None


def _insert(text: str, after: yaml.Node, column: int, entry: str) -> str:
    """Put lines after a node."""
    lines = text.splitlines()
    last = min(_last_line(after), len(lines) - 1)
    first, *others = entry.split("\n")
    return "\n".join([*lines[: last + 1], " " * column + first, *others, *lines[last + 1 :]]) + "\n"


def _last_line(node: yaml.Node) -> int:
    """Return the line on which a node ends: the mark of a block stands where the next one begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.line if node.end_mark.column else node.end_mark.line - 1)


def _scalar(value: str) -> str:
    """Return a text as YAML would write it on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]
