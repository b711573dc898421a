"""dbt as an orchestrator: run_results.json and the JSON log tell which statements each node issued.

run_results.json knows a node's main statement only; the log knows all of them (`SQLQueryStatus`), if dbt writes it as
JSON: `DBT_LOG_FORMAT_FILE=json`. The manifest's assets are read wherever the estate is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from costlens.connector import Finding
from costlens.errors import Problem
from costlens.orchestrator import Batch, Materialization, Orchestrator, OrchestratorSettings, Run, State
from costlens_dbt.events import LogReader
from costlens_dbt.results import read_run_results

#: Bytes of a log that one batch holds.
_PART = 32_000_000
_HEAD = 512


class DbtSettings(OrchestratorSettings):
    """What stands below `dbt:`."""

    manifest: Path = Field(description="manifest.json of dbt's target folder: assets, owners, groups.")
    run_results: str | list[str] | None = Field(
        default=None, description="run_results.json; a glob or a list where runs are kept apart."
    )
    log: str | list[str] | None = Field(
        default=None,
        description="dbt.log written with DBT_LOG_FORMAT_FILE=json; a glob or a list, such as logs/dbt.log*.",
    )
    precedence: int = Field(default=20, description="Lower wins where several sources give an asset to several teams.")


class Dbt(Orchestrator):
    """Reads files that dbt writes; files that did not change since the last pull are not opened."""

    type = "dbt"
    Settings = DbtSettings

    @property
    def _settings(self) -> DbtSettings:
        return cast("DbtSettings", self.settings)

    @property
    def pulls(self) -> bool:
        """A manifest alone is read with the estate."""
        return bool(self._settings.run_results or self._settings.log)

    def pull(self, state: State, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield one batch a file of results, and one a part of a log."""
        seen = dict(state.get("files", {}))
        for path in self._files(self._settings.run_results):
            yield from self._results(path, seen)
        for path in self._files(self._settings.log):
            yield from self._log(path, seen)

    def check(self) -> Iterable[Finding]:
        """Say which globs match nothing."""
        for what, patterns in (("run_results", self._settings.run_results), ("log", self._settings.log)):
            if patterns and not self._files(patterns):
                yield Finding(what, "warning", "no such file", f"correct `{what}` in costlens.yml, or run dbt")

    def _files(self, patterns: str | list[str] | None) -> list[Path]:
        listed = [patterns] if isinstance(patterns, str) else patterns or []
        found = {path for pattern in listed for path in _matching(self.base, pattern) if path.is_file()}
        return sorted(found)

    def _results(self, path: Path, seen: dict[str, Any]) -> Iterator[Batch]:
        mark = _mark(path)
        if mark is None or seen.get(str(path)) == mark:
            return
        seen[str(path)] = mark
        try:
            runs, materializations = read_run_results(path.read_bytes())
        except (OSError, ValueError) as error:
            yield self._batch(seen, path, problems=[self._problem(path, str(error), "run_results")])
            return
        yield self._batch(seen, path, runs, materializations)

    def _log(self, path: Path, seen: dict[str, Any]) -> Iterator[Batch]:
        """Read on where the last pull ended, from the beginning where the file is another: dbt rotates its log."""
        mark = _mark(path)
        known = seen.get(str(path), {})
        if mark is None or {**known, "offset": 0, "nodes": {}} == {**mark, "offset": 0, "nodes": {}}:
            return
        with path.open("rb") as file:
            head = hashlib.sha256(file.read(_HEAD)).hexdigest()
            short = mark["size"] < _HEAD or known.get("size", 0) < _HEAD
            goes_on = known.get("offset", 0) <= mark["size"] and (known.get("head") == head or short)
            offset = known.get("offset", 0) if goes_on else 0
            reader = LogReader(known.get("nodes", {}) if goes_on else {})
            file.seek(offset)
            is_first = offset == 0
            for part in _parts(file):
                offset += len(part)
                reader.read(part)
                runs, materializations, problems = reader.take()
                seen[str(path)] = {**mark, "head": head, "offset": offset, "nodes": reader.nodes}
                told = [self._problem(path, reason, "log", count) for reason, count in problems.items()]
                yield self._batch(seen, path if is_first else None, runs, materializations, told)
                is_first = False

    def _batch(
        self,
        seen: Mapping[str, Any],
        read: Path | None,
        runs: Iterable[Run] = (),
        materializations: Iterable[Materialization] = (),
        problems: Iterable[Problem] = (),
    ) -> Batch:
        return Batch(
            state={"files": dict(seen)},
            runs=tuple(runs),
            materializations=tuple(materializations),
            problems=tuple(problems),
            read=(str(read),) if read else (),
        )

    def _problem(self, path: Path, reason: str, what: str, count: int = 1) -> Problem:
        return Problem(self.name, f"{what} from {path}", reason, count=count)


def _matching(base: Path, pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    if path.is_absolute():
        return Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return base.glob(pattern)


def _mark(path: Path) -> dict[str, Any] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return {"size": stat.st_size, "mtime": stat.st_mtime_ns}


def _parts(file: Any) -> Iterator[bytes]:
    """Yield whole lines; what follows the last line end is still being written."""
    while part := file.read(_PART):
        while not part.endswith(b"\n"):
            rest = file.readline()
            if not rest:
                part = part[: part.rfind(b"\n") + 1]
                break
            part += rest
        if not part:
            return
        yield part
