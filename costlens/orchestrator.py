"""The contract of an orchestrator: what it says of assets, of who owns them, of runs, and of the queries that runs issued.

An orchestrator is one class in a package `connectors/costlens_<name>/`, registered under the entry point group
`costlens.orchestrators` by the word that names it under `assets:` of costlens.yml. It holds its own settings and one
method, `pull`. It imports this module, `costlens.model`, `costlens.estate`, `costlens.errors`, `costlens.masking` and
`costlens.tagging`, and nothing else of CostLens.

What it tells is merged with what the ledger holds, row by row: times by least and greatest, ids by union. So it may tell
the same thing twice, in any order and in parts, and what it no longer knows (a rotated log) stays.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from costlens.connector import Finding
from costlens.errors import Problem
from costlens.estate import Asset

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

Status = Literal["running", "cancelled", "failed", "success"]

#: What an orchestrator remembers between pulls: JSON, its own business.
State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `parent_id` is the run that started it, `job` what ran: a DAG's task, a job, a dbt command."""

    run_id: str
    started_at: datetime
    ended_at: datetime | None = None
    status: Status = "running"
    job: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Materialization:
    """A run worked on an asset, and `query_ids` were issued for it.

    `asset` is a name that CostLens resolves when it attributes: an asset's key, a dbt unique id, or a relation in any
    spelling. None is the run itself: its queries are for all assets of the run, else of the run's parent, else for its job.
    """

    run_id: str
    asset: str | None
    started_at: datetime
    ended_at: datetime | None = None
    status: Status = "running"
    partition: str | None = None
    code_ref: str | None = None
    query_ids: tuple[str, ...] = ()
    statement: str | None = None
    """Masked text of what ran, where `asset` is None and only the statement tells what was written; it is read, not kept."""


@dataclass(frozen=True)
class Batch:
    """A part of a pull, committed as one: at most some ten thousand rows."""

    state: State
    """What to remember once this batch is in the ledger."""
    runs: tuple[Run, ...] = ()
    materializations: tuple[Materialization, ...] = ()
    assets: tuple[Asset, ...] | None = None
    """Assets with their owners as of now (`growth`, `team:growth`, `@acme/growth`, an address); None = not told."""
    is_complete: bool = True
    """Whether `assets` are all there are; else they are added to those known."""
    problems: tuple[Problem, ...] = ()
    read: tuple[str, ...] = field(default=())
    """What was read from its beginning (a file, an endpoint): its earlier problems, `table` "<table> from <what>", are void."""


class OrchestratorSettings(BaseModel):
    """What stands below an orchestrator's word in `assets:`; each has its own, which inherit this."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    precedence: int = Field(default=50, description="Lower wins where several sources give an asset to several teams.")


class Orchestrator(ABC):
    """An orchestrator: its settings and how it is read."""

    type: ClassVar[str]
    Settings: ClassVar[builtins.type[OrchestratorSettings]] = OrchestratorSettings

    def __init__(self, name: str, settings: OrchestratorSettings, base: Path) -> None:
        """`name` is the source of its facts; relative paths start from `base`."""
        self.name = name
        self.settings = settings
        self.base = base

    @property
    def pulls(self) -> bool:
        """Whether the settings name anything to be pulled."""
        return True

    @abstractmethod
    def pull(self, state: State, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield what is new after `state` ({} at first) and before `until`; with `since`, all again from there on.

        What cannot be read is a problem of a batch; raises SourceError where the orchestrator cannot be used at all.
        """

    def committed(self, state: State) -> None:  # noqa: B027 - one that keeps nothing of its own has nothing to clear
        """Called when a batch with this state is in the ledger: what it was read from may go."""

    def routes(self) -> list[BaseRoute]:
        """Return what `costlens serve` is to answer for it over HTTP, where it is told things instead of asking."""
        return []

    def check(self) -> Iterable[Finding]:
        """Say whether it is reached, and what is missing."""
        return ()
