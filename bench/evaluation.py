"""What a module of `make eval` returns, and the figures that several need."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Section:
    """One table of the report: a title, rows under columns, and what the figures do not show."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    notes: tuple[str, ...] = field(default=())


def bootstrap(
    clusters: Sequence[Sequence[Item]], figure: Callable[[list[Item]], float], *, rounds: int = 1000, seed: int = 7
) -> tuple[float, float]:
    """Return the 95 % interval of a figure, clusters drawn as a whole: queries of one file are no independent draws."""
    chance = random.Random(seed)
    drawn = []
    for _ in range(rounds):
        sample = [item for _ in clusters for item in chance.choice(clusters)]
        drawn.append(figure(sample))
    drawn.sort()
    return drawn[int(0.025 * rounds)], drawn[int(0.975 * rounds) - 1]


def render(section: Section) -> str:
    """Return a section as text that is also Markdown."""
    rows = [tuple(_cell(value) for value in row) for row in (section.columns, *section.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(section.columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join((f"## {section.title}", "", *lines, "", *(f"- {note}" for note in section.notes), ""))


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
