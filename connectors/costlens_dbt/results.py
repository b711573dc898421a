"""Reads run_results.json (schema v1 to v6): each node's status, times and main statement."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

from costlens.orchestrator import Materialization, Run, Status

_VERSION = re.compile(r"/run-results/v\d+(?:\.json)?$")
_GOOD, _STOPPED = frozenset({"success", "pass", "warn", "no-op"}), frozenset({"skipped", "partial success"})


def read_run_results(content: bytes) -> tuple[list[Run], list[Materialization]]:
    """Return the run and its nodes; raises ValueError with what is wrong, in words without content."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("not valid JSON: the run that wrote it may have been stopped") from None
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    if not isinstance(metadata, dict) or not _VERSION.search(str(metadata.get("dbt_schema_version", ""))):
        raise ValueError("not a dbt run_results.json")
    invocation, written = metadata.get("invocation_id"), time_of(metadata.get("generated_at"))
    if not isinstance(invocation, str) or not invocation or not written or not isinstance(raw.get("results"), list):
        raise ValueError("run_results without invocation_id, generated_at or results")
    nodes = [found for result in raw["results"] if (found := _node(result, invocation, written))]
    started = min([written, *(node.started_at for node in nodes)])
    status: Status = "failed" if any(node.status == "failed" for node in nodes) else "success"
    arguments = raw.get("args")
    command = arguments.get("which") if isinstance(arguments, dict) else None
    job = f"dbt {command}" if isinstance(command, str) and re.fullmatch(r"[a-z-]{1,20}", command) else None
    return [Run(invocation, started, written, status, job)], nodes


def _node(result: Any, invocation: str, written: datetime) -> Materialization | None:
    if not isinstance(result, dict) or not isinstance(result.get("unique_id"), str):
        return None
    timing = [one for one in result.get("timing") or [] if isinstance(one, dict)]
    starts = [at for one in timing if (at := time_of(one.get("started_at")))]
    ends = [at for one in timing if (at := time_of(one.get("completed_at")))]
    query_id = query_id_of(result.get("adapter_response"))
    return Materialization(
        invocation,
        result["unique_id"],
        min(starts, default=written),
        max(ends, default=None),
        status_of(result.get("status")),
        query_ids=(query_id,) if query_id else (),
    )


def query_id_of(response: Any) -> str | None:
    """Return the statement's id of an adapter's response: Snowflake's and Databricks' query_id, BigQuery's job."""
    if not isinstance(response, dict):
        return None
    query_id, job = response.get("query_id"), response.get("job_id")
    if isinstance(query_id, str) and query_id:
        return query_id
    if not isinstance(job, str) or not job:
        return None
    project, location = response.get("project_id"), response.get("location")
    return f"{project}:{location}.{job}" if project and location else job


def status_of(status: Any) -> Status:
    """Return a node's status in the model's words."""
    word = str(status).lower()
    if word in _GOOD or word.startswith("success"):
        return "success"
    return "cancelled" if word in _STOPPED else "running" if word in ("started", "executing", "compiling") else "failed"


def time_of(text: Any) -> datetime | None:
    """Return a time as dbt writes it, in UTC where it has no zone; None for what is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)
