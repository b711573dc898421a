"""Says which dbt node a statement is for: dbt-core's own log context names it, in every thread of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from costlens.tagging import caller
from costlens.tagging.context import Context, refine

#: Folders of a project in which a node's path is looked for: dbt tells it relative to them and does not say to which.
FOLDERS = ("models", "snapshots", "seeds", "tests", "analyses", "functions")

_NOTHING = Context()


def patch(contextvars: ModuleType) -> list[Callable[[], None]]:
    """Hook into `dbt_common.events.contextvars`; nothing of dbt is changed, it is only asked."""
    return [refine(partial(with_node, contextvars.get_node_info))]


def with_node(get_node_info: Callable[[], Mapping[str, Any]], outer: Context | None) -> Context | None:
    """Return the context with the node that runs now, and the run it is part of; as it is, where no dbt runs."""
    from dbt.flags import get_flags
    from dbt_common.invocation import get_invocation_id

    info = get_node_info()
    if not info and (outer is not None or not getattr(get_flags(), "WHICH", None)):
        return outer
    return _context(outer, get_invocation_id(), info.get("unique_id"), info.get("node_path"))


@lru_cache(maxsize=4096)
def _context(outer: Context | None, invocation: str, node: str | None, path: str | None) -> Context:
    """Return what dbt adds: within a step of another orchestrator run, job and step stay that one's.

    An asset that was named for the whole run is kept for those who have no manifest; several would only be split.
    """
    known = outer or _NOTHING
    assets = known.assets if len(known.assets) == 1 or not node else ()
    found = replace(known, assets=assets, origin="dbt", node=node, run=known.run or invocation)
    if not node:
        return found
    line, version = _code(path)
    return replace(found, line=line, version=version)


def _code(path: str | None) -> tuple[str | None, str | None]:
    """Return where the node is written, if its file is there, and the version of its project."""
    root = _project()
    for folder in FOLDERS if path else ():
        file = root / folder / str(path)
        if file.is_file():
            place, repository = caller.place(str(file))
            return f"{place}:1", caller.version(repository)
    return None, caller.version(caller.place(str(root / "dbt_project.yml"))[1])


def _project() -> Path:
    """Return the folder of the project that runs."""
    from dbt.flags import get_flags

    return Path(str(getattr(get_flags(), "PROJECT_DIR", None) or os.getcwd())).resolve()  # noqa: PTH109
