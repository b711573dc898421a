"""Looks at all that a sync needs: the ledger, each source's views, assets and teams, and the problems of the last syncs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

from costlens.connector import Connector, Finding, View
from costlens.engine import Engine
from costlens.errors import CostLensError, LedgerEmpty, Problem, SourceError, ViewUnavailable
from costlens.ingest import Read
from costlens.orchestration import estate_of
from costlens.sync import reader

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.ledger import Ledger

#: A probe asks for a span in which there is nothing to pay for reading.
_PROBE = timedelta(hours=1)


def check(config: Config, ledger: Ledger) -> Iterator[Finding]:
    """Yield the findings, the ledger first."""
    yield _ledger(ledger)
    yield _estate(config, ledger)
    if not config.sources:
        yield Finding("sources", "warning", "none configured", "add one under `sources:` in costlens.yml")
    for connector in config.sources:
        yield from _source(connector)
    for orchestrator in config.orchestrators:
        name = orchestrator.name
        for found in orchestrator.check():
            yield replace(found, what=f"{name}: {found.what}", detail=found.detail.removeprefix(f"{name}: "))
    for problem in _known_problems(ledger):
        sample = f" ({problem.sample})" if problem.sample else ""
        yield Finding(f"{problem.source}: {problem.table}", "warning", f"{problem.count:,} × {problem.reason}{sample}")


def _known_problems(ledger: Ledger) -> tuple[Problem, ...]:
    """Return what the syncs so far could not use; an empty ledger has no problems."""
    try:
        return ledger.problems()
    except LedgerEmpty:
        return ()


def _ledger(ledger: Ledger) -> Finding:
    try:
        snapshot = ledger.snapshot()
    except LedgerEmpty:
        return Finding("ledger", "ok", "empty", "run `costlens sync`")
    return Finding("ledger", "ok", f"snapshot {snapshot.id}, as of {snapshot.as_of:%Y-%m-%d %H:%M} UTC")


def _estate(config: Config, ledger: Ledger) -> Finding:
    try:
        estate = estate_of(config, ledger)
    except CostLensError as error:
        return Finding("assets and teams", "error", str(error))
    text = f"{len(estate.assets):,} assets, {len(estate.teams):,} teams, {len(estate.rules):,} rules"
    if estate.conflicts:
        return Finding(
            "assets and teams", "warning", f"{text}; {len(estate.conflicts)} conflicts", "\n".join(estate.conflicts)
        )
    return Finding("assets and teams", "ok", text)


def _source(connector: Connector) -> Iterable[Finding]:
    name = connector.settings.name
    yield from (
        Finding(f"{name}: {found.what}", found.state, found.detail, found.remedy) for found in connector.check()
    )
    until = datetime.now(timezone.utc)
    try:
        with Engine() as engine, reader(connector, engine) as (read, _):
            for view in connector.views:
                yield _view(name, view, read, engine, until)
    except SourceError as error:
        yield Finding(name, "error", str(error).removeprefix(f"{name}: "), _grants(connector))


def _grants(connector: Connector) -> str:
    """Return what a source that cannot be reached yet will need, so that it can be granted at one go."""
    grants = dict.fromkeys(view.grant for view in connector.views if view.grant and connector.settings.export is None)
    return "\n".join(["once it is reached, it needs:", *(f"  {grant}" for grant in grants)] if grants else [])


def _view(source: str, view: View, read: Read, engine: Engine, until: datetime) -> Finding:
    try:
        for rows in islice(read(view, until - _PROBE, until), 1):
            engine.rows(rows.limit(1))
    except ViewUnavailable as error:
        detail = f"{error}" + (f" ({view.purpose})" if view.purpose else "")
        return Finding(
            f"{source}: {view.name}", "error" if view.essential else "missing", detail, error.remedy or view.grant
        )
    except SourceError as error:
        return Finding(f"{source}: {view.name}", "error", str(error))
    return Finding(f"{source}: {view.name}", "ok")
