"""A stand-in for BigQuery's REST API on loopback: it runs the queries that the real client sends on DuckDB."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import duckdb
import sqlglot
from sqlglot import exp

from tests.bigquery.folder import lines
from tests.bigquery.schemas import SCHEMAS
from tests.bigquery.world import BILLING, WORLD

BILLING_TABLE = "acme-billing.finance.gcp_billing_export_resource_v1_0A"
Answer = tuple[int, dict[str, Any]]

_WELL = 200
_KINDS = {
    "VARCHAR": "STRING",
    "BIGINT": "INTEGER",
    "INTEGER": "INTEGER",
    "HUGEINT": "INTEGER",
    "DOUBLE": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "DATE": "DATE",
}


@dataclass
class Job:
    """A query that was run: its resource, and its rows or what went wrong."""

    resource: dict[str, Any]
    schema: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    table: Any = None
    failure: Answer | None = None


class Failure(Exception):
    """An answer of BigQuery other than a result."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        error = {"message": message, "reason": reason, "domain": "global"}
        self.answer = (status, {"error": {"code": status, "message": message, "errors": [error]}})


class Standin:
    """A context manager. `faults` are what comes of the next requests, in order: a status, or None to hang up.

    `forbidden` holds `<region>` or `<region>.<view>`; `scanned` is what each query is said to bill, in bytes.
    """

    def __init__(self, folder: Path, page_rows: int = 7) -> None:
        self.faults: list[int | None] = []
        self.forbidden: set[str] = set()
        self.may_run_queries = True
        self.locations = ["US", "EU", "US"]
        self.scanned = 10 << 20
        self.page_rows = page_rows
        self.jobs: dict[str, Job] = {}
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._database = duckdb.connect()
        self._database.execute("set timezone = 'UTC'")
        for region, views in WORLD.items():
            for view in SCHEMAS:
                self._seed(folder, f"{region}_{view}", view, views.get(view, []))
        self._seed(folder, "billing", "billing", BILLING)
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                standin.handle(self)

            def do_POST(self) -> None:
                standin.handle(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Standin:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._database.close()

    def execute(self, sql: str) -> None:
        """Change the tables, named `<region>_<view>` and `billing`."""
        with self._lock:
            self._database.execute(sql)

    def run(self, sql: str, variables: dict[str, str]) -> Any:
        """Run a query of a script in the US and return an Arrow table."""
        translated = self._translated(sql, [], "us")
        with self._lock:
            for name, value in variables.items():
                self._database.execute(f"set variable {name} = date '{value}'")
                translated = re.sub(rf"\b{name}\b", f"getvariable('{name}')", translated)
            return self._database.sql(translated).to_arrow_table()

    def queries(self) -> list[dict[str, Any]]:
        """Return the configurations of all jobs so far."""
        return [job.resource["configuration"] for job in self.jobs.values()]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        url = urlparse(request.path)
        self.requests.append(f"{request.command} {url.path}")
        fault = self.faults.pop(0) if self.faults else _WELL
        if fault != _WELL:
            if fault is None:
                request.close_connection = True
                request.connection.close()
                return
            status, answer = Failure(fault, "backendError" if fault >= 500 else "accessDenied", "made to fail").answer
        else:
            status, answer = self._answer(request.command, url.path, parse_qs(url.query), body)
        text = json.dumps(answer).encode()
        with suppress(OSError):
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(text)))
            request.end_headers()
            request.wfile.write(text)

    def _answer(self, method: str, path: str, options: dict[str, list[str]], body: bytes) -> Answer:
        if path == "/token":
            return 200, {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", r"/bigquery/v2/projects/([^/]+)/jobs", lambda project: self._insert(project, json.loads(body))),
            ("GET", r"/bigquery/v2/projects/[^/]+/jobs/([^/]+)", lambda job: (200, self.jobs[job].resource)),
            ("GET", r"/bigquery/v2/projects/[^/]+/queries/([^/]+)", lambda job: self._results(job, options)),
            ("GET", r"/bigquery/v2/projects/([^/]+)/datasets", self._datasets),
        ]
        for verb, pattern, answer in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return answer(*found.groups())
        return Failure(404, "notFound", f"the stand-in has no {method} {path}").answer

    def _datasets(self, project: str) -> Answer:
        listed = [
            {"datasetReference": {"projectId": project, "datasetId": f"d{n}"}, "location": location}
            for n, location in enumerate(self.locations)
        ]
        return 200, {"kind": "bigquery#datasetList", "datasets": listed}

    def _insert(self, project: str, resource: dict[str, Any]) -> Answer:
        if not self.may_run_queries:
            needs = f"User does not have bigquery.jobs.create permission in project {project}."
            return Failure(403, "accessDenied", f"Access Denied: Project {project}: {needs}").answer
        reference = resource["jobReference"]
        reference.setdefault("location", "US")
        job = Job(resource | {"status": {"state": "DONE"}, "statistics": {"query": {"statementType": "SELECT"}}})
        destination = {"projectId": project, "datasetId": "_anon", "tableId": reference["jobId"]}
        resource["configuration"]["query"]["destinationTable"] = destination
        try:
            self._run(job, resource["configuration"]["query"], reference["location"].lower())
        except Failure as failure:
            job.failure = failure.answer
        self.jobs[reference["jobId"]] = job
        return 200, job.resource

    def _run(self, job: Job, query: dict[str, Any], location: str) -> None:
        limit = int(query.get("maximumBytesBilled") or 0)
        if limit < self.scanned:
            message = f"Query exceeded limit for bytes billed: {limit}. {self.scanned} or higher required."
            raise Failure(400, "bytesBilledLimitExceeded", message)
        sql = self._translated(query["query"], query.get("queryParameters", []), location)
        with self._lock:
            try:
                relation = self._database.sql(sql)
                job.schema = [
                    _field(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)
                ]
                job.table = relation.to_arrow_table()
            except duckdb.BinderException as error:
                name = re.search(r'column (?:named )?"([\w.]+)"', str(error))
                said = f"Unrecognized name: {name[1].split('.')[-1]} at [1:1]" if name else str(error)
                raise Failure(400, "invalidQuery", said) from None
        job.rows = [
            {"f": [{"v": _value(value)} for value in row]} for row in zip(*job.table.to_pydict().values(), strict=True)
        ]

    def _translated(self, text: str, parameters: list[dict[str, Any]], location: str) -> str:
        tree: Any = sqlglot.parse_one(text, read="bigquery")
        for table in list(tree.find_all(exp.Table)):
            path = ".".join(part.name for part in table.parts)
            if view := re.fullmatch(r"[\w-]+\.region-([\w-]+)\.INFORMATION_SCHEMA\.(\w+?)(_BY_ORGANIZATION)?", path):
                self._allow(view[1], view[2].lower(), location)
                table.replace(exp.to_table(f"{view[1]}_{view[2].lower()}", alias=table.alias or None))
            elif path == BILLING_TABLE:
                table.replace(exp.to_table("billing", alias=table.alias or None))
            else:
                raise Failure(404, "notFound", f"Not found: Table {path}")
        for kind in list(tree.find_all(exp.DataType)):
            if kind.is_type("decimal"):
                kind.replace(exp.DataType.build("decimal(38, 9)"))
        values = {parameter["name"]: _literal(parameter) for parameter in parameters}
        for node in list(tree.find_all(exp.Parameter)):
            node.replace(sqlglot.parse_one(values[node.name], read="duckdb"))
        return str(tree.sql(dialect="duckdb"))

    def _allow(self, region: str, view: str, location: str) -> None:
        if region not in WORLD or region != location:
            raise Failure(404, "notFound", f"Not found: Dataset region-{region} was not found in location {location}")
        if region in self.forbidden or f"{region}.{view}" in self.forbidden:
            message = f"Access Denied: Table {view}: User does not have permission to query it."
            raise Failure(403, "accessDenied", message)

    def _results(self, name: str, options: dict[str, list[str]]) -> Answer:
        job = self.jobs[name]
        if job.failure:
            return job.failure
        start = int(options.get("pageToken", options.get("startIndex", ["0"]))[0])
        size = min(int(options.get("maxResults", [str(self.page_rows)])[0]), self.page_rows)
        answer = {
            "kind": "bigquery#getQueryResultsResponse",
            "jobReference": job.resource["jobReference"],
            "jobComplete": True,
            "schema": {"fields": job.schema},
            "totalRows": str(len(job.rows)),
            "rows": job.rows[start : start + size],
        }
        if start + size < len(job.rows):
            answer["pageToken"] = str(start + size)
        return 200, answer

    def _seed(self, folder: Path, name: str, view: str, rows: list[dict[str, Any]]) -> None:
        path = folder / f"{name}.jsonl"
        lines(path, rows)
        self._database.execute(f"create table {name} ({SCHEMAS[view]})")
        if rows:
            kinds = self._database.execute(f"describe {name}").fetchall()
            columns = "{" + ", ".join(f"'{column}': '{kind}'" for column, kind, *_ in kinds) + "}"
            options = f"format='newline_delimited', columns={columns}"
            self._database.execute(f"insert into {name} select * from read_json('{path}', {options})")


def _literal(parameter: dict[str, Any]) -> str:
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"]
    if kind == "ARRAY":
        items = ", ".join("'" + item["value"] + "'" for item in value.get("arrayValues", []))
        return f"[{items}]::varchar[]"
    return {"TIMESTAMP": "timestamptz", "DATE": "date"}[kind] + f" '{value['value']}'"


def _field(name: str, kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        return _field(name, kind[:-2]) | {"mode": "REPEATED"}
    if kind.startswith("STRUCT("):
        parts = re.split(r", (?![^(]*\))", kind[len("STRUCT(") : -1])
        fields = [_field(part.split(" ", 1)[0].strip('"'), part.split(" ", 1)[1]) for part in parts]
        return {"name": name, "type": "RECORD", "fields": fields}
    return {"name": name, "type": "NUMERIC" if kind.startswith("DECIMAL") else _KINDS[kind], "mode": "NULLABLE"}


def _value(value: Any) -> Any:
    """Write a value as BigQuery's REST answers do: every number and time as text."""
    if isinstance(value, dict):
        return {"f": [{"v": _value(part)} for part in value.values()]}
    if isinstance(value, list):
        return [{"v": _value(part)} for part in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(int(value.timestamp() * 1_000_000))
    if isinstance(value, date | Decimal | int | float):
        return str(value)
    return value
