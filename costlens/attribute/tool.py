"""Method `tool`: by whom, with what and into which schema a query runs tells the tool, and with a rule's help its asset or team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costlens.attribute.deeds import Deed
from costlens.attribute.tools import Match
from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.marks import json_object, pairs_of

if TYPE_CHECKING:
    from datetime import date

    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "tool"
#: Column of numbers of texts with keys -> what its fields begin with.
_KINDS = {"tag_no": "tag", "labels_no": "label", "mark_no": "mark"}


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts by each set of columns that rules look at, those on statements and tags before those on who ran them."""
    groups = scene.tools.groups()
    tables: list[ir.Table] = []
    for columns in sorted(groups, key=lambda names: (not any(name.endswith("_no") for name in names), names)):
        if all(scene.has_column(column) for column in columns):
            tables += _by_group(scene, columns, groups[columns])
    return tables


def _by_group(scene: Scene, columns: Sequence[str], numbers: Sequence[int]) -> list[ir.Table]:
    tags = {
        column: {number: text for text, number in scene.texts(column.removesuffix("_no"))}
        for column in _KINDS
        if column in columns
    }

    def read(row: Mapping[str, Any], era: int) -> Verdict | None:
        fields: dict[str, Sequence[str]] = {}
        for column in columns:
            value = row[column]
            if value is None:
                return None
            if column == "deed_no":
                fields |= of_deed(scene.deeds[value])
            elif column in tags:
                fields |= of_pairs(tags[column][value], _KINDS[column])
            else:
                fields[column] = (value,)
        match = scene.tools.first(numbers, fields)
        return _verdict(match, scene.known, scene.day_of_era(era)) if match else None

    return scene.by_columns(columns, read)


def of_deed(deed: Deed) -> dict[str, Sequence[str]]:
    """Return the fields that rules know of a statement; a relation's name is told with dots between its parts."""
    return {
        "target": [".".join(deed.full(name)) for name in deed.targets],
        "source": [".".join(deed.full(name)) for name in deed.sources],
        "text": deed.marks,
    }


def of_pairs(text: str, kind: str) -> dict[str, Sequence[str]]:
    """Return the fields that rules know of a query tag, of labels or of a tool's comment."""
    body = json_object(text) or pairs_of(text) or {}
    return {f"{kind}:{key}": (str(value),) for key, value in body.items() if isinstance(value, str | int)}


def _verdict(match: Match, known: Known, day: date) -> Verdict | None:
    rule = match.rule
    asset, team = match.fill(rule.asset), match.fill(rule.team)
    found = known.find(asset) if asset else None
    return Verdict(
        method=NAME,
        confidence=rule.confidence,
        text=f"{rule.tool}: {' and '.join(rule.when)}",
        assets=equal_shares([found]) if found else (),
        team=known.team(team) if team else None,
        traits=Traits(rule.environment, rule.purpose),
        owner=known.owner(found, day) if found else None,
    )
