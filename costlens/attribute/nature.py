"""Method `nature`: what a statement is for and where it belongs, where nobody says it; it names no asset and no team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlens.attribute.deeds import Deed
from costlens.attribute.verdicts import Traits, Verdict

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "nature"
_MAINTENANCE = frozenset(
    {
        "alter session",
        "analyze",
        "comment",
        "commit",
        "create",
        "define",
        "desc",
        "describe",
        "grant",
        "list",
        "optimize",
        "revoke",
        "rollback",
        "show",
        "use",
        "vacuum",
    }
)


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return traits by what queries did."""
    return scene.by_deed(lambda deed: read_nature(deed, scene.known)) if scene.has("deed") else []


def read_nature(deed: Deed, known: Known) -> Verdict | None:
    """Return what a statement is for by its verb, and the environment by the places it writes to, else stood in."""
    purpose: str | None
    if deed.verb in _MAINTENANCE:
        purpose = "maintenance"
    elif deed.lasting:
        purpose = "build"
    else:
        purpose = "read" if deed.sources or deed.verb == "select" else None
    written = [part for name in deed.lasting for part in deed.full(name)[:-1]]
    stood = [name for name in (deed.database, deed.schema) if name]
    traits = Traits(known.environment_of_place(*written) or known.environment_of_place(*stood), purpose)
    return Verdict(NAME, 0.0, "what the statement does", traits=traits) if traits != Traits() else None
