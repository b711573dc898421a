"""Records the query ids that hooks tell Airflow: evidence of its own, beside the tag, for what no tag reaches."""

from __future__ import annotations

from typing import Any

from airflow.sdk.lineage import HookLineageReader, get_hook_lineage_collector

from costlens_airflow.xcom import KEY, LIMIT


class Reader(HookLineageReader):  # type: ignore[misc]
    """Makes Airflow collect what hooks say: without a reader it collects nothing."""


_before: set[str] = set()


def begin() -> None:
    """Take what hooks have told so far for another task's: a process that tests a DAG runs several."""
    _before.clear()
    _before.update(_told())


def record(task_instance: Any) -> list[str]:
    """Keep the ids of the statements that the hooks of this task issued in an XCom of it; returns them."""
    found = [query_id for query_id in _told() if query_id not in _before][:LIMIT]
    if found:
        task_instance.xcom_push(key=KEY, value=found)
    return found


def _told() -> list[str]:
    """Return the ids that hooks have told, once each, in order."""
    told = [each.value for each in get_hook_lineage_collector().collected_assets.extra if each.key == "sql_job"]
    return list(dict.fromkeys(str(one["job_id"]) for one in told if isinstance(one, dict) and one.get("job_id")))
