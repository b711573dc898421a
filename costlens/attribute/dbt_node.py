"""What a dbt unique id tells beside its asset."""

from __future__ import annotations

from costlens.attribute.verdicts import Traits

_PURPOSES = {
    "model": "build",
    "seed": "build",
    "snapshot": "build",
    "operation": "build",
    "test": "test",
    "unit_test": "test",
    "source": "test",  # dbt source freshness asks whether data is there
}


def dbt_traits(unique_id: str | None, environment: str | None = None) -> Traits:
    """Return purpose by the node's kind (`model.p.x` builds, `test.p.x` tests) and the environment as given."""
    kind = (unique_id or "").lstrip("_").partition(".")[0]
    return Traits(environment=environment, purpose=_PURPOSES.get(kind))
