"""Airflow 3 as an orchestrator: DAGs and their owners, assets and their events, DAG runs and task instances by its REST API.

Pages overlap, because what changes between two requests moves rows to the page before; rows told twice are merged.
Statements are known where an operator leaves their ids in XCom, or our plugin what hooks told (`costlens_query_ids`); for all others
Airflow's OpenLineage provider tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from pydantic import Field, SecretStr

from costlens.connector import Finding
from costlens.errors import SourceError
from costlens.estate import Asset
from costlens.http_json import Service
from costlens.orchestrator import Batch, Materialization, Orchestrator, OrchestratorSettings, Run, State, Status
from costlens_airflow.xcom import KEY

#: Airflow gives out at most 100 rows a page by default.
PAGE = 100
_STEP = 80
_OVERLAP = timedelta(minutes=10)
_FIRST = timedelta(days=30)
_STATUS: dict[str, Status] = {
    "success": "success",
    "failed": "failed",
    "upstream_failed": "cancelled",
    "skipped": "cancelled",
    "removed": "cancelled",
}
#: Operators that leave the ids of their statements in XCom, and under which key.
_XCOM = {
    "SnowflakeSqlApiOperator": "query_ids",
    "BigQueryInsertJobOperator": "return_value",
    "BigQueryExecuteQueryOperator": "job_id",
}
#: What Airflow writes where nobody said whose a DAG is.
_NOBODY = "airflow"

Row = Mapping[str, Any]


class AirflowSettings(OrchestratorSettings):
    """What stands below `airflow:`."""

    url: str = Field(description="Address of the API server, such as http://airflow:8080.")
    token: SecretStr | None = Field(default=None, description="Bearer token; else a user's name and password.")
    username: str | None = Field(default=None, description="User who may read DAGs, runs and assets.")
    password: SecretStr | None = Field(default=None, description="Password of that user.")
    precedence: int = Field(default=40, description="Lower wins where several sources give an asset to several teams.")


class Airflow(Orchestrator):
    """One Airflow deployment."""

    type = "airflow"
    Settings = AirflowSettings

    def pull(self, state: State, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield DAGs and assets, then what changed: DAG runs, task instances, asset events, a page a batch."""
        service = self._service()
        dags = {str(row["dag_id"]): row for row in self._rows(service, "/dags", "dags")}
        listed = [*self._rows(service, "/assets", "assets")]
        yield Batch(state=dict(state), assets=tuple(_assets(dags, listed)))
        last = datetime.fromisoformat(state["until"]) if state.get("until") else until - _FIRST
        after = (since or last - _OVERLAP).isoformat()
        changed = {"updated_at_gte": after, "updated_at_lte": until.isoformat()}
        for rows in self._pages(service, "/dags/~/dagRuns", "dag_runs", changed):
            yield Batch(state=dict(state), runs=tuple(run for row in rows if (run := _dag_run(row))))
        kept = self._kept(service)
        for rows in self._pages(service, "/dags/~/dagRuns/~/taskInstances", "task_instances", changed):
            yield Batch(
                state=dict(state),
                runs=tuple(run for row in rows if (run := _task_run(row))),
                materializations=tuple(one for row in rows if (one := self._statements(service, row, dags, kept))),
            )
        window = {"timestamp_gte": after, "timestamp_lte": until.isoformat()}
        for rows in self._pages(service, "/assets/events", "asset_events", window):
            told = tuple(one for row in rows if (one := _event(row, dags)))
            yield Batch(state=dict(state), materializations=told)
        yield Batch(state={"until": until.isoformat()})

    def check(self) -> Iterable[Finding]:
        """Say whether Airflow answers and lets its DAGs, runs and assets be read."""
        try:
            service = self._service()
        except SourceError as error:
            yield Finding("api", "error", str(error))
            return
        yield from (_reached(service, path) for path in ("/dags", "/assets", "/dags/~/dagRuns"))

    def _service(self) -> Service:
        settings, who = cast("AirflowSettings", self.settings), f"{self.name}: Airflow"
        token = settings.token.get_secret_value() if settings.token else None
        if token is None and settings.username and settings.password:
            answer = Service(who, settings.url).post(
                {"username": settings.username, "password": settings.password.get_secret_value()}, "/auth/token"
            )
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if not isinstance(token, str):
                raise SourceError(f"{who} gave no token for {settings.username}: is it version 3?")
        return Service(who, settings.url, {"Authorization": f"Bearer {token}"} if token else {})

    def _rows(self, service: Service, path: str, key: str) -> Iterator[Row]:
        for rows in self._pages(service, path, key, {}):
            yield from rows

    def _pages(self, service: Service, path: str, key: str, query: Mapping[str, str]) -> Iterator[list[Row]]:
        offset = 0
        while True:
            answer = service.get(f"/api/v2{path}", limit=PAGE, offset=offset, **query)
            rows = answer.get(key) if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise SourceError(f"{self.name}: Airflow did not answer {path} as version 3 does: is it older?")
            if rows:
                yield [row for row in rows if isinstance(row, dict)]
            offset += min(_STEP, len(rows))
            if not rows or offset + (PAGE - _STEP) >= int(answer.get("total_entries") or 0):
                return

    def _kept(self, service: Service) -> Callable[[Row], bool]:
        """Return what tells whether our plugin kept ids of a task: one request a DAG run, none where it never kept any."""
        place = "taskInstances/~/xcomEntries"
        try:
            answer = service.get(f"/api/v2/dags/~/dagRuns/~/{place}", xcom_key=KEY, limit=1)
        except SourceError as error:
            if not error.permanent:
                raise
            answer = {}  # who pulls may not read XCom
        if not (isinstance(answer, dict) and answer.get("total_entries")):
            return lambda row: False

        @lru_cache(maxsize=PAGE)
        def of_run(dag: str, run: str) -> frozenset[tuple[str, int]]:
            path = f"/dags/{_quoted(dag)}/dagRuns/{_quoted(run)}/{place}"
            pages = self._pages(service, path, "xcom_entries", {"xcom_key": KEY})
            return frozenset((str(one.get("task_id")), one.get("map_index", -1)) for rows in pages for one in rows)

        return lambda row: (
            (str(row["task_id"]), row.get("map_index", -1)) in of_run(str(row["dag_id"]), str(row["dag_run_id"]))
        )

    def _statements(
        self, service: Service, row: Row, dags: Mapping[str, Row], kept: Callable[[Row], bool]
    ) -> Materialization | None:
        """Return the statements that an operator, or our plugin, left in XCom, as the task's own."""
        run = _task_run(row)
        if run is None or run.status == "running":
            return None
        keys = [key for key in (_XCOM.get(str(row.get("operator"))), KEY if kept(row) else None) if key]
        ids = tuple(dict.fromkeys(one for key in keys for one in _texts(self._xcom(service, row, key)) if one))
        if not ids:
            return None
        return Materialization(
            run.run_id, None, run.started_at, run.ended_at, run.status, code_ref=_path(row, dags), query_ids=ids
        )

    def _xcom(self, service: Service, row: Row, key: str) -> Any:
        """Return what a task left under a key; one that failed early left nothing."""
        place = "/".join(
            (
                f"/api/v2/dags/{_quoted(row['dag_id'])}/dagRuns/{_quoted(row['dag_run_id'])}",
                f"taskInstances/{_quoted(row['task_id'])}/xcomEntries/{key}",
            )
        )
        try:
            return service.get(place, map_index=row.get("map_index", -1), deserialize="false").get("value")
        except SourceError as error:
            if not error.permanent:
                raise
            return None


def _reached(service: Service, path: str) -> Finding:
    try:
        service.get(f"/api/v2{path}", limit=1)
    except SourceError as error:
        return Finding(path, "error", str(error))
    return Finding(path, "ok")


def _quoted(text: Any) -> str:
    return quote(str(text), safe="")


def _texts(value: Any) -> list[str]:
    """Return the ids in an XCom value: a text, a list, or the text of a JSON list."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    if not isinstance(value, str):
        return []
    return [part.strip(" \"'") for part in value.strip("[]").split(",")]


def _at(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _path(row: Row, dags: Mapping[str, Row]) -> str | None:
    dag = dags.get(str(row.get("dag_id") or row.get("source_dag_id")), {})
    return dag.get("relative_fileloc") or dag.get("fileloc")


def _owners(dag: Row) -> tuple[str, ...]:
    """Return whose a DAG is: a tag `team:…` says it more surely than the owner, whom templates carry on."""
    tags = [str(tag.get("name") or "") for tag in dag.get("tags") or [] if isinstance(tag, dict)]
    teams = [tag for tag in tags if tag.startswith("team:")]
    owners = [owner for owner in dag.get("owners") or [] if isinstance(owner, str) and owner.lower() != _NOBODY]
    return tuple(dict.fromkeys((*teams, *owners)))


def _assets(dags: Mapping[str, Row], listed: Iterable[Row]) -> Iterator[Asset]:
    """Return each DAG, and each asset with the owners of the DAGs that produce it."""
    for dag_id, dag in dags.items():
        tags = tuple(str(tag.get("name")) for tag in dag.get("tags") or [] if isinstance(tag, dict))
        path = dag.get("relative_fileloc") or dag.get("fileloc")
        yield Asset(dag_id, kind="dag", owners=_owners(dag), tags=tags, path=path, origin="airflow")
    for row in listed:
        name, uri = row.get("name") or row.get("uri"), row.get("uri")
        if not isinstance(name, str) or name in dags:
            continue
        makers = [dags.get(str(one.get("dag_id")), {}) for one in row.get("producing_tasks") or []]
        yield Asset(
            name,
            relations=(uri,)
            if isinstance(uri, str) and "://" in uri
            else (),  # a bare word would claim tables anywhere
            owners=tuple(dict.fromkeys(owner for dag in makers for owner in _owners(dag))),
            path=next((path for dag in makers if (path := dag.get("relative_fileloc") or dag.get("fileloc"))), None),
            origin="airflow",
        )


def _dag_run(row: Row) -> Run | None:
    started = _at(row.get("start_date")) or _at(row.get("queued_at")) or _at(row.get("run_after"))
    if started is None:
        return None
    dag, status = str(row["dag_id"]), _STATUS.get(str(row.get("state")), "running")
    return Run(f"{dag}/{row['dag_run_id']}", started, _at(row.get("end_date")), status, dag)


def _task_run(row: Row) -> Run | None:
    started = _at(row.get("start_date"))
    if started is None:
        return None
    dag, task = str(row["dag_id"]), str(row["task_id"])
    status = _STATUS.get(str(row.get("state")), "running")
    run = f"{dag}/{row['dag_run_id']}"
    return Run(
        _task_id(run, task, row.get("map_index")), started, _at(row.get("end_date")), status, f"{dag}.{task}", run
    )


def _task_id(run: str, task: str, map_index: Any) -> str:
    return f"{run}/{task}" if map_index in (None, -1) else f"{run}/{task}[{map_index}]"


def _event(row: Row, dags: Mapping[str, Row]) -> Materialization | None:
    """Return what an event says: a task of a run wrote an asset."""
    at, name = _at(row.get("timestamp")), row.get("uri") or row.get("name")
    dag, task, run = (row.get(f"source_{part}") for part in ("dag_id", "task_id", "run_id"))
    if at is None or not isinstance(name, str) or not dag or not run:
        return None
    run_id = _task_id(f"{dag}/{run}", str(task), row.get("source_map_index")) if task else f"{dag}/{run}"
    return Materialization(run_id, name, at, at, "success", code_ref=_path(row, dags))
