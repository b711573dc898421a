"""Enters the context of a task when it starts to run, in the process that runs it, and leaves it when it ends.

A task that defers ends without a word: its process does, or the next task to start in it leaves it. What comes back from
a deferral starts to run again.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from costlens.tagging import asset
from costlens.tagging.boot import export
from costlens.tagging.guard import attempt
from costlens.tagging.patching import instrument
from costlens_airflow.lineage import begin, record
from costlens_airflow.task import context_of

_entered: list[asset] = []


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: Any) -> None:
    """Turn tagging on before the DAG is read, here and in the Python processes that tasks start."""
    attempt(None, export)
    instrument()


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    """Enter the task."""
    attempt(None, _enter, task_instance)


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """Leave it."""
    attempt(None, _leave, task_instance)


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    """Leave it."""
    attempt(None, _leave, task_instance)


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_skipped(previous_state: Any, task_instance: Any) -> None:
    """Leave it."""
    attempt(None, _leave, task_instance)


def _enter(task_instance: Any) -> None:
    _leave_all()
    attempt(None, export)  # a process that came without on_starting
    instrument()
    attempt(None, begin)
    scope = asset.of(context_of(task_instance))
    scope.__enter__()
    _entered.append(scope)


def _leave(task_instance: Any) -> None:
    attempt(None, record, task_instance)
    _leave_all()


def _leave_all() -> None:
    while _entered:
        _entered.pop().__exit__(None, None, None)
