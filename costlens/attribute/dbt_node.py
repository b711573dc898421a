"""What a dbt unique id tells beside its asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlens.attribute.verdicts import Traits

if TYPE_CHECKING:
    from costlens.attribute.known import Known

_PURPOSES = {
    "model": "build",
    "seed": "build",
    "snapshot": "build",
    "operation": "build",
    "test": "test",
    "unit_test": "test",
    "source": "test",  # dbt source freshness asks whether data is there
}


def dbt_traits(unique_id: str | None, known: Known, environment: str | None = None) -> Traits:
    """Return purpose by the node's kind (`model.p.x` builds, `test.p.x` tests), its file, and the environment as given."""
    node = unique_id or ""
    return Traits(environment, purpose_of(node.partition(".")[0]), known.path(node))


def purpose_of(kind: str) -> str | None:
    """Return what a kind of dbt node is for."""
    return _PURPOSES.get(kind)
