"""Method `target`: an object that is metered by itself (storage, clustering, loading) belongs to the asset it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlens.attribute.verdicts import Verdict, equal_shares

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "target"
_SAID_BY_VENDOR = 1.0


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts on objects that are a relation of an asset."""
    return scene.by_text("object", lambda name: read_object(name, scene.known)) if scene.has("object") else []


def read_object(name: str, known: Known) -> Verdict | None:
    """Return the asset whose relation the object is."""
    asset = known.relations.find(name)
    return Verdict(NAME, _SAID_BY_VENDOR, "the object metered", equal_shares([asset])) if asset else None
