"""Part of `make eval`: the node of every statement in dbt's JSON logs, with dbt's own comment in each statement as the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation import Section

from costlens_dbt.events import LogReader

DATA = Path(__file__).parents[1] / "tests" / "dbt" / "data"
_NODE = re.compile(r'"node_id": "([^"]+)"')
_ID = re.compile(r"([\w]+-[\w]+-[\w]+-[\w]+-[\w]+)(?:&|$)")


def evaluate() -> Iterator[Section]:
    """Yield one table: each log as it is, and without the node in its events, as dbt before 1.4 wrote them."""
    rows = []
    for path in sorted(DATA.glob("*.jsonl")):
        events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        answers = answers_of(events)
        for form, log in (("as written", events), ("node in the thread only", [_by_thread(event) for event in events])):
            said = said_of(log)
            right = sum(said.get(query) == node for query, node in answers.items() if node)
            silent = sum(query not in said for query, node in answers.items() if node is None)
            wrong = sum(said[query] != node for query, node in answers.items() if node and query in said)
            hooks = sum(
                node is None and said.get(query, "").startswith("operation.") for query, node in answers.items()
            )
            nodes = sum(node is not None for node in answers.values())
            rows.append((path.name, form, len(answers), nodes, right, wrong, hooks, silent))
    yield Section(
        "Node of every statement in dbt's logs",
        ("log", "form", "statements", "of nodes", "right", "wrong", "hooks", "rightly none"),
        tuple(rows),
        (
            "The answer is `node_id` in the comment that dbt puts into each statement; the reader sees no statement's text.",
            "Hooks are statements of `on-run-start`: dbt's comment names no node there, its log does.",
            "One log is from OpenLineage's tests, two are of dbt 1.11 on a small project of ours: that the format is read.",
        ),
    )


def answers_of(events: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return, per statement, the node that its comment names: a status follows its statement on the same thread."""
    last: dict[str, str | None] = {}
    answers: dict[str, str | None] = {}
    for event in events:
        name, thread = event["info"]["name"], event["info"]["thread"]
        if name == "SQLQuery":
            found = _NODE.search(event["data"]["sql"])
            last[thread] = found[1] if found else None
        elif name in ("SQLQueryStatus", "AdapterEventDebug") and (query := statement_of(event["data"])):
            answers[query] = last.get(thread)
    return answers


def statement_of(body: dict[str, Any]) -> str | None:
    """Return the bare id of a statement that ended or failed."""
    if query := body.get("query_id"):
        return str(query).rpartition(".")[2]
    found = _ID.search(str(body.get("base_msg")))
    return found[1] if found else None


def said_of(events: list[dict[str, Any]]) -> dict[str, str]:
    reader = LogReader({})
    reader.read("\n".join(json.dumps(event) for event in events).encode() + b"\n")
    _, materializations, _ = reader.take()
    named = [one for one in materializations if one.asset]
    return {query.rpartition(".")[2]: str(one.asset) for one in named for query in one.query_ids}


def _by_thread(event: dict[str, Any]) -> dict[str, Any]:
    if event["info"]["name"] != "SQLQueryStatus":
        return event
    return {**event, "data": {key: value for key, value in event["data"].items() if key != "node_info"}}
