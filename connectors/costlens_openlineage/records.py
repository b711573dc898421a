"""Takes from an OpenLineage event what attribution needs, and nothing else: no SQL text with literals, no environment, no messages.

A record is a small JSON object:

| key | what |
|-----|------|
| at, type | eventTime in UTC, eventType |
| run, parent | run ids; absent where the event is of a job or a data set alone |
| job, owners | job's name and its ownership facet |
| ids | statements of the externalQuery facet |
| out | data sets written: [name in full, other names (symlinks), owners] |
| code | file of the sourceCodeLocation facet |
| sql | statement with every literal taken out, where nothing is said to be written |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from costlens.masking import mask_text

Record = dict[str, Any]

TYPES = frozenset({"START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"})
_MAX_NAME = 1_000
_MAX_SQL = 100_000
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"[?#].*$")


class Rejected(ValueError):
    """An event that is none; the message says why in a line, without its content."""


def record_of(event: Any) -> Record:
    """Return the record of an event; raises Rejected."""
    if not isinstance(event, dict):
        raise Rejected("an event is a JSON object")
    record: Record = {"at": _time(event.get("eventTime")), "type": _type(event.get("eventType"))}
    if "run" not in event and "job" not in event and "dataset" not in event:
        raise Rejected("run and job, job, or dataset is missing")
    if "run" in event:
        run = _object(event, "run")
        record["run"] = _name(run, "runId", "run.runId")
        _of_run(_facets(run), record)
    if "run" in event or "job" in event:
        job = _object(event, "job")
        _name(job, "namespace", "job.namespace")
        record["job"] = _name(job, "name", "job.name")
        _of_job(_facets(job), record)
    outputs = [_output(one, f"outputs[{number}]") for number, one in enumerate(_datasets(event, "outputs"))]
    for number, one in enumerate(_datasets(event, "inputs")):
        _name(one, "name", f"inputs[{number}].name")
    if "dataset" in event and "job" not in event:
        outputs = [_output(_object(event, "dataset"), "dataset")]
    record["out"] = outputs
    if not outputs:
        _sql(event, record)
    return {key: value for key, value in record.items() if value}


def attempt(event: Any) -> Record | str:
    """Return the record of an event, else why it is none."""
    try:
        return record_of(event)
    except Rejected as reason:
        return str(reason)


def full_name(namespace: str, name: str) -> str:
    """Return a data set's name with its namespace, as a relation in one of the spellings that assets are found by."""
    if namespace == "bigquery" or namespace.startswith("bigquery:"):
        return f"bigquery://{name}"
    return f"{_CREDENTIALS.sub('', namespace.rstrip('/'))}/{name}"


def _time(text: Any) -> str:
    if not isinstance(text, str) or len(text) > 64:
        raise Rejected("eventTime is missing or no text")
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Rejected("eventTime is no ISO 8601 time") from None
    if at.tzinfo is None:
        raise Rejected("eventTime has no time zone")
    try:
        at = at.astimezone(timezone.utc)
    except OverflowError:
        raise Rejected("eventTime is out of range") from None
    if not 2000 <= at.year < 2200:
        raise Rejected("eventTime is out of range")
    return at.isoformat()


def _type(kind: Any) -> str:
    if kind is None:
        return "OTHER"
    if not isinstance(kind, str) or kind.upper() not in TYPES:
        raise Rejected(f"eventType is none of {', '.join(sorted(TYPES))}")
    return kind.upper()


def _object(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    if not isinstance(value, dict):
        raise Rejected(f"{key} is missing or no object")
    return value


def _name(holder: Mapping[str, Any], key: str, where: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise Rejected(f"{where} is missing or no text")
    if len(value) > _MAX_NAME or _CONTROL.search(value):
        raise Rejected(f"{where} is too long or has control characters")
    return value


def _facets(holder: Mapping[str, Any]) -> dict[str, Any]:
    facets = holder.get("facets")
    if facets is not None and not isinstance(facets, dict):
        raise Rejected("facets is no object")
    return facets or {}


def _facet(facets: Mapping[str, Any], name: str) -> dict[str, Any]:
    facet = facets.get(name)
    return facet if isinstance(facet, dict) else {}


def _of_run(facets: Mapping[str, Any], record: Record) -> None:
    query = _facet(facets, "externalQuery").get("externalQueryId")
    record["ids"] = [query] if _is_plain(query) else []
    parent = _facet(_facet(facets, "parent"), "run").get("runId")
    if _is_plain(parent):
        record["parent"] = parent


def _of_job(facets: Mapping[str, Any], record: Record) -> None:
    record["owners"] = [*_owners(facets)]
    place = _facet(facets, "sourceCodeLocation")
    code = place.get("path") or place.get("url")
    if isinstance(code, str) and _is_plain(code):
        record["code"] = _QUERY.sub("", _CREDENTIALS.sub("", code))


def _owners(facets: Mapping[str, Any]) -> Iterator[str]:
    owners = _facet(facets, "ownership").get("owners")
    for owner in owners if isinstance(owners, list) else []:
        if isinstance(owner, dict) and _is_plain(owner.get("name")):
            yield owner["name"]


def _datasets(event: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    listed = event.get(key)
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Rejected(f"{key} is no list of objects")
    return listed


def _output(dataset: Mapping[str, Any], where: str) -> list[Any]:
    name = full_name(_name(dataset, "namespace", f"{where}.namespace"), _name(dataset, "name", f"{where}.name"))
    facets = _facets(dataset)
    identifiers = _facet(facets, "symlinks").get("identifiers")
    others = [
        full_name(one["namespace"], one["name"])
        for one in (identifiers if isinstance(identifiers, list) else [])
        if isinstance(one, dict) and _is_plain(one.get("namespace")) and _is_plain(one.get("name"))
    ]
    return [name, others, [*_owners(facets)]]


def _sql(event: Mapping[str, Any], record: Record) -> None:
    job = event.get("job")
    facet = _facet(_facets(job), "sql") if isinstance(job, dict) else {}
    query = facet.get("query")
    if isinstance(query, str) and query:
        record["sql"] = mask_text(query[:_MAX_SQL], _dialect(event, facet))


def _dialect(event: Mapping[str, Any], facet: Mapping[str, Any]) -> str:
    """Return the dialect of the statement, by its facet or by where it reads.

    Of an unknown one all that may be a literal is masked: names in double quotes too, as in BigQuery, where they are texts.
    """
    spaces = [one.get("namespace") for one in _datasets(event, "inputs")]
    for word in (facet.get("dialect"), *spaces):
        if isinstance(word, str) and word.lower().partition(":")[0] == "snowflake":
            return "snowflake"
    return "bigquery"


def _is_plain(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _MAX_NAME and not _CONTROL.search(text)
