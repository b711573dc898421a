"""A receiver in a process of its own, reached over HTTP, that may be killed; and events to send to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.ports import held_port

TOKEN = "s3cret-token"
#: Longest that a busy machine may take to answer.
PATIENCE = 120


class Server:
    """One process; `kill` sends SIGKILL."""

    def __init__(self, spool: Path, *options: str, token: str = TOKEN) -> None:
        self._held = ExitStack()
        self.port = self._held.enter_context(held_port())
        self.url = f"http://127.0.0.1:{self.port}/api/v1/lineage"
        command = [sys.executable, "-m", "costlens_openlineage", "--spool", str(spool), "--port", str(self.port)]
        environment = {**os.environ, "COSTLENS_OPENLINEAGE_TOKEN": token}
        self.process = subprocess.Popen([*command, *options], env=environment, stderr=subprocess.PIPE)
        self._wait()

    def _wait(self) -> None:
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(self.process.stderr.read() if self.process.stderr else "no server")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._held.close()
        if self.process.stderr:
            self.process.stderr.close()


@contextmanager
def served(spool: Path, *options: str, token: str = TOKEN) -> Iterator[Server]:
    server = Server(spool, *options, token=token)
    try:
        yield server
    finally:
        server.kill()


def client(token: str = TOKEN) -> httpx.Client:
    return httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, trust_env=False)


def event(**more: Any) -> dict[str, Any]:
    """A run event as Airflow sends one: with facets that hold what must not be kept."""
    return {
        "eventTime": "2026-10-02T03:04:05.123Z",
        "eventType": "COMPLETE",
        "producer": "https://github.com/apache/airflow",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": str(uuid.uuid4()),
            "facets": {
                "externalQuery": {"externalQueryId": "01b8ea94-0412", "source": "snowflake://org-acct"},
                "parent": {"run": {"runId": "parent-1"}, "job": {"namespace": "default", "name": "loads"}},
                "environmentVariables": {"environmentVariables": [{"name": "PASSWORD", "value": "hunter2"}]},
                "errorMessage": {"message": "hunter2 is not valid"},
            },
        },
        "job": {
            "namespace": "default",
            "name": "loads.nightly",
            "facets": {
                "ownership": {"owners": [{"name": "team:growth", "type": "OWNER"}]},
                "sql": {"query": "insert into T values ('hunter2', 42)"},
                "sourceCodeLocation": {"type": "git", "url": "https://bot:hunter2@git.example/x", "path": "dags/l.py"},
            },
        },
        "inputs": [{"namespace": "snowflake://org-acct", "name": "RAW.SHOP.ORDERS"}],
        "outputs": [
            {
                "namespace": "snowflake://org-acct",
                "name": "ANALYTICS.MARTS.ORDERS",
                "facets": {
                    "symlinks": {"identifiers": [{"namespace": "bigquery", "name": "shop-1.marts.orders", "type": "T"}]}
                },
            }
        ],
        **more,
    }
