"""What a table of the ledger is made of: columns with a type and a meaning, a grain and a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "instant", "day", "integer", "double", "decimal", "boolean"]


@dataclass(frozen=True)
class Column:
    """One column: its name, type and what it holds."""

    name: str
    type: Type
    doc: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the ledger; `key` names the columns that make a row unique within a source."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_fact: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


def columns(text: str) -> tuple[Column, ...]:
    """Read `name type doc` lines."""
    rows = []
    for line in text.strip().splitlines():
        name, kind, *doc = line.split(None, 2)
        rows.append(Column(name, kind, doc[0] if doc else ""))  # type: ignore[arg-type]
    return tuple(rows)
