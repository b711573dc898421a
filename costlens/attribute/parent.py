"""Method `parent`: what an attributed query called, or what ran in its session and transaction, is for its asset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from costlens.attribute.decide import NONE
from costlens.attribute.verdicts import SILENT, Outcome, Verdict

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.scene import Scene, Voices

NAME = "parent"
#: A caller ends within this many days of what it called: so the answer for a day depends on few days, however cut.
REACH_DAYS = 3
_CONFIDENCE = 0.95


def speak(scene: Scene, voices: Voices) -> list[ir.Table]:
    """Return verdicts on called queries, and on silent ones whose transaction speaks with one voice."""
    return [*_called(scene, voices), *_same_transaction(scene, voices)]


def _called(scene: Scene, voices: Voices) -> list[ir.Table]:
    rows = scene.subjects
    is_called = (rows.parent_id.notnull() | rows.root_id.notnull()) & (rows.subject_id != rows.parent_id.fill_null(""))
    children = rows.filter(is_called).select("subject", "source", "day", "parent_id", "root_id")
    children = scene.materialise(children, "children")
    callers = children.select("source", subject_id=children.parent_id)
    callers = callers.union(children.select("source", subject_id=children.root_id)).distinct()
    heard, names = scene.hear(rows.semi_join(callers, ["source", "subject_id"]), voices)
    heard = scene.materialise(heard.select("source", "day", "subject_id", *names), "callers")
    said = _inherited(scene, heard, names, "called by an attributed query")
    told = said.filter(said.verdict != SILENT).rename(caller_day="day", caller="subject_id")
    tables = []
    for link in ("parent_id", "root_id"):
        joined = children.join(told, [children.source == told.source, children[link] == told.caller])
        near = joined.filter((joined.day - joined.caller_day).abs() <= REACH_DAYS)
        tables.append(scene.materialise(near.group_by("subject").agg(verdict=near.verdict.min()), "called"))
    return tables


def _same_transaction(scene: Scene, voices: Voices) -> list[ir.Table]:
    rows = scene.subjects
    rows = rows.filter(rows.session_id.notnull() & rows.transaction_id.notnull())
    heard, names = scene.hear(rows, voices)
    keys = ["source", "day", "session_id", "transaction_id"]
    heard = scene.materialise(heard.select("subject", *keys, *names), "in_transactions")
    said = _inherited(scene, heard, names, "same session and transaction")
    speaking = said.filter(said.verdict != SILENT)
    single = speaking.group_by(keys).agg(verdict=speaking.verdict.min(), most=speaking.verdict.max())
    single = single.filter(single.verdict == single.most).drop("most")
    silent = said.filter(said.verdict == SILENT).drop("verdict")
    return [scene.materialise(silent.join(single, keys).select("subject", "verdict"), "same_transaction")]


def _inherited(scene: Scene, heard: ir.Table, names: Sequence[str], text: str) -> ir.Table:
    """Add `verdict`: what rows would hand down, 0 for those that nothing was said of."""
    combinations, outcomes = scene.outcomes(heard, names)
    columns = {name: [row[at] for row in combinations] for at, name in enumerate(names)}
    handed_down = [scene.verdicts.number(_handed_down(outcome, text)) for outcome in outcomes]
    table = scene.numbers({**columns, "verdict": handed_down}, "handed_down")
    joined = heard.join(table, list(names))
    return joined.drop(*names)


def _handed_down(outcome: Outcome, text: str) -> Verdict | None:
    if outcome.method == NONE:
        return None
    return Verdict(
        method=NAME,
        confidence=min(_CONFIDENCE, outcome.confidence),
        text=text,
        assets=tuple((asset, share) for asset, _, share in outcome.rows if asset),
        team=outcome.rows[0][1],
        traits=outcome.traits,
    )
