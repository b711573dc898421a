"""Breaks all code of an orchestrator's hooks in turn, and asks the hooks as the orchestrator would: it must notice nothing.

Run in the orchestrator's environment: `python hook_faults.py dbt|dagster|airflow`; prints what was entered, what was noticed, and what
of the hooks was not entered, as JSON. What stands between the orchestrator and us catches; all else may fail.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from costlens.tagging import guard, instrument, statement, uninstrument

sys.path.append(str(Path(__file__).parents[2] / "tagging"))
from breaking import CORE, Breaker, name_of, noticed  # type: ignore[import-not-found]

#: The modules that tag, of each package; the others pull.
MODULES = {
    "dbt": ("costlens_dbt.nodes",),
    "dagster": ("costlens_dagster.steps", "costlens_dagster.boot", "costlens_dagster.resources"),
    "airflow": (
        "costlens_airflow.listener",
        "costlens_airflow.task",
        "costlens_airflow.lineage",
        "costlens_airflow.sql_api",
        "costlens_airflow.plugin",
    ),
}


def all_of(module: ModuleType) -> set[str]:
    """Return the names of all functions that a module's file holds, nested ones too."""
    path = Path(str(module.__file__))

    def within(code: CodeType) -> Iterator[CodeType]:
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield inner
                yield from within(inner)

    found = within(compile(path.read_text(), str(path), "exec"))
    return {name_of(code) for code in found if not _is_class_body(code) and not code.co_name.startswith("<")}


def _is_class_body(code: CodeType) -> bool:
    return "__module__" in code.co_names and "__qualname__" in code.co_names


def ask_dbt(arm: Callable[[], None]) -> None:
    from dbt_common.events.contextvars import log_contextvars

    for path in ("x.sql", "none.sql"):
        with log_contextvars(node_info={"unique_id": f"model.shop.{path}", "node_path": path}):
            guard.attempt(None, statement.query_tag, None)  # as the drivers ask
        arm()
    guard.attempt(None, statement.query_tag, None)


def ask_dagster(arm: Callable[[], None]) -> None:
    import dagster._core.execution.plan.execute_step
    import dagster._core.execution.resources_init  # noqa: F401

    from costlens_dagster import boot, resources, steps

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
        arm()
        with steps._around_a_step(entering, None, (step,), {}) as entered:
            assert entered is step
    plan = type("Plan", (), {"step_handles_to_execute": [], "get_step": None})
    run = type("Run", (), {"run_id": "r", "job_name": "j", "tags": {}})
    for kwargs in ({"execution_plan": plan, "dagster_run": run}, {"execution_plan": object(), "dagster_run": object()}):
        arm()
        assert list(steps._around_resources(setup, None, (), kwargs)) == [1, 2]
    arm()
    boot.Boot().emit(None)  # type: ignore[arg-type]
    assert resources.SnowflakeResource.__module__.startswith("dagster_snowflake")


def ask_airflow(arm: Callable[[], None]) -> None:
    from costlens_airflow import listener, sql_api

    class Instance:
        dag_id, task_id, run_id, map_index = "d", "t", "r", -1
        task = type(
            "Task", (), {"outlets": [], "owner": "x", "dag": type("Dag", (), {"tags": [], "fileloc": __file__})}
        )

        def xcom_push(self, **_: Any) -> None:
            raise OSError

    class Hook:
        def execute_query(self, sql: str, statement_count: int, query_tag: str = "") -> tuple[str, int]:
            return sql, statement_count

    ends: tuple[Callable[..., None], ...] = (
        listener.on_task_instance_failed,
        listener.on_task_instance_success,
        listener.on_task_instance_skipped,
    )
    for instance in (Instance(), object()):
        arm()
        listener.on_starting(component=None)
        for end in ends:
            arm()
            listener.on_task_instance_running(previous_state=None, task_instance=instance)
            arm()
            end(
                previous_state=None,
                task_instance=instance,
                **({"error": None} if end is listener.on_task_instance_failed else {}),
            )
    arm()
    undo = guard.attempt([], sql_api.patch, type("Module", (), {"SnowflakeSqlApiHook": Hook}))  # type: ignore[arg-type]
    arm()
    assert Hook().execute_query("select 1", 1) == ("select 1", 1)
    assert Hook().execute_query("select 1", 1, "mine") == ("select 1", 1)
    for each in undo:
        guard.attempt(None, each)


def main(orchestrator: str) -> None:
    ask = {"dbt": ask_dbt, "dagster": ask_dagster, "airflow": ask_airflow}[orchestrator]
    modules = [import_module(dotted) for dotted in MODULES[orchestrator]]

    def program(breaker: Breaker) -> None:
        instrument()
        breaker.arm()
        ask(breaker.arm)
        breaker.arm()
        uninstrument()
        if orchestrator == "airflow":
            modules[0]._entered.clear()

    entered, felt = noticed(program, [CORE, Path(str(modules[0].__file__)).parent], modules)
    missed = set().union(*map(all_of, modules)) - entered
    print(json.dumps({"entered": sorted(entered), "felt": sorted(felt), "missed": sorted(missed)}))


if __name__ == "__main__":
    main(sys.argv[1])
