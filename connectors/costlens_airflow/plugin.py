"""The plugin that Airflow 3 finds by its entry point: a listener, and a reader of what hooks say of their statements."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from costlens_airflow import listener
from costlens_airflow.lineage import Reader


class CostLensPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is installed in its own environment
    """Tags the statements of every task."""

    name = "costlens"
    listeners: ClassVar[list[Any]] = [listener]
    hook_lineage_readers: ClassVar[list[Any]] = [Reader]
