"""Method `code`: the text is that of one place in an indexed repository, whose asset or owner is known.

An asset by its file (dbt's or the asset file's `path`), else a team by CODEOWNERS. Shapes are traced, not queries, and only those of
queries for which nothing better named an asset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.estates.team_names import TeamNames
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.scene import Scene, Voices
    from costlens.trace.code import Found

NAME = "code"
#: What is claimed was right in every case of the evaluation (docs/code-tracing.md); its queries are made, so less is said here.
_WHOLE, _PART = 0.9, 0.8
_IS_WHOLE = 0.985


def speak(scene: Scene, voices: Voices) -> list[ir.Table]:
    """Return verdicts on the shapes of queries that nothing gave an asset: [(source, day, shape, verdict)]."""
    if not scene.code or "shapes" not in scene.facts:
        return []
    reader = _Reader(scene)
    rows: list[tuple[str, int, str, int]] = []
    asked = _asked(scene, voices).order_by("day", "source", "shape")
    for day, shapes in _by_day(scene, asked):
        found = scene.code.find(day, {shape: text for _, shape, text in shapes})
        told = {shape: scene.verdicts.number(reader.verdict(one)) for shape, one in found.items()}
        rows += [(source, day, shape, told[shape]) for source, shape, _ in shapes if told.get(shape)]
    return [_table(scene, rows)] if rows else []


class _Reader:
    """Says whose a place is."""

    def __init__(self, scene: Scene) -> None:
        self._known = scene.known
        self._teams = TeamNames(scene.known.estate.teams)

    def verdict(self, found: Found) -> Verdict:
        """Return asset or team of a place, and where it is; only the latter where neither is known."""
        where = f"{found.path}:{found.line}"
        asset = self._known.by_path(found.path)
        team = None if asset else self._teams.first(found.owners)
        text = f"{found.repository}/{where}" + (f" in {found.name}" if found.name else "")
        return Verdict(
            NAME,
            _WHOLE if found.score >= _IS_WHOLE else _PART,
            text,
            equal_shares([asset]) if asset else (),
            team,
            Traits(code_ref=where, code_version=found.commit),
        )


def _asked(scene: Scene, voices: Voices) -> ir.Table:
    """Return (source, day, shape, text) of the queries for which nothing so far named an asset."""
    rows = scene.subjects.filter(scene.subjects["shape"].notnull() & (scene.subjects.kind == "query"))
    heard, names = scene.hear(rows, voices)
    heard = scene.materialise(heard.select("source", "day", "shape", *names).distinct(), "by_code")
    combinations, outcomes = scene.outcomes(heard, names)
    silent = [
        row for row, outcome in zip(combinations, outcomes, strict=True) if not any(a for a, _, _ in outcome.rows)
    ]
    columns = {name: [row[at] for row in silent] for at, name in enumerate(names)}
    alone = heard.semi_join(scene.numbers(columns, "without_asset"), names).select("source", "day", "shape").distinct()
    shapes = scene.facts["shapes"]
    texts = shapes.filter(shapes.text.notnull()).group_by("source", "shape").agg(text=shapes.text.min())
    return alone.join(texts, ["source", "shape"]).select("source", "day", "shape", "text")


def _by_day(scene: Scene, rows: ir.Table) -> list[tuple[int, list[tuple[str, str, str]]]]:
    days: dict[int, list[tuple[str, str, str]]] = {}
    for batch in scene.batches(rows):
        for row in batch.to_pylist():
            days.setdefault(row["day"], []).append((row["source"], row["shape"], row["text"]))
    return sorted(days.items())


def _table(scene: Scene, rows: list[tuple[str, int, str, int]]) -> ir.Table:
    kinds = {"source": pa.string(), "day": pa.int32(), "shape": pa.string(), "verdict": pa.int64()}
    arrow = pa.table({name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(kinds.items())})
    columns = [Column("source", "text"), Column("day", "day"), Column("shape", "text"), Column("verdict", "integer")]
    return scene.register(arrow, "by_code", columns)
