"""Records the query ids that hooks tell Airflow: evidence of its own, beside the tag, for what no tag reaches."""

from __future__ import annotations

from typing import Any

from airflow.sdk.lineage import HookLineageReader, get_hook_lineage_collector

#: XCom key under which the ids of a task's statements are kept, and the most that are.
KEY, LIMIT = "costlens_query_ids", 500


class Reader(HookLineageReader):  # type: ignore[misc]
    """Makes Airflow collect what hooks say: without a reader it collects nothing."""


def record(task_instance: Any) -> list[str]:
    """Keep the ids of the statements that the hooks of this task issued in an XCom of it; returns them."""
    told = [each.value for each in get_hook_lineage_collector().collected_assets.extra if each.key == "sql_job"]
    ids = [str(value["job_id"]) for value in told if isinstance(value, dict) and value.get("job_id")]
    found = list(dict.fromkeys(ids))[:LIMIT]
    if found:
        task_instance.xcom_push(key=KEY, value=found)
    return found
