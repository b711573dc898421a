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
            wrong = sum(said[query] != node for query, node in answers.items() if query in said)
            nodes = sum(node is not None for node in answers.values())
            rows.append((path.name, form, len(answers), nodes, right, wrong, silent))
    yield Section(
        "Node of every statement in dbt's logs",
        ("log", "form", "statements", "of nodes", "right", "wrong", "rightly none"),
        tuple(rows),
        (
            "The answer is `node_id` in the comment that dbt puts into each statement; the reader sees no statement's text.",
            "One real log with three statements: it shows that the format is read, not how often logs are damaged.",
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
        elif name == "SQLQueryStatus":
            answers[event["data"]["query_id"]] = last.get(thread)
    return answers


def said_of(events: list[dict[str, Any]]) -> dict[str, str]:
    reader = LogReader({})
    reader.read("\n".join(json.dumps(event) for event in events).encode() + b"\n")
    _, materializations, _ = reader.take()
    return {query: one.asset for one in materializations if one.asset for query in one.query_ids}


def _by_thread(event: dict[str, Any]) -> dict[str, Any]:
    if event["info"]["name"] != "SQLQueryStatus":
        return event
    return {**event, "data": {key: value for key, value in event["data"].items() if key != "node_info"}}
