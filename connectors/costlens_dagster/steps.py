"""Enters the context of a Dagster step around all of it: its body, its checks, IO managers, retries, and its resources' setup."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

from costlens.tagging import asset, caller
from costlens.tagging.context import Context
from costlens.tagging.guard import attempt
from costlens.tagging.patching import Undo, wrap

ORIGIN = "dagster"


def patch_steps(execute_step: ModuleType) -> list[Undo]:
    """Hook into `dagster._core.execution.plan.execute_step`, which imports by name what is entered around each step."""
    return [wrap(execute_step, "enter_execution_context", _around_a_step)]


def patch_resources(resources_init: ModuleType) -> list[Undo]:
    """Hook into `dagster._core.execution.resources_init`: a resource is set up before the step that needs it begins."""
    return [wrap(resources_init, "resource_initialization_event_generator", _around_resources)]


class _Both:
    """Dagster's context of a step, and ours within it."""

    def __init__(self, dagsters: Any) -> None:
        self._dagsters = dagsters
        self._scope: asset | None = None

    def __enter__(self) -> Any:
        entered = self._dagsters.__enter__()
        self._scope = attempt(None, _scope_of_step, entered)
        if self._scope is not None:
            self._scope.__enter__()
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        if self._scope is not None:
            self._scope.__exit__(kind, error, trace)
        return self._dagsters.__exit__(kind, error, trace)


def _around_a_step(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dagsters = wrapped(*args, **kwargs)
    return attempt(dagsters, _Both, dagsters)


def _around_resources(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run each part of setup and teardown in the context of the steps that the plan is for; one where steps have processes."""
    generator = attempt(wrapped, _with_plan, wrapped, kwargs)
    return generator(*args, **kwargs)


def _with_plan(wrapped: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """Return the generator in the context of a plan: of its step, where it has one; several steps share the run and no asset."""
    plan, run = kwargs.get("execution_plan"), kwargs.get("dagster_run")
    if plan is None or run is None:
        return wrapped
    handles = plan.step_handles_to_execute
    step = plan.get_step(handles[0]) if len(handles) == 1 else None
    outputs = [output.properties for output in getattr(step, "step_outputs", ())]
    checked = [output.asset_check_key.asset_key for output in outputs if output.asset_check_key]
    context = Context(
        assets=_names({output.asset_key for output in outputs if output.asset_key} or checked),
        origin=ORIGIN,
        run=run.run_id,
        job=run.job_name,
        step=step.key if step else None,
        partition=run.tags.get("dagster/partition"),
    )
    return asset.of(context)(wrapped)


def _scope_of_step(entered: Any) -> asset:
    """Return our context of the step whose execution context was entered: an asset's, a check's or an op's."""
    step = getattr(entered, "op_execution_context", entered)
    line, version = _code(step.op_def)
    return asset.of(
        Context(
            assets=_names(_keys(step)),
            origin=ORIGIN,
            run=step.run_id,
            job=step.job_name,
            step=step.get_step_execution_context().step.key,
            partition=_partition(step),
            line=line,
            version=version,
        )
    )


def _keys(step: Any) -> Iterable[Any]:
    """Return the assets that a step makes; a step that only checks is for what it checks, and a plain op for none."""
    if not step.has_assets_def:
        return ()
    made = set(step.selected_asset_keys)
    return made or {check.asset_key for check in step.selected_asset_check_keys}


def _names(keys: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted("/".join(key.path) for key in keys))


def _partition(step: Any) -> str | None:
    if step.has_partition_key:
        return str(step.partition_key)
    if step.has_partition_key_range:
        return f"{step.partition_key_range.start}...{step.partition_key_range.end}"
    return None


def _code(op: Any) -> tuple[str | None, str | None]:
    """Return where the step's function is written, for statements that a library of Dagster's issues for it."""
    code = getattr(getattr(op.compute_fn, "decorated_fn", None), "__code__", None)
    place = caller.user_place(code.co_filename) if code is not None else None
    if code is None or place is None:
        return None, None
    path, repository = place
    return f"{path}:{code.co_firstlineno}", caller.version(repository)
