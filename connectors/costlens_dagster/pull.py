"""Dagster as an orchestrator: assets, owners, tables, code references, runs and materializations by its GraphQL API.

Works with open-source Dagster (1.7 and later) and Dagster+. Runs are asked for by the time of their last change, a page at
a time, newest first; what an earlier pull has seen of a run is told again when the run goes on, and merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from pydantic import Field, SecretStr

from costlens.connector import Finding
from costlens.errors import SourceError
from costlens.estate import Asset
from costlens.http_json import Service
from costlens.orchestrator import Batch, Materialization, Orchestrator, OrchestratorSettings, Run, State, Status

#: Runs that one request asks for, each with its materializations.
PAGE = 50
#: Runs are asked for from so long before the last change that was seen: clocks differ, and commits overtake each other.
_OVERLAP = timedelta(minutes=10)
#: What a first pull reads back; longer with `costlens sync --since`.
_FIRST = timedelta(days=90)
_STATUS: dict[str, Status] = {"SUCCESS": "success", "FAILURE": "failed", "CANCELED": "cancelled"}
#: Metadata of a materialization in which integrations and users keep the id of the statement that wrote it.
_QUERY_IDS = frozenset({"query_id", "snowflake_query_id", "bigquery_job_id", "job_id"})
#: Job of runs that somebody started by choosing assets: it is no name of theirs.
_ASSET_JOB = "__ASSET_JOB"
_TABLES = ("dagster/table_name", "dagster/relation_identifier")

ASSETS = """
query CostLensAssets {
  assetNodes {
    assetKey { path }
    groupName
    kinds
    owners { ... on UserAssetOwner { email } ... on TeamAssetOwner { team } }
    metadataEntries {
      label
      ... on TextMetadataEntry { text }
      ... on CodeReferencesMetadataEntry {
        codeReferences {
          ... on LocalFileCodeReference { filePath lineNumber }
          ... on UrlCodeReference { url }
        }
      }
    }
  }
}
"""
RUNS = """
query CostLensRuns($after: Float, $before: Float, $cursor: String, $limit: Int) {
  runsOrError(filter: {updatedAfter: $after, updatedBefore: $before}, cursor: $cursor, limit: $limit) {
    __typename
    ... on Runs {
      results {
        runId
        parentRunId
        jobName
        status
        creationTime
        startTime
        endTime
        updateTime
        stepStats { stepKey startTime }
        assetMaterializations {
          assetKey { path }
          partition
          stepKey
          timestamp
          metadataEntries { label ... on TextMetadataEntry { text } }
        }
      }
    }
    ... on Error { message }
  }
}
"""


class DagsterSettings(OrchestratorSettings):
    """What stands below `dagster:`."""

    url: str = Field(description="GraphQL endpoint, such as http://dagster:3000/graphql.")
    token: SecretStr | None = Field(default=None, description="Token of Dagster+, or of the proxy before Dagster.")
    token_header: str = Field(
        default="Dagster-Cloud-Api-Token", description="Header that the token goes in; `Authorization` sends a bearer."
    )
    precedence: int = Field(default=30, description="Lower wins where several sources give an asset to several teams.")


class Dagster(Orchestrator):
    """One Dagster deployment."""

    type = "dagster"
    Settings = DagsterSettings

    def pull(self, state: State, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield the assets, then the runs that changed, a page a batch."""
        ask = self._ask
        nodes = _list(ask(ASSETS, {}).get("assetNodes"))
        code = {_key(node): _code(node) for node in nodes}
        yield Batch(state=dict(state), assets=tuple(_asset(node) for node in nodes))
        last = float(state.get("updated") or (until - _FIRST).timestamp())
        after = since.timestamp() if since else last - _OVERLAP.total_seconds()
        cursor: str | None = None
        while True:
            variables = {"after": after, "before": until.timestamp(), "cursor": cursor, "limit": PAGE}
            found = ask(RUNS, variables).get("runsOrError") or {}
            if found.get("__typename") != "Runs":
                raise SourceError(f"{self.name}: Dagster did not give its runs: {_line(found.get('message'))}")
            rows = _list(found.get("results"))
            last = max([last, *(float(row["updateTime"]) for row in rows if row.get("updateTime"))])
            is_last = len(rows) < PAGE
            # A pull that breaks off begins again where this one began: pages go from new to old.
            yield Batch(
                state={"updated": last} if is_last else dict(state),
                runs=tuple(run for row in rows if (run := _run(row))),
                materializations=tuple(one for row in rows for one in _materializations(row, code)),
            )
            if is_last:
                return
            cursor = rows[-1]["runId"]

    def check(self) -> Iterable[Finding]:
        """Say whether Dagster answers."""
        try:
            version = self._ask("{ version }", {}).get("version")
        except SourceError as error:
            yield Finding("graphql", "error", str(error))
        else:
            yield Finding("graphql", "ok", f"Dagster {_line(version)}")

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        settings = cast("DagsterSettings", self.settings)
        headers = {}
        if settings.token:
            is_bearer = settings.token_header.lower() == "authorization"
            headers[settings.token_header] = ("Bearer " if is_bearer else "") + settings.token.get_secret_value()
        answer = Service(f"{self.name}: Dagster", settings.url, headers).post({"query": query, "variables": variables})
        if not isinstance(answer, dict) or answer.get("errors") or not isinstance(answer.get("data"), dict):
            errors = _list(answer.get("errors")) if isinstance(answer, dict) else []
            said = _line(errors[0].get("message")) if errors else "no data"
            raise SourceError(f"{self.name}: Dagster refused the query ({said}): is it version 1.7 or later?")
        return cast("dict[str, Any]", answer["data"])


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _line(text: Any) -> str:
    return str(text).strip().partition("\n")[0][:200]


def _key(node: Mapping[str, Any]) -> str:
    return "/".join(str(part) for part in (node.get("assetKey") or {}).get("path") or [])


def _asset(node: Mapping[str, Any]) -> Asset:
    entries = _list(node.get("metadataEntries"))
    tables = [one["text"] for name in _TABLES for one in entries if one.get("label") == name and one.get("text")]
    owners = [owner.get("email") or f"team:{owner['team'].removeprefix('team:')}" for owner in _owners(node)]
    code = _code(node)
    return Asset(
        key=_key(node),
        relations=tuple(dict.fromkeys(tables)),
        owners=tuple(dict.fromkeys(owners)),
        tags=tuple(f"kind:{kind}" for kind in node.get("kinds") or []),
        path=code.rpartition(":")[0] or code if code else None,
        origin="dagster",
    )


def _owners(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [owner for owner in _list(node.get("owners")) if owner.get("email") or isinstance(owner.get("team"), str)]


def _code(node: Mapping[str, Any]) -> str | None:
    """Return file and line of the asset's function, as the code location sees it."""
    for entry in _list(node.get("metadataEntries")):
        for one in _list(entry.get("codeReferences")):
            if one.get("filePath"):
                return f"{one['filePath']}:{one['lineNumber']}" if one.get("lineNumber") else str(one["filePath"])
            if one.get("url"):
                return str(one["url"])
    return None


def _at(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), timezone.utc) if seconds else None


def _run(row: Mapping[str, Any]) -> Run | None:
    started = _at(row.get("startTime")) or _at(row.get("creationTime"))
    if started is None:
        return None
    status = _STATUS.get(str(row.get("status")), "running")
    ended = _at(row.get("endTime")) if status != "running" else None
    job = None if row.get("jobName") == _ASSET_JOB else row.get("jobName")
    return Run(row["runId"], started, ended, status, job, row.get("parentRunId"))


def _materializations(row: Mapping[str, Any], code: Mapping[str, str | None]) -> Iterator[Materialization]:
    starts = {step.get("stepKey"): _at(step.get("startTime")) for step in _list(row.get("stepStats"))}
    for event in _list(row.get("assetMaterializations")):
        key = _key(event)
        ended = _at(int(event["timestamp"]) / 1000) if event.get("timestamp") else None
        started = starts.get(event.get("stepKey")) or ended
        if not key or started is None:
            continue
        entries = _list(event.get("metadataEntries"))
        ids = [one["text"] for one in entries if one.get("label") in _QUERY_IDS and one.get("text")]
        yield Materialization(
            row["runId"],
            key,
            started,
            ended,
            "success",
            event.get("partition"),
            code.get(key),
            tuple(dict.fromkeys(ids)),
        )
