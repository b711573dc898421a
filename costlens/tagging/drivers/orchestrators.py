"""The hooks of orchestrators, each in its own package under connectors/, loaded when the orchestrator is imported."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from costlens.tagging.patching import Driver, Undo


def _hook(target: str) -> Callable[[ModuleType], list[Undo]]:
    """Return a patch that is `module:function`; costlens itself never needs the package."""
    module, _, name = target.partition(":")

    def patch(imported: ModuleType) -> list[Undo]:
        undo: list[Undo] = getattr(import_module(module), name)(imported)
        return undo

    return patch


DRIVERS = (Driver("dbt_common.events.contextvars", "dbt-core", (1, 8), (2,), _hook("costlens_dbt.nodes:patch")),)
