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


_AIRFLOW_SNOWFLAKE = ("apache-airflow-providers-snowflake", (6,), (7,))
_DAGSTER = ("dagster", (1, 10), (2,))
DRIVERS = (
    Driver("dbt_common.events.contextvars", "dbt-core", (1, 8), (2,), _hook("costlens_dbt.nodes:patch")),
    Driver("dagster._core.execution.plan.execute_step", *_DAGSTER, _hook("costlens_dagster.steps:patch_steps")),
    Driver("dagster._core.execution.resources_init", *_DAGSTER, _hook("costlens_dagster.steps:patch_resources")),
    Driver("airflow.providers.snowflake.hooks.sql_api", *_AIRFLOW_SNOWFLAKE, _hook("costlens_airflow.sql_api:patch")),
)
