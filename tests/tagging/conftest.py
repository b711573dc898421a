"""Stand-ins for Snowflake and BigQuery on loopback that record what arrives, and a clean state of tagging."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import pytest

from costlens.tagging import codec, context, guard, patching, uninstrument

#: Notes that a call of a driver's (distribution, call) is tagged, or is not (`no`).
Matrix = Callable[..., None]
MATRIX = os.environ.get("COSTLENS_MATRIX")  # each test's environment is cleaned of it


@dataclass
class Wire:
    """What arrived: bodies by kind, in order."""

    port: int
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Path and JSON body of each request."""
    failing: str | None = None
    """Statements that hold this text fail."""

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The Snowflake statements that arrived: sqlText, parameters and so on."""
        return [body for path, body in self.requests if path == "/queries/v1/query-request"]

    @property
    def texts(self) -> list[str]:
        return [statement["sqlText"] for statement in self.statements]

    def tag(self, text: str) -> str | None:
        """The statement parameter QUERY_TAG of the last statement with this text."""
        found = [s for s in self.statements if s["sqlText"].strip() == text.strip()]
        assert found, f"{text!r} did not arrive; did: {self.texts}"
        tag: str | None = (found[-1].get("parameters") or {}).get("QUERY_TAG")
        return tag

    def cl(self, text: str) -> dict[str, Any] | None:
        """The CostLens fields of the last statement with this text."""
        return codec.decode_query_tag(self.tag(text))

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The BigQuery jobs and queries that arrived."""
        return [body for path, body in self.requests if "/projects/" in path and body]

    @property
    def labels(self) -> list[dict[str, str]]:
        """The labels of each BigQuery job that arrived."""
        return [(job.get("configuration") or job).get("labels") or {} for job in self.jobs]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    wire: Wire


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._body()
        self._answer(urlsplit(self.path).path, {})

    def do_POST(self) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        self.server.wire.requests.append((path, body))
        self._answer(path, body)

    def _body(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        if (self.headers.get("Content-Type") or "").startswith("multipart/related"):
            boundary = self.headers["Content-Type"].partition("boundary=")[2].strip('"')
            raw = raw.split(f"--{boundary}".encode())[1].partition(b"\r\n\r\n")[2]
        try:
            parsed = json.loads(raw or b"{}")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def _answer(self, path: str, body: dict[str, Any]) -> None:
        if "/bigquery/" in path or "/projects/" in path:
            answer = self._bigquery(path, body)
        elif path.startswith("/api/2.0/sql/"):
            answer = _DATABRICKS
        elif path == "/session/v1/login-request":
            answer = _snowflake(_LOGIN)
        elif path == "/queries/v1/query-request":
            failing = self.server.wire.failing
            answer = _snowflake(
                _statement(body, self.server.wire.port), success=not (failing and failing in body.get("sqlText", ""))
            )
        else:
            answer = _snowflake({})
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if "/upload/" in path:
            self.send_header("Location", f"http://localhost:{self.server.wire.port}/resumed/projects/p/jobs")
        self.end_headers()
        self.wfile.write(text)

    def do_DELETE(self) -> None:
        self._body()
        self._answer(urlsplit(self.path).path, {})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer("/bigquery/v2/projects/p/jobs", {"configuration": {"load": {}}})

    def _bigquery(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/queries") or "/queries/" in path:
            return {
                "jobComplete": True,
                "jobReference": {"projectId": "p", "jobId": "j", "location": "US"},
                "schema": {"fields": [{"name": "x", "type": "INTEGER"}]},
                "rows": [{"f": [{"v": "1"}]}],
                "totalRows": "1",
            }
        if path.endswith("/datasets"):
            return body
        job = {
            "jobReference": body.get("jobReference") or {"projectId": "p", "jobId": "j", "location": "US"},
            "configuration": body.get("configuration") or {"query": {"query": "select 1"}},
            "status": {"state": "DONE"},
            "statistics": {},
        }
        return {"job": job} if path.endswith("/cancel") else job


_LOGIN = {
    "token": "t",
    "masterToken": "m",
    "validityInSeconds": 3600,
    "masterValidityInSeconds": 14400,
    "sessionId": 1,
    "parameters": [
        {"name": "AUTOCOMMIT", "value": True},
        {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 65280},
    ],
    "sessionInfo": {"databaseName": "D", "schemaName": "S", "warehouseName": "W", "roleName": "R"},
    "displayUserName": "U",
}


_DATABRICKS: dict[str, Any] = {
    "session_id": "s",
    "statement_id": "1",
    "status": {"state": "SUCCEEDED"},
    "manifest": {
        "format": "JSON_ARRAY",
        "schema": {"column_count": 1, "columns": [{"name": "x", "type_name": "STRING", "type_text": "STRING"}]},
        "total_row_count": 1,
        "total_chunk_count": 1,
        "chunks": [],
    },
    "result": {"chunk_index": 0, "row_count": 1, "data_array": [["1"]]},
}


def _statement(body: dict[str, Any], port: int) -> dict[str, Any]:
    text = body.get("sqlText", "").strip()
    rows: list[list[str]] = [["1"]]
    if "current_version" in text.lower():
        rows = [["9.30.0"]]
    elif "current_database()" in text.lower():
        rows = [["D", "S"]]
    elif text.lower().startswith("copy into"):
        rows = [["f.txt", "LOADED", "1", "1", "1", "0", "", "", "", ""]]
    return {
        "parameters": [{"name": "TIMEZONE", "value": "UTC"}],
        "rowtype": [_column(value) for value in rows[0]],
        "rowset": rows,
        "total": 1,
        "returned": 1,
        "queryId": "01b00000-0000-0000-0000-000000000001",
        "sqlState": "00000",
        "statementTypeId": 4096,
        "queryResultFormat": "json",
        "finalDatabaseName": "D",
        "finalSchemaName": "S",
        "finalWarehouseName": "W",
        "finalRoleName": "R",
        "arrayBindSupported": text.lower().startswith("insert"),
        "numberOfBinds": 1,
        "version": 1,
        "progressDesc": None,
        "sendResultTime": 0,
        "databaseProvider": None,
        "getResultUrl": "/queries/01b00000-0000-0000-0000-000000000001/result",
        **(_upload(text, port) if text.upper().startswith("PUT") else {}),
    }


def _column(value: str) -> dict[str, Any]:
    found = {"name": "X", "precision": 38, "scale": 0, "nullable": True, "byteLength": None, "length": None}
    return {**found, "type": "fixed" if value == "1" else "text", "database": "", "schema": "", "table": ""}


def _upload(text: str, port: int) -> dict[str, Any]:
    """Answer a PUT: the stage is this server."""
    source = text.split("'")[1] if "'" in text else text.split()[1]
    return {
        "command": "UPLOAD",
        "src_locations": [source.removeprefix("file://")],
        "stageInfo": {
            "locationType": "GCS",
            "location": "bucket/",
            "path": "",
            "region": "us",
            "creds": {},
            "presignedUrl": f"http://localhost:{port}/stage/file",
        },
        "encryptionMaterial": {"queryStageMasterKey": "MDEyMzQ1Njc4OWFiY2RlZg==", "queryId": "q", "smkId": "1"},
        "autoCompress": False,
        "sourceCompression": "none",
        "parallel": 1,
        "overwrite": True,
        "threshold": 100_000_000,
        "localLocation": None,
    }


def _snowflake(data: dict[str, Any], *, success: bool = True) -> dict[str, Any]:
    if success:
        return {"success": True, "code": None, "message": None, "data": data}
    return {"success": False, "code": "001003", "message": "SQL compilation error", "data": {"sqlState": "42000"}}


@pytest.fixture
def matrix() -> Matrix:
    """Note whether a call of a driver's is tagged, for the tables of docs/tagging.md; where none are made, the page is asked."""
    from tests.tagging.integrations.matrix import note

    return lambda driver, call, cell="tagged": note(MATRIX, driver, version(driver), call, cell)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A server that speaks enough Snowflake and BigQuery for their clients, and keeps what they send."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.wire = Wire(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.wire
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def clean_tagging() -> Iterator[None]:
    """Start each test as a fresh process would: nothing patched, nothing active, nothing said."""
    guard._said.clear()
    yield
    uninstrument()
    patching._is_on = None
    context.inherit(None)
    assert not context._process.active
