"""BigQuery's REST API for orchestrators: jobs that are done at once, data sets and tables that were created."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.integrations.orchestrators.arrivals import Arrivals, Statement

Answer = tuple[int, dict[str, Any]]

_CREATE = re.compile(
    r"create\s+(?:or\s+replace\s+)?(table|view)\s+(?:if\s+not\s+exists\s+)?`([^;(\s]+)`", re.IGNORECASE
)
_SCHEMA = re.compile(r"create\s+schema\s+if\s+not\s+exists\s+(`[\w.`-]+`)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_X = {"fields": [{"name": "x", "type": "INTEGER", "mode": "NULLABLE"}]}


@dataclass
class BigQuery:
    """Answers requests; what it is asked to run goes to `arrivals`."""

    arrivals: Arrivals
    url: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Drop all that was created."""
        self.datasets.clear()
        self.tables.clear()

    def answer(self, method: str, path: str, options: dict[str, str], body: bytes, headers: dict[str, str]) -> Answer:
        if path == "/token":
            return 200, {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}
        if path.startswith("/upload/"):
            return self._upload(method, path, options, body, headers)
        sent = json.loads(body) if body else {}
        place = path.partition("/projects/")[2].split("/")
        project, kind, *rest = place
        if kind == "queries":
            return self._query(project, sent) if method == "POST" else self._rows(rest[0])
        if kind == "jobs":
            if method == "POST" and not rest:
                return self._insert(project, sent)
            job = self.jobs.get(rest[0])
            return (200, job) if job else _missing("job")
        return self._catalogue(method, project, rest, sent)

    def _catalogue(self, method: str, project: str, rest: list[str], sent: dict[str, Any]) -> Answer:
        holders: list[Callable[[], Answer]] = [
            lambda: self._listed(method, project, sent),
            lambda: self._one(self.datasets, method, f"{project}.{rest[0]}", sent),
            lambda: self._listed_tables(method, f"{project}.{rest[0]}", sent),
            lambda: self._one(self.tables, method, f"{project}.{rest[0]}.{rest[2]}", sent),
        ]
        return holders[len(rest)]() if len(rest) < len(holders) else (200, {})

    def _listed(self, method: str, project: str, sent: dict[str, Any]) -> Answer:
        if method == "POST":
            name = sent["datasetReference"]["datasetId"]
            self.datasets[f"{project}.{name}"] = {"location": "US", "access": [], "etag": "e", **sent}
            return 200, self.datasets[f"{project}.{name}"]
        return 200, {"datasets": [{**each, "kind": "bigquery#dataset"} for each in self.datasets.values()]}

    def _listed_tables(self, method: str, dataset: str, sent: dict[str, Any]) -> Answer:
        if method == "POST":
            return self._create(f"{dataset}.{sent['tableReference']['tableId']}", "TABLE")
        if dataset not in self.datasets:
            return _missing("dataset")
        mine = [table for name, table in self.tables.items() if name.rpartition(".")[0] == dataset]
        return 200, {"tables": mine, "totalItems": len(mine)}

    def _one(self, holder: dict[str, dict[str, Any]], method: str, name: str, sent: dict[str, Any]) -> Answer:
        if "._anon." in name:  # where results of queries lie
            return self._create(name, "TABLE")
        if name not in holder:
            return _missing(name)
        if method == "DELETE":
            del holder[name]
            return 200, {}
        if method in {"PATCH", "PUT"}:
            holder[name] |= sent
        return 200, holder[name]

    def _create(self, name: str, kind: str) -> Answer:
        project, dataset, table = name.split(".")
        reference = {"projectId": project, "datasetId": dataset, "tableId": table}
        self.tables[name] = {"tableReference": reference, "type": kind, "schema": _X, "numRows": "1", "numBytes": "8"}
        return 200, self.tables[name]

    def _insert(self, project: str, sent: dict[str, Any]) -> Answer:
        configuration = sent.get("configuration") or {}
        query = configuration.get("query") or {}
        kind = next((name for name in ("query", "load", "copy", "extract") if name in configuration), "query")
        text = query.get("query") or f"{kind} {json.dumps(configuration.get(kind), sort_keys=True)}"
        reference = {"location": "US", "projectId": project, **(sent.get("jobReference") or {})}
        reference.setdefault("jobId", self.arrivals.next_id(lambda number: f"job-{number}"))
        statement = Statement(
            "bigquery", reference["jobId"], text, "", labels=configuration.get("labels") or {}, kind=kind.upper()
        )
        faults = self.arrivals.faults
        if not configuration.get("dryRun"):
            if faults.is_unavailable(text):
                self.arrivals.refused.append(statement)
                return _error(503, "backendError", "try again")
            faults.wait(text)
        job = self._job(sent, reference, kind, project)
        if not configuration.get("dryRun"):
            if faults.fails(text):
                statement = Statement(**{**vars(statement), "status": "FAIL"})
                job["status"]["errorResult"] = {"reason": "invalidQuery", "message": "made", "location": "query"}
            self.arrivals.add(statement)
        with self._lock:
            if found := _CREATE.search(_COMMENT.sub("", text)):
                self._create(found.group(2).replace("`", ""), found.group(1).upper())
            if found := _SCHEMA.search(text):
                project, name = found.group(1).replace("`", "").split(".")
                self._listed("POST", project, {"datasetReference": {"projectId": project, "datasetId": name}})
            if (target := configuration.get("load", {}).get("destinationTable")) is not None:
                self._create(".".join(target[name] for name in ("projectId", "datasetId", "tableId")), "TABLE")
            self.jobs[reference["jobId"]] = job
        return 200, job

    def _job(self, sent: dict[str, Any], reference: dict[str, Any], kind: str, project: str) -> dict[str, Any]:
        configuration = {**(sent.get("configuration") or {}), "jobType": kind.upper()}
        if kind == "query":
            target = {"projectId": project, "datasetId": "_anon", "tableId": reference["jobId"].replace("-", "_")}
            configuration["query"] = {"destinationTable": target, **configuration["query"]}
        times = {"creationTime": "1791187200000", "startTime": "1791187200000", "endTime": "1791187201000"}
        done = {"statementType": "SELECT", "totalBytesProcessed": "10485760", "totalBytesBilled": "10485760"}
        return {
            "kind": "bigquery#job",
            "id": f"{project}:US.{reference['jobId']}",
            "jobReference": reference,
            "configuration": configuration,
            "status": {"state": "DONE"},
            "statistics": {**times, "totalBytesProcessed": "10485760", "query": done, "load": {"outputRows": "1"}},
            "user_email": "svc@example.org",
        }

    def _query(self, project: str, sent: dict[str, Any]) -> Answer:
        job_id = self.arrivals.next_id(lambda number: f"job-{number}")
        configuration = {"labels": sent.get("labels") or {}, "query": {"query": sent["query"]}}
        resource = {"jobReference": {"jobId": job_id, "projectId": project}, "configuration": configuration}
        if sent.get("dryRun"):
            configuration["dryRun"] = True
        status, job = self._insert(project, resource)
        failed = job.get("status", {}).get("errorResult")
        if failed:
            return _error(400, failed["reason"], failed["message"])
        return self._rows(job_id) if status == 200 else (status, job)

    def _rows(self, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return _missing("job")
        if failed := job["status"].get("errorResult"):
            return _error(400, failed["reason"], failed["message"])
        names, row = ["x"], ["1"]
        if "should_warn" in str(job["configuration"]):
            names, row = ["failures", "should_warn", "should_error"], ["0", "false", "false"]
        kinds = ["INTEGER", "BOOLEAN", "BOOLEAN"]
        fields = [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=False)]
        return 200, {
            "kind": "bigquery#getQueryResultsResponse",
            "jobComplete": True,
            "jobReference": job["jobReference"],
            "schema": {"fields": fields},
            "rows": [{"f": [{"v": cell} for cell in row]}],
            "totalRows": "1",
            "totalBytesProcessed": "10485760",
        }

    def _upload(self, method: str, path: str, options: dict[str, str], body: bytes, headers: dict[str, str]) -> Answer:
        project = path.partition("/projects/")[2].split("/")[0]
        if method == "PUT":
            return 200, self.jobs[options["upload_id"]]
        kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        if kind.startswith("multipart/related"):
            boundary = kind.partition("boundary=")[2].strip('"')
            body = body.split(f"--{boundary}".encode())[1].partition(b"\r\n\r\n")[2]
        status, job = self._insert(project, json.loads(body))
        if options.get("uploadType") == "resumable" and status == 200:
            job_id = job["jobReference"]["jobId"]
            return 200, {**job, "__location__": f"{self.url}{path}?uploadType=resumable&upload_id={job_id}"}
        return status, job


def _error(status: int, reason: str, message: str) -> Answer:
    error = {"message": message, "reason": reason, "domain": "global"}
    return status, {"error": {"code": status, "message": message, "errors": [error]}}


def _missing(what: str) -> Answer:
    return _error(404, "notFound", f"Not found: {what}")
