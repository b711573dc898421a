"""Method `target`: what writes a relation is for the asset that the relation is; so is what is metered for an object itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from costlens.attribute.deeds import Deed
from costlens.attribute.follow import Step, follow
from costlens.attribute.subjects import DEED
from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "target"
_SAID_BY_VENDOR = 1.0
_WRITTEN, _COPY = 0.9, 0.8


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts on objects that are a relation of an asset, and on queries by what they write, themselves and in the end."""
    tables = scene.by_text("object", lambda name: read_object(name, scene.known)) if scene.has("object") else []
    if not scene.has(DEED):
        return tables
    tables += scene.by_deed(lambda deed: read_target(deed, scene.known))
    return [*tables, *_followed(scene)]


def read_object(name: str, known: Known) -> Verdict | None:
    """Return the asset whose relation the object is."""
    asset = known.relations.find(name)
    return Verdict(NAME, _SAID_BY_VENDOR, "the object metered", equal_shares([asset])) if asset else None


def read_target(deed: Deed, known: Known) -> Verdict | None:
    """Return the assets that a statement writes; a copy that CI or a person made of one is that asset's cost too."""
    placed = {name: known.place(deed.full(name)) for name in deed.lasting}
    found = {name: place for name, place in placed.items() if place.asset}
    if not found:
        return None
    places = list(found.values())
    confidence = _COPY if any(place.is_copy for place in places) else _WRITTEN
    text = f"{deed.verb or 'the vendor says that it'} writes {'a copy of ' if confidence == _COPY else ''}it"
    environment = next((place.environment for place in places if place.environment), None)
    assets = equal_shares([place.asset for place in places if place.asset])
    return Verdict(NAME, confidence, text, assets, traits=Traits(environment, "build"))


def _followed(scene: Scene) -> list[ir.Table]:
    """Return verdicts on statements whose tables are no asset, by the assets that these tables end in."""
    known = scene.known
    deeds = scene.deeds
    loose = [n for n, deed in deeds.items() if deed.targets and not read_target(deed, known)]
    if not loose or len(loose) == len([deed for deed in deeds.values() if deed.targets]):
        return []
    rows: dict[str, list[object]] = {"query_id": [], "day": [], "verdict": []}
    for step, assets in follow(_steps(scene, deeds, loose)):
        text = f"{step.deed.verb}: its table ends in it within the session"
        verdict = Verdict(NAME, _WRITTEN, text, equal_shares(assets), traits=Traits(purpose="build"))
        rows["query_id"].append(step.query_id)
        rows["day"].append(step.day)
        rows["verdict"].append(scene.verdicts.number(verdict))
    if not rows["query_id"]:
        return []
    kinds = (Column("subject_id", "text"), Column("day", "day"), Column("verdict", "integer"))
    types = (pa.string(), pa.int32(), pa.int64())
    arrays = [pa.array(values, kind) for values, kind in zip(rows.values(), types, strict=True)]
    return [scene.register(pa.table(dict(zip([c.name for c in kinds], arrays, strict=True))), "followed", kinds)]


def _steps(scene: Scene, deeds: Mapping[int, Deed], loose: list[int]) -> Iterator[Step]:
    """Yield the writing statements of the threads that write something which is no asset, by thread and in order."""
    numbered = scene.facts["deeds"].filter(lambda rows: rows.writes)
    texts = scene.text_table(DEED)
    numbered = numbered.join(texts, numbered.deed == texts.value).select(
        "thread", "query_id", "day", "started_at", "no"
    )
    chosen = scene.numbers({"no": loose}, "loose")
    threads = numbered.semi_join(chosen, "no").select("thread").distinct()
    rows = numbered.semi_join(threads, "thread").order_by("thread", "started_at", "query_id")
    known = scene.known
    assets = {number: tuple(a for a, _ in v.assets) for number, d in deeds.items() if (v := read_target(d, known))}
    for batch in scene.batches(rows):
        columns = batch.to_pydict()
        for thread, query_id, day, number in zip(
            *(columns[c] for c in ("thread", "query_id", "day", "no")), strict=True
        ):
            yield Step(thread, query_id, day, deeds[number], assets.get(number, ()))
