"""What a running task of Airflow is for: its outlets, else its DAG; its run, map index and code; and the team that its DAG names."""

from __future__ import annotations

import os
from typing import Any

from costlens.tagging import caller
from costlens.tagging.context import Context

#: Airflow's own owner of a DAG that has none.
NOBODY = "airflow"
_TEAM = "team:"


def context_of(task_instance: Any) -> Context:
    """Return the context of a task instance, as `on_task_instance_running` is given it."""
    task = task_instance.task
    mapped = task_instance.map_index
    line, version = _code(task)
    return Context(
        assets=_outlets(task) or (str(task_instance.dag_id),),
        team=_team(task),
        origin="airflow",
        run=f"{task_instance.dag_id}/{task_instance.run_id}",
        job=str(task_instance.dag_id),
        step=str(task_instance.task_id) if mapped in (None, -1) else f"{task_instance.task_id}[{mapped}]",
        line=line,
        version=version,
    )


def _outlets(task: Any) -> tuple[str, ...]:
    """Return the names of the assets that a task writes; an alias is known by its assets only when the task has ended."""
    names = (getattr(outlet, "name", None) for outlet in task.outlets or () if getattr(outlet, "uri", None))
    return tuple(dict.fromkeys(str(name) for name in names if name))


def _team(task: Any) -> str | None:
    """Return the team that a deployment, a tag `team:…` of the DAG, or an owner names; the estate's word is above it."""
    if team := os.environ.get("AIRFLOW_CTX_TEAM_NAME"):
        return team
    tags = sorted(str(tag) for tag in getattr(task.dag, "tags", None) or ())
    named = next((tag.removeprefix(_TEAM) for tag in tags if tag.startswith(_TEAM)), None)
    owner = str(task.owner or "")
    return named or (owner if owner.lower() not in ("", NOBODY) else None)


def _code(task: Any) -> tuple[str | None, str | None]:
    """Return where the task is written: its function, else the file of its DAG."""
    code = getattr(getattr(task, "python_callable", None), "__code__", None)
    file = code.co_filename if code is not None else getattr(task.dag, "fileloc", None)
    place = caller.user_place(file) if file else None
    if place is None:
        return None, None
    path, repository = place
    return f"{path}:{code.co_firstlineno if code is not None else 1}", caller.version(repository)
