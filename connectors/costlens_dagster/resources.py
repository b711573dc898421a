"""Drop-in resources for those who prefer code to dagster.yaml: the same as dagster-snowflake's and dagster-gcp's, tagged.

    from costlens_dagster.resources import SnowflakeResource  # was: from dagster_snowflake import SnowflakeResource

Importing this module turns tagging on in every process that loads the definitions, for all drivers; the classes are
what they were, so a configuration needs no change.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from costlens.tagging.boot import export
from costlens.tagging.guard import attempt
from costlens.tagging.patching import instrument

attempt(None, export)
instrument()

_CLASSES = {
    "SnowflakeResource": "dagster_snowflake",
    "BigQueryResource": "dagster_gcp",
    "DbtCliResource": "dagster_dbt",
}


def __getattr__(name: str) -> Any:
    """Return Dagster's own class; what is not installed is not imported."""
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: there are {', '.join(sorted(_CLASSES))}")
