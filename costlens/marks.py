"""What known tools write about themselves in comments, query tags and labels: how it is known, which keys are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from costlens.tagging.codec import decode_comment

DBT_KEYS = frozenset(
    {
        "app",
        "connection_name",
        "dbt_cloud_job_id",
        "dbt_cloud_project_id",
        "dbt_cloud_run_id",
        "dbt_cloud_run_reason_category",
        "dbt_snowflake_query_tags_version",
        "dbt_version",
        "full_refresh",
        "invocation_id",
        "is_incremental",
        "materialized",
        "node_alias",
        "node_database",
        "node_id",
        "node_name",
        "node_original_file_path",
        "node_package_name",
        "node_resource_type",
        "node_schema",
        "profile_name",
        "project_name",
        "raw_code_hash",
        "target_database",
        "target_name",
        "target_schema",
        "which",
    }
)
AIRFLOW_KEYS = frozenset(
    {
        "airflow-dag",
        "airflow-task",
        "airflow_provider_version",
        "airflow_version",
        "dag_id",
        "dag_run_id",
        "operator",
        "run_id",
        "task_id",
    }
)
DAGSTER_KEYS = frozenset(
    {"dagster/job", "dagster/run_id", "dagster_asset_key", "dagster_job", "dagster_opaque_id", "dagster_run_id"}
)
#: Keys under which tags, labels and comments carry their run: CostLens, Airflow, Dagster, dbt, dbt Cloud.
RUN_KEYS = (
    "cl_r",
    "dag_run_id",
    "dagster/run_id",
    "dagster_run_id",
    "dbt_invocation_id",
    "invocation_id",
    "r",
    "run_id",
)
STREAMLIT_KEYS = frozenset({"ChildQuery", "StreamlitEngine", "StreamlitName"})
HEX_KEYS = frozenset({"categories", "cell_id", "cell_type", "connection", "context", "project_id", "project_url"})
LOOKER_KEYS = frozenset({"history_slug", "instance_slug", "user_id"})
METABASE_KEYS = frozenset(
    {
        "cardId",
        "client",
        "context",
        "dashboardId",
        "databaseId",
        "pulseId",
        "queryHash",
        "queryType",
        "serverId",
        "userId",
    }
)
MODE_KEYS = frozenset({"scheduled", "url"})
SIGMA_KEYS = frozenset({"kind", "request-id", "sourceUrl", "user-id"})

#: Keys that keep their value in a query tag and in job labels, whoever sent them.
TAG_KEYS = (
    AIRFLOW_KEYS | DAGSTER_KEYS | STREAMLIT_KEYS | {"mc_monitor_id"} | (DBT_KEYS - {"app", "connection_name", "which"})
)
LABEL_KEYS = TAG_KEYS | {"data_source_id", "requestor"}
LABEL_PREFIXES = (
    "airflow-",
    "cl_",
    "dagster",
    "dbt_",
    "goog-",
    "looker-context-",
    "looker_studio",
    "sheets_",
    "sqlmesh_",
)
#: Keys whose value is a commit of the code that sent the statement; kept where it looks like one.
COMMIT_KEYS = frozenset({"code_version", "commit", "commit_sha", "git_commit", "git_sha", "sha"})
#: Values of `app` that name a tool and so are no one's secret.
APPS = frozenset({"airflow", "costlens", "dagster", "dbt", "dlt", "elementary", "hex", "looker", "metabase", "sigma"})

#: tool, how its comment is known (comment, JSON object in it), the keys that are kept
_COMMENTS: tuple[tuple[str, Callable[[str, Mapping[str, Any]], bool], frozenset[str]], ...] = (
    ("dbt", lambda _, body: body.get("app") == "dbt" or "node_id" in body or "dbt_version" in body, DBT_KEYS),
    ("hex", lambda comment, _: "Hex query metadata" in comment, HEX_KEYS),
    ("looker", lambda comment, _: "Looker Query Context" in comment, LOOKER_KEYS),
    ("sigma", lambda comment, _: "Sigma" in comment, SIGMA_KEYS),
    ("metabase", lambda _, body: body.get("client") == "Metabase", METABASE_KEYS),
    ("mode", lambda comment, _: "https://modeanalytics.com/" in comment, MODE_KEYS),
)
_VALUE = re.compile(r"[\w .:/@+\-|,=*]{0,300}")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_QUERY_OF_URL = re.compile(r"[?#].*", re.DOTALL)
_SIGIL = re.compile(r"(?:snowflake|bigquery)_dagster_dbt_v1_opaque_id\[\[\[([\w.:\-]{1,300})\]\]\]")
_SQLMESH = re.compile(r"SQLMESH_(PLAN|RUN): ([\w\-]{1,100})")
_METABASE = re.compile(r"Metabase:: (?:userID: \d+ )?queryType: (\w{1,40}) queryHash: ([0-9a-f]{1,80})")
_PAIR = re.compile(r"\s*([A-Za-z_][\w.\-/]{0,62})\s*[=:]\s*([^;,|]*?)\s*")
_PAIR_ENDS = re.compile(r"[;,|]")


def read_comments(comments: Sequence[str]) -> dict[str, Any]:
    """Return what known tools say in the comments of one statement, with key `tool`; the first to name a key wins."""
    found: dict[str, Any] = {}
    for comment in comments:
        for key, value in _read(comment).items():
            found.setdefault(key, value)
    return found


def _read(comment: str) -> dict[str, Any]:
    if own := decode_comment(comment):
        return {"tool": "costlens", "_cl": own}
    if sigil := _SIGIL.search(comment):
        return {"tool": "dagster", "dagster_opaque_id": sigil.group(1)}
    if plan := _SQLMESH.search(comment):
        return {"tool": "sqlmesh", f"sqlmesh_{plan.group(1).lower()}": plan.group(2)}
    if card := _METABASE.search(comment):
        return {"tool": "metabase", "queryType": card.group(1), "queryHash": card.group(2)}
    body = json_object(comment)
    for tool, speaks, keys in _COMMENTS if body else ():
        if body and speaks(comment, body):
            kept = {key: value for key in keys & body.keys() if (value := plain(key, body[key])) is not None}
            return {"tool": tool, **kept} if kept else {}
    return {}


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that the text holds, or None."""
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        return None
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def pairs_of(tag: str) -> dict[str, Any] | None:
    """Return a query tag as keys and values: a JSON object, else `k=v;k2=v2` or `k:v,k2:v2`; None = opaque text."""
    start = tag.lstrip()[:1]
    if start in ("{", "[", '"'):
        return json_object(tag) if start == "{" else None
    pairs = [_PAIR.fullmatch(part) for part in _PAIR_ENDS.split(tag) if part.strip()]
    return {pair.group(1): pair.group(2) for pair in pairs if pair} if pairs and all(pairs) else None


def plain(key: str, value: Any) -> Any:
    """Return a value that may be kept: a number, a flag, a short name, a list of these, a bare URL; else None."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        value = _QUERY_OF_URL.sub("", value) if key.lower().endswith("url") else value
        return value if _VALUE.fullmatch(value) else None
    if isinstance(value, list):
        kept = (plain(key, one) for one in value[:100] if not isinstance(one, list))
        return [one for one in kept if one is not None]
    return None


def is_kept(key: str, value: Any, known: Collection[str]) -> bool:
    """Tell whether a key's value is a known tool's, or names a commit."""
    return key in known or (key == "app" and str(value).lower() in APPS) or commit_of({key: value}) is not None


def commit_of(body: Mapping[str, Any]) -> str | None:
    """Return the commit that a tag or label names: 7 to 40 hexadecimal digits under a key that is meant for one."""
    for key, value in body.items():
        if key.lower() in COMMIT_KEYS and isinstance(value, str) and _COMMIT.fullmatch(value):
            return value
    return None


def compact(value: Mapping[str, Any]) -> str:
    """Return a JSON object as text, the same for equal objects; what no file can hold (half a surrogate) becomes `?`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")
