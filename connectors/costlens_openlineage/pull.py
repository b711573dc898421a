"""OpenLineage as an orchestrator: what the receiver kept, files of events (one a line), and Marquez."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, SecretStr

from costlens.connector import Finding
from costlens.errors import Problem, SourceError
from costlens.http_json import Service
from costlens.orchestrator import Batch, Orchestrator, OrchestratorSettings, State
from costlens_openlineage.facts import Told
from costlens_openlineage.records import Record, attempt
from costlens_openlineage.spool import drop, lines_of, segments

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

#: Bytes of a file, and events of Marquez, that one batch holds.
_PART = 16_000_000
_PAGE = 500
#: Marquez is asked from so long before the last event on: events come late.
_OVERLAP = timedelta(hours=1)
_HEAD = 512


class OpenLineageSettings(OrchestratorSettings):
    """What stands below `openlineage:`."""

    receive: Path | None = Field(
        default=None, description="Folder where the receiver keeps events until a sync takes them."
    )
    token: SecretStr | None = Field(default=None, description="Bearer token that senders must show to the receiver.")
    max_bytes: int = Field(default=5_000_000, gt=0, description="Largest request that the receiver takes, unpacked.")
    files: str | list[str] | None = Field(default=None, description="Files of events, one a line; a glob or a list.")
    marquez: str | None = Field(default=None, description="Address of Marquez, such as http://marquez:5000.")
    marquez_token: SecretStr | None = Field(default=None, description="Bearer token for Marquez.")


class OpenLineage(Orchestrator):
    """Reads events from wherever they are; only records of them, without literals, are ever stored."""

    type = "openlineage"
    Settings = OpenLineageSettings

    @property
    def _settings(self) -> OpenLineageSettings:
        return cast("OpenLineageSettings", self.settings)

    def routes(self) -> list[BaseRoute]:
        """Return the receiver's routes, none where nothing is to be received."""
        from costlens_openlineage.receiver import routes

        if self._settings.receive is None:
            return []
        token = self._settings.token.get_secret_value() if self._settings.token else None
        return [*routes(self.base / self._settings.receive, token=token, max_bytes=self._settings.max_bytes)]

    def pull(self, state: State, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield the receiver's events, then those of files, then Marquez's."""
        seen: dict[str, Any] = {"spool": {}, "files": {}, "marquez": None, **json.loads(json.dumps(state))}
        if self._settings.receive:
            yield from self._received(seen)
        for path in self._files():
            yield from self._file(path, seen)
        if self._settings.marquez:
            yield from self._marquez(seen, since, until)

    def committed(self, state: State) -> None:
        """Delete what the receiver kept and the ledger now has."""
        if self._settings.receive:
            drop(self.base / self._settings.receive, state.get("spool", {}))

    def check(self) -> Iterable[Finding]:
        """Say whether Marquez answers and whether there are files."""
        if self._settings.files and not self._files():
            yield Finding("files", "warning", "no such file", "correct `files` in costlens.yml")
        if self._settings.receive and not self._settings.token:
            yield Finding(
                "receive", "warning", "without a token only this machine may post", "set `token` in costlens.yml"
            )
        if self._settings.marquez:
            try:
                self._service().get("/api/v1/events/lineage", limit=1)
            except SourceError as error:
                yield Finding("marquez", "error", str(error))
            else:
                yield Finding("marquez", "ok")

    def _received(self, seen: dict[str, Any]) -> Iterator[Batch]:
        folder = self.base / self._settings.receive if self._settings.receive else self.base
        paths = segments(folder)
        seen["spool"] = {path.stem: seen["spool"].get(path.stem, 0) for path in paths}
        for path in paths:
            while lines := [*lines_of(path, seen["spool"][path.stem], _PART)]:
                seen["spool"][path.stem] = lines[-1][1]
                told = Told()
                told.add(json.loads(line) for line, _ in lines)
                yield self._batch(seen, told)

    def _files(self) -> list[Path]:
        patterns = self._settings.files
        listed = [patterns] if isinstance(patterns, str) else patterns or []
        absolute = [Path(pattern) for pattern in listed]
        found = (path for one in absolute for path in _matching(self.base, one))
        return sorted({path for path in found if path.is_file()})

    def _file(self, path: Path, seen: dict[str, Any]) -> Iterator[Batch]:
        known = seen["files"].get(str(path), {})
        try:
            with path.open("rb") as file:
                head = hashlib.sha256(file.read(_HEAD)).hexdigest()
            size = path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.name}: {path} cannot be read ({error.strerror}): check its mode") from None
        offset = known.get("offset", 0)
        if offset > size or (known.get("head") != head and known.get("size", 0) >= _HEAD):
            offset = 0  # another file of the same name
        is_first = offset == 0
        while lines := [*lines_of(path, offset, _PART)]:
            offset = lines[-1][1]
            seen["files"][str(path)] = {"size": size, "head": head, "offset": offset}
            records, reasons = _records(line for line, _ in lines)
            told = Told()
            told.add(records)
            problems = [Problem(self.name, f"events from {path}", why, count=n) for why, n in reasons.items()]
            yield self._batch(seen, told, problems, (str(path),) if is_first else ())
            is_first = False

    def _marquez(self, seen: dict[str, Any], since: datetime | None, until: datetime) -> Iterator[Batch]:
        last = datetime.fromisoformat(seen["marquez"]) if seen["marquez"] else None
        after = since or (last - _OVERLAP if last else None)
        service, offset = self._service(), 0
        while True:
            page = service.get(
                "/api/v1/events/lineage",
                after=after.isoformat() if after else None,
                before=until.isoformat(),
                limit=_PAGE,
                offset=offset,
                sortDirection="asc",
            )
            events = page.get("events") if isinstance(page, dict) else None
            if not isinstance(events, list):
                raise SourceError(f"{self.name}: Marquez did not answer with events: is it version 0.30 or later?")
            records, reasons = _records(events)
            offset += len(events)
            told = Told()
            told.add(records)
            times = [datetime.fromisoformat(record["at"]) for record in records]
            last = max([*times, *([last] if last else [])], default=None)
            is_last = len(events) < _PAGE
            if is_last:  # a pull that breaks off begins again where this one began
                seen["marquez"] = last.isoformat() if last else None
            problems = [Problem(self.name, "events from marquez", why, count=n) for why, n in reasons.items()]
            yield self._batch(seen, told, problems, ("marquez",) if offset == len(events) else ())
            if is_last:
                return

    def _service(self) -> Service:
        token = self._settings.marquez_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        return Service(f"{self.name}: Marquez", str(self._settings.marquez), headers)

    def _batch(
        self, seen: dict[str, Any], told: Told, problems: Sequence[Problem] = (), read: tuple[str, ...] = ()
    ) -> Batch:
        return Batch(
            state=json.loads(json.dumps(seen)),
            runs=tuple(told.runs),
            materializations=tuple(told.materializations),
            assets=tuple(told.assets.values()),
            is_complete=False,
            problems=tuple(problems),
            read=read,
        )


def _matching(base: Path, pattern: Path) -> Iterator[Path]:
    if pattern.is_absolute():
        return Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
    return base.glob(str(pattern))


def _records(events: Iterable[Any]) -> tuple[list[Record], Counter[str]]:
    """Return the records of events, or of lines that hold one each, and why others are none."""
    records: list[Record] = []
    reasons: Counter[str] = Counter()
    for event in events:
        if isinstance(event, bytes) and not event.strip():
            continue
        record = _read(event) if isinstance(event, bytes) else attempt(event)
        if isinstance(record, str):
            reasons[record] += 1
        else:
            records.append(record)
    return records, reasons


def _read(line: bytes) -> Record | str:
    try:
        return attempt(json.loads(line))
    except (ValueError, RecursionError):
        return "line is no JSON"
