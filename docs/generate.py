"""Writes the pages of docs/ that follow from the code: commands, tables, configuration; `make docs` runs it, a test compares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, get_origin

import click
from pydantic import BaseModel

from costlens import registry
from costlens.commands import main
from costlens.config import Root
from costlens.model import TABLES

#: What a table has beyond its columns when people read it.
MORE = {
    "charges": (
        "`costlens export charges` adds asset, team, share, attribution_method and confidence: one row per charge and share.",
        "",
    ),
    "daily": ("`costlens sql` and `costlens export` add team: the asset's owner on the day, else rule_team.", ""),
}
HERE = Path(__file__).parent


def commands() -> str:
    """Return the help of every command."""
    lines = ["# Commands", "", "Exit codes: 0 done, 1 failed with one line that says what to do, 2 wrong usage.", ""]
    names = main.context_settings["help_option_names"]
    context = click.Context(main, info_name="costlens", terminal_width=110, help_option_names=names)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            lines += [f"## costlens {name}", "", "```", command.get_help(inner), "```", ""]
    return "\n".join(lines)


def tables() -> str:
    """Return the tables of the ledger."""
    lines = ["# Tables of the ledger", ""]
    lines += ['`costlens sql "select … from charges"` asks them, `costlens export TABLE --out FILE` writes them.', ""]
    lines += [
        "Windows are half-open, times are UTC. An `instant` is a timestamp with microseconds, a `decimal` has 12 places.",
        "",
    ]
    for table in TABLES.values():
        lines += [
            f"## {table.name}",
            "",
            f"One row: {table.grain}.",
            "",
            "| column | type | what it holds |",
            "|---|---|---|",
        ]
        lines += [f"| {column.name} | {column.type} | {column.doc} |" for column in table.columns]
        lines += ["", *MORE.get(table.name, ())]
    return "\n".join(lines)


def configuration() -> str:
    """Return every key of costlens.yml with its description and default."""
    lines = ["# Configuration: costlens.yml", ""]
    lines += [
        "Unknown keys are refused with the nearest known one. `${NAME}` takes an environment variable, `${file:/path}` a file.",
        "",
    ]
    lines += ["## Top level", "", *_keys(Root), ""]
    for dotted in registry.modules("costlens.settings").values():
        lines += [f"## Section `{registry.load(dotted).KEY}`", "", *_keys(registry.load(dotted).Settings), ""]
    for name in registry.connector_entry_points():
        lines += [f"## Source of type `{name}`", "", *_keys(registry.connector(name).Settings), ""]
    for word in registry.orchestrator_entry_points():
        lines += [f"## `assets:` entry `{word}`", "", *_keys(registry.orchestrator(word).Settings), ""]
    lines += ["## The files that `costlens init` writes", ""]
    for name in ("costlens.yml", "assets.yml", "teams.yml"):
        text = (files("costlens") / "templates" / name).read_text(encoding="utf-8").rstrip()
        lines += [f"`{name}`:", "", "```yaml", text, "```", ""]
    return "\n".join(lines)


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    if not prefix:
        yield from ("| key | default | what it is |", "|---|---|---|")
    for name, field in model.model_fields.items():
        default = (
            "required"
            if field.is_required()
            else _default(field.get_default(call_default_factory=True, validated_data={}))
        )
        yield f"| `{prefix}{field.alias or name}` | {default} | {field.description or ''} |"
        for inner in _models(field.annotation):
            one_of_many = "NAME." if get_origin(field.annotation) is dict else ""
            yield from _keys(inner, f"{prefix}{name}.{one_of_many}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind


def _default(value: Any) -> str:
    if value is None or isinstance(value, BaseModel) or value in ([], {}, ()):
        return ""
    return f"`{re.sub(r'[|]', '/', str(value))}`"


PAGES = {"commands.md": commands, "tables.md": tables, "configuration.md": configuration}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make().rstrip() + "\n", encoding="utf-8")
