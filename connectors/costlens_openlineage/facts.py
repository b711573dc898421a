"""Turns records of events into runs, materializations and assets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from costlens.estate import Asset
from costlens.orchestrator import Materialization, Run, Status
from costlens_openlineage.records import Record

_STATUS: dict[str, Status] = {"COMPLETE": "success", "FAIL": "failed", "ABORT": "cancelled"}
_ORIGIN = "openlineage"


@dataclass
class Told:
    """What events told; one run's facts may be spread over many events, merging puts them together."""

    runs: list[Run] = field(default_factory=list)
    materializations: list[Materialization] = field(default_factory=list)
    assets: dict[str, Asset] = field(default_factory=dict)

    def add(self, records: Iterable[Record]) -> None:
        """Add records."""
        for record in records:
            self._assets(record)
            if "run" in record:
                self._run(record)

    def _run(self, record: Record) -> None:
        at = datetime.fromisoformat(record["at"])
        status = _STATUS.get(record["type"], "running")
        ended = at if record["type"] in _STATUS else None
        run, code = record["run"], record.get("code")
        self.runs.append(Run(run, at, ended, status, record.get("job"), record.get("parent")))
        if record.get("ids") or record.get("sql"):
            statement, ids = record.get("sql"), tuple(record.get("ids", ()))
            self.materializations.append(
                Materialization(run, None, at, ended, status, code_ref=code, query_ids=ids, statement=statement)
            )
        self.materializations += [
            Materialization(run, name, at, ended, status, code_ref=code) for name, _, _ in record.get("out", ())
        ]

    def _assets(self, record: Record) -> None:
        """What a job writes is its owners', where the data set names none of its own."""
        of_job = record.get("owners", [])
        for name, others, owners in record.get("out", ()):
            self._asset(_key(name), "table", owners or of_job, (name, *others))
        if of_job and not record.get("out"):
            self._asset(record["job"], "job", of_job, ())

    def _asset(self, key: str, kind: str, owners: Iterable[str], relations: tuple[str, ...]) -> None:
        known = self.assets.get(key, Asset(key, kind=kind, origin=_ORIGIN))
        self.assets[key] = Asset(
            key,
            tuple(dict.fromkeys((*known.relations, *relations))),
            kind,
            tuple(dict.fromkeys(owners)) or known.owners,
            origin=_ORIGIN,
        )


def _key(name: str) -> str:
    """Return a relation without its account, a file or topic with its place: `DB.SCHEMA.TABLE`, `s3://bucket/path`."""
    scheme, _, rest = name.partition("://")
    if scheme in ("s3", "s3a", "gs", "abfss", "wasbs", "hdfs", "file", "dbfs", "kafka"):
        return name
    if name.startswith("arn:aws:glue:"):
        return name.partition("/table/")[2].replace("/", ".") or name
    return rest.partition("/")[2] or rest or name
