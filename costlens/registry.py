"""Finds what is installed: connectors by entry point, commands and configuration sections by the folder they lie in."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from costlens.errors import ConfigError

if TYPE_CHECKING:
    from costlens.connector import Connector
    from costlens.orchestrator import Orchestrator

CONNECTORS = "costlens.connectors"
ORCHESTRATORS = "costlens.orchestrators"


@cache
def connector_entry_points() -> dict[str, EntryPoint]:
    """Return the registered connectors by type; two of one name are an error."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=CONNECTORS):
        if point.name in found and found[point.name].value != point.value:
            raise ConfigError(
                f"two connectors are called {point.name!r} ({found[point.name].value}, {point.value}): uninstall one"
            )
        found[point.name] = point
    return dict(sorted(found.items()))


def connector(type_name: str) -> type[Connector]:
    """Return the connector class of a source's `type`."""
    points = connector_entry_points()
    if type_name not in points:
        raise ConfigError(f"no connector of type {type_name!r}: installed are {', '.join(points) or 'none'}")
    loaded: type[Connector] = points[type_name].load()
    return loaded


@cache
def orchestrator_entry_points() -> dict[str, EntryPoint]:
    """Return the registered orchestrators by the word that names them in the configuration."""
    return dict(sorted((point.name, point) for point in entry_points(group=ORCHESTRATORS)))


def orchestrator(word: str) -> type[Orchestrator]:
    """Return the class of an orchestrator."""
    loaded: type[Orchestrator] = orchestrator_entry_points()[word].load()
    return loaded


def modules(package: str) -> dict[str, str]:
    """Return the public modules of one of our packages: name -> dotted path, without importing any."""
    folder = Path(__file__).parent / package.removeprefix("costlens.").replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return {name: f"{package}.{name}" for name in names}


def load(dotted: str) -> ModuleType:
    """Import a module found by `modules`."""
    return import_module(dotted)
