"""Method `read`: a pure read by a tool or service costs for what it reads; a person's read is that person's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costlens.attribute.deeds import Deed
from costlens.attribute.tools import AUTOMATIC
from costlens.attribute.verdicts import Traits, Verdict, equal_shares

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "read"
_CONFIDENCE = 0.7
_COPY = 0.6
_WHO = ("user", "client")


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts on queries that write nothing that lasts, by what they read and who asks."""
    if not scene.has("deed"):
        return []
    who = [name for name in _WHO if name in scene.who]
    numbers = [number for number, names in scene.tools.groups().items()]
    rules = [n for columns in numbers if set(columns) <= set(who) for n in scene.tools.groups()[columns]]
    automatic: dict[tuple[str | None, ...], bool] = {}

    def is_automatic(row: Mapping[str, Any]) -> bool:
        key = tuple(row[name] for name in who)
        if key not in automatic:
            match = scene.tools.first(rules, {name: (row[name],) for name in who if row[name]})
            of_user = scene.known.environment_of_user(row["user"]) if row["user"] else None
            automatic[key] = match.rule.kind in AUTOMATIC if match else of_user in ("production", "ci")
        return automatic[key]

    said: dict[int, dict[int, Verdict | None]] = {}

    def read(row: Mapping[str, Any], era: int) -> Verdict | None:
        number = row["deed_no"]
        if number is None or not is_automatic(row):
            return None
        by_era = said.setdefault(number, {})
        if era not in by_era:
            by_era[era] = read_sources(scene.deeds[number], scene, era)
        return by_era[era]

    return scene.by_columns([*who, "deed_no"], read)


def read_sources(deed: Deed, scene: Scene, era: int) -> Verdict | None:
    """Return the assets that a statement reads where it writes nothing that lasts."""
    if deed.lasting or not deed.sources:
        return None
    known: Known = scene.known
    places = [place for name in deed.sources if (place := known.place(deed.full(name))).asset]
    if not places:
        return None
    assets = equal_shares([place.asset for place in places if place.asset])
    is_copy = any(place.is_copy for place in places)
    environment = next((place.environment for place in places if place.is_copy), None)
    owners = {known.owner(asset, scene.day_of_era(era)) for asset, _ in assets}
    return Verdict(
        method=NAME,
        confidence=_COPY if is_copy else _CONFIDENCE,
        text="a read of it" if len(assets) == 1 else "a read of them",
        assets=assets,
        traits=Traits(environment),
        owner=next(iter(owners)) if len(owners) == 1 else None,
    )
