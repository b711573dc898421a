"""Breaks each function of an orchestrator's hooks in turn, and asks the hooks as the orchestrator would: it must notice nothing.

Run in the orchestrator's environment: `python hook_faults.py dbt|dagster|airflow`; prints what was broken. What stands between
the orchestrator and us (`SHIELDS`) is what catches; all else may fail.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from costlens.tagging import context, instrument

SHIELDS = {
    "_around_a_step",
    "_around_resources",
    "__enter__",
    "__exit__",
    "emit",
    "patch",
    "patch_steps",
    "patch_resources",
}
MODULES = {
    "dbt": ("costlens_dbt.nodes",),
    "dagster": ("costlens_dagster.steps", "costlens_dagster.boot"),
    "airflow": ("costlens_airflow.listener", "costlens_airflow.task", "costlens_airflow.lineage"),
}
reached: set[str] = set()


def functions(module: ModuleType) -> list[str]:
    """Return the functions that the module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and getattr(value, "__module__", None) == module.__name__
        and not inspect.isclass(value)
        and name not in SHIELDS
        and not name.startswith("on_")  # Airflow catches what its listeners raise
    ]


def broken(name: str) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        reached.add(name)
        raise RuntimeError("a secret 'literal'")

    return fail


def ask_dbt() -> None:
    from dbt_common.events.contextvars import log_contextvars

    with log_contextvars(node_info={"unique_id": "model.shop.x", "node_path": "x.sql"}):
        context.current()
    context.current()


def ask_dagster() -> None:
    from costlens_dagster import boot, steps

    @contextlib.contextmanager
    def entering(step: object) -> Iterator[object]:
        yield step

    def setup(**_: Any) -> Iterator[int]:
        yield 1
        yield 2

    class Step:  # as far as our hooks look
        has_assets_def, has_partition_key, has_partition_key_range, run_id, job_name = False, False, False, "r", "j"
        op_def = type("Op", (), {"compute_fn": type("Fn", (), {"decorated_fn": entering})})

        def get_step_execution_context(self) -> Any:
            return type("Context", (), {"step": type("S", (), {"key": "k"})})

    for step in (Step(), object()):
        with steps._around_a_step(entering, None, (step,), {}) as entered:
            assert entered is step
    plan = type("Plan", (), {"step_handles_to_execute": [], "get_step": None})
    run = type("Run", (), {"run_id": "r", "job_name": "j", "tags": {}})
    for kwargs in ({"execution_plan": plan, "dagster_run": run}, {"execution_plan": object(), "dagster_run": object()}):
        assert list(steps._around_resources(setup, None, (), kwargs)) == [1, 2]
    boot.Boot().emit(None)  # type: ignore[arg-type]


def ask_airflow() -> None:
    from costlens_airflow import listener

    class Instance:
        dag_id, task_id, run_id, map_index = "d", "t", "r", -1
        task = type(
            "Task", (), {"outlets": [], "owner": "x", "dag": type("Dag", (), {"tags": [], "fileloc": __file__})}
        )

        def xcom_push(self, **_: Any) -> None:
            raise OSError

    for instance in (Instance(), object()):
        listener.on_starting(component=None)
        listener.on_task_instance_running(previous_state=None, task_instance=instance)
        listener.on_task_instance_failed(previous_state=None, task_instance=instance, error=None)
        listener.on_task_instance_success(previous_state=None, task_instance=instance)


def main(orchestrator: str) -> None:
    ask = {"dbt": ask_dbt, "dagster": ask_dagster, "airflow": ask_airflow}[orchestrator]
    instrument()
    ask()
    for dotted in MODULES[orchestrator]:
        module = import_module(dotted)
        for name in functions(module):
            whole = getattr(module, name)
            owners = [import_module(each) for each in MODULES[orchestrator]]
            places = [(owner, key) for owner in owners for key, value in vars(owner).items() if value is whole]
            for owner, key in places:
                setattr(owner, key, broken(name))
            refinements = list(context._refinements)
            if name == "with_node":  # dbt's hook has it in hand already
                context._refinements[:] = [broken(name)]
            if hasattr(module, "_context") and hasattr(module._context, "cache_clear"):
                module._context.cache_clear()
            ask()
            context._refinements[:] = refinements
            for owner, key in places:
                setattr(owner, key, whole)
    assert not context._process.active
    print(*sorted(reached))


if __name__ == "__main__":
    main(sys.argv[1])
