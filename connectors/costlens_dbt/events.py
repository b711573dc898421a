"""Reads dbt's JSON log: every statement of every node, by the node that the event names or that its thread was at."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from costlens.orchestrator import Materialization, Run, Status
from costlens_dbt.results import query_id_of, status_of, time_of

_COMMAND = re.compile(
    r"\bdbt\b.*?\b(run-operation|build|run|test|seed|snapshot|compile|source|docs|clone|show|retry|list|ls|parse)\b"
)
#: Events of statements: one that ended, and what an adapter says of one that failed.
_STATEMENTS = ("SQLQueryStatus", "AdapterEventDebug")
_FAILED = re.compile(r"Snowflake query id: ([0-9a-fA-F-]{36})$")
_JOB = re.compile(
    r"https://console\.cloud\.google\.com/bigquery\?project=(?P<project>[\w.:-]+)&j=bq:(?P<location>[\w-]+):(?P<id>[\w-]+)&"
)
_NOT_JSON = "line is no JSON: write the log with DBT_LOG_FORMAT_FILE=json"
_NO_EVENT = "line is no event of dbt 1.4 or later"


@dataclass
class _Node:
    started_at: datetime
    ended_at: datetime | None
    status: Status
    ids: set[str]


class LogReader:
    """Reads parts of a log one after another; `nodes` says which node each thread is at, and goes on with the next part."""

    def __init__(self, nodes: Mapping[str, str]) -> None:
        self.nodes = dict(nodes)
        self._runs: dict[str, Run] = {}
        self._found: dict[tuple[str, str], _Node] = {}
        self._problems: Counter[str] = Counter()

    def read(self, part: bytes) -> None:
        """Read whole lines."""
        for line in part.splitlines():
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                body, head = event["data"], event["info"]
                name, invocation, at = head["name"], head["invocation_id"], time_of(head["ts"])
            except (ValueError, RecursionError):
                self._problems[_NOT_JSON] += 1
            except (KeyError, TypeError, AttributeError):
                self._problems[_NO_EVENT] += 1
            else:
                if isinstance(body, dict) and isinstance(invocation, str) and at:
                    self._event(str(name), body, invocation, str(head.get("thread")), at)
                else:
                    self._problems[_NO_EVENT] += 1

    def take(self) -> tuple[list[Run], list[Materialization], dict[str, int]]:
        """Return what was read since the last time."""
        found = [
            Materialization(run, node, one.started_at, one.ended_at, one.status, query_ids=tuple(sorted(one.ids)))
            for (run, node), one in self._found.items()
        ]
        told = list(self._runs.values()), found, dict(self._problems)
        self._runs, self._found, self._problems = {}, {}, Counter()
        return told

    def _event(self, name: str, body: dict[str, Any], invocation: str, thread: str, at: datetime) -> None:
        self._run(name, body, invocation, at)
        info = body.get("node_info")
        info = info if isinstance(info, dict) else {}
        place = f"{invocation} {thread}"
        unique_id = info.get("unique_id")
        if isinstance(unique_id, str) and unique_id:
            if name == "NodeFinished":
                self.nodes.pop(place, None)
            else:
                self.nodes[place] = unique_id
        elif name in _STATEMENTS:
            unique_id = self.nodes.get(place)
        if isinstance(unique_id, str) and unique_id and name in (*_STATEMENTS, "NodeStart", "NodeFinished"):
            self._node(name, body, info, invocation, unique_id, at)

    def _node(
        self, name: str, body: dict[str, Any], info: dict[str, Any], invocation: str, unique_id: str, at: datetime
    ) -> None:
        started = time_of(info.get("node_started_at")) or at
        node = self._found.setdefault((invocation, unique_id), _Node(started, None, "running", set()))
        node.started_at = min(node.started_at, started)
        if name in _STATEMENTS:
            if query_id := _statement(body):
                node.ids.add(query_id)
        elif name == "NodeFinished":
            result = body.get("run_result")
            result = result if isinstance(result, dict) else {}
            node.ended_at = time_of(info.get("node_finished_at")) or at
            node.status = status_of(result.get("status") or info.get("node_status"))
            if query_id := query_id_of(result.get("adapter_response")):
                node.ids.add(query_id)

    def _run(self, name: str, body: dict[str, Any], invocation: str, at: datetime) -> None:
        run = self._runs.get(invocation) or Run(invocation, at)
        run = replace(run, started_at=min(run.started_at, at))
        if name == "MainReportArgs" and isinstance(body.get("args"), dict):
            run = replace(run, job=_command(str(body["args"].get("invocation_command", ""))) or run.job)
        elif name == "CommandCompleted":
            ended = time_of(body.get("completed_at")) or at
            status: Status = "success" if body.get("success") is True else "failed"
            run = replace(run, job=_command(str(body.get("command"))) or run.job, ended_at=ended, status=status)
        self._runs[invocation] = run


def _statement(body: dict[str, Any]) -> str | None:
    """Return the id of a statement that ended, or that failed: then an adapter tells it in its own words only."""
    query_id = body.get("query_id")
    if isinstance(query_id, str):
        return query_id or None
    told = str(body.get("base_msg", ""))
    if failed := _FAILED.match(told):
        return failed[1]
    job = _JOB.match(told)
    return f"{job['project']}:{job['location']}.{job['id']}" if job else None


def _command(text: str) -> str | None:
    """Return `dbt run` of a command line: its other words may hold anything."""
    found = _COMMAND.search(text)
    return f"dbt {found[1]}" if found else None
