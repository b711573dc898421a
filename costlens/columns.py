"""What a table of the ledger is made of: columns with a type and a meaning, a grain and a key.

Types (`Column.type`) in the two places they live:

| type    | in the lake (Arrow)       | in pipeline expressions (Ibis) |
|---------|---------------------------|--------------------------------|
| text    | string                    | string                         |
| instant | timestamp[us, UTC]        | int64, microseconds since 1970 |
| day     | date32                    | int32, days since 1970         |
| integer | int64                     | int64                          |
| double  | double (weights, shares)  | float64                        |
| decimal | decimal128(38, 12)        | decimal(38, 12) (units, money) |
| boolean | bool                      | boolean                        |

`costlens.engine` converts between the two; nothing else does.
"""

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
