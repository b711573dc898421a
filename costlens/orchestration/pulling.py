"""One pull of one orchestrator: batch by batch, each merged, committed and attributed before what it was read from is let go."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.attribute import RUN_REACH, issued
from costlens.book import Books
from costlens.engine import Engine
from costlens.errors import LedgerEmpty, Problem
from costlens.estates import load_estate
from costlens.ledger.leases import holder_name
from costlens.lineage import read
from costlens.model import MATERIALIZATIONS, RUNS, Table
from costlens.orchestration import merging, store
from costlens.orchestration.merging import Key, Row
from costlens.orchestrator import Batch, Materialization
from costlens.settings.attribution import Settings as AttributionSettings
from costlens.settings.code import Settings as CodeSettings
from costlens.trace.configured import code_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.config import Config
    from costlens.estate import Catalog, Estate
    from costlens.ledger import Ledger, Writer
    from costlens.orchestrator import Orchestrator

#: A run's rows are looked for this many days around what is told of it: no run is longer.
_LONGEST_RUN_DAYS = 7
#: Rows that one commit merges.
_MOST_ROWS = 50_000
#: Problems that one orchestrator may leave in a snapshot.
_MOST_PROBLEMS = 1_000

Echo = Callable[[str], None]

#: A name in quotes that reads the same without them.
_QUOTED = re.compile(r'["`]([^"`.]+)["`]')


@dataclass
class Pulled:
    """What a pull of one orchestrator did."""

    source: str
    snapshot: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    assets: int = 0
    problems: int = 0

    def line(self) -> str:
        """Return what was done in one line, and one more for what a person should look at."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items() if count) or "nothing new"
        lines = [f"{self.source}: {rows}" + (f"; {self.assets:,} assets" if self.assets else "")]
        if self.problems:
            many = "problem" if self.problems == 1 else "problems"
            lines.append(f"{self.source}: {self.problems:,} {many}: `costlens check` lists them")
        return "\n".join(lines)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def catalogs(config: Config, ledger: Ledger) -> dict[str, Catalog]:
    """Return what orchestrators told of assets and owners, as last pulled, by their names."""
    return {
        orchestrator.name: store.load(ledger.database, orchestrator.name).catalog
        for orchestrator in config.orchestrators
    }


def estate_of(config: Config, ledger: Ledger) -> Estate:
    """Return the estate: what the configuration's files say, and what orchestrators told."""
    return load_estate(config.root.assets, config.root.teams, config.base, catalogs(config, ledger))


def pull(
    config: Config,
    ledger: Ledger,
    orchestrator: Orchestrator,
    *,
    until: datetime,
    since: datetime | None = None,
    echo: Echo = lambda line: None,
) -> Pulled:
    """Pull what is new before `until`, or with `since` all from there on, and commit it with what it changes.

    May be killed at any instant and run again: what was not remembered is told once more, and merging changes nothing then.
    Raises SourceError where the orchestrator cannot be used.
    """
    done = Pulled(orchestrator.name)
    state: Mapping[str, Any] = store.load(ledger.database, orchestrator.name).state
    for batch in gathered(orchestrator.pull({} if since else state, since, until)):
        held = _renew(ledger, orchestrator, batch, until)
        done.snapshot = _commit(config, ledger, orchestrator, batch, until, done) or done.snapshot
        store.save(ledger.database, orchestrator.name, held)
        orchestrator.committed(batch.state)
        done.assets = len(held.catalog.assets)
        done.problems += sum(problem.count for problem in batch.problems)
        echo(f"{orchestrator.name}: {sum(done.rows.values()):,} rows")
    return done


def gathered(batches: Iterable[Batch], most: int = _MOST_ROWS) -> Iterator[Batch]:
    """Put small batches together, so that many files or pages are one commit; what is remembered is the last one's."""
    held: Batch | None = None
    for batch in batches:
        if held is None:
            held = batch
        elif _size(held) + _size(batch) > most or (held.assets is not None and batch.assets is not None):
            yield held
            held = batch
        else:
            held = Batch(
                state=batch.state,
                runs=(*held.runs, *batch.runs),
                materializations=(*held.materializations, *batch.materializations),
                assets=held.assets if batch.assets is None else batch.assets,
                is_complete=held.is_complete if batch.assets is None else batch.is_complete,
                problems=(*held.problems, *batch.problems),
                read=(*held.read, *batch.read),
            )
    if held is not None:
        yield held


def _size(batch: Batch) -> int:
    return len(batch.runs) + len(batch.materializations)


def _renew(ledger: Ledger, orchestrator: Orchestrator, batch: Batch, at: datetime) -> store.Held:
    """Return what is to be kept; a changed catalog is kept at once, so that the commit already attributes by it."""
    held = store.load(ledger.database, orchestrator.name)
    catalog = held.catalog
    if batch.assets is not None:
        catalog = store.renewed(
            catalog,
            batch.assets,
            is_complete=batch.is_complete,
            day=at.date(),
            origin=orchestrator.name,
            precedence=orchestrator.settings.precedence,
        )
    if catalog != held.catalog:
        store.save(ledger.database, orchestrator.name, store.Held(held.state, catalog, held.pulled_at))
    return store.Held(dict(batch.state), catalog, at)


def _commit(
    config: Config, ledger: Ledger, orchestrator: Orchestrator, batch: Batch, at: datetime, done: Pulled
) -> int | None:
    """Merge a batch into the facts and attribute anew what it tells otherwise; nothing is committed where nothing changes."""
    with Engine() as engine, ledger.write(uuid.uuid4().hex, holder_name()) as writer:
        told = _enter(writer, engine, orchestrator, batch, done)
        found = _problems(ledger, orchestrator.name, batch)
        estate = estate_of(config, ledger)
        if told is None and found is None and (writer.base is None or ledger.estate(writer.base) == estate):
            return None
        info = dict(writer.base.info) if writer.base else {}
        if told is not None:
            info = _retell(config, writer, engine, estate, told, at, info)
        return writer.commit(
            as_of=writer.base.as_of if writer.base else at,
            cursors={(orchestrator.name, "pull"): at},
            problems=_known(ledger) if found is None else found,
            estate=estate,
            info=info,
        ).id


def _enter(writer: Writer, engine: Engine, orchestrator: Orchestrator, batch: Batch, done: Pulled) -> ir.Table | None:
    """Merge the batch's rows into the stored ones; return the queries of which it tells otherwise than before."""
    rows = {
        RUNS: merging.run_rows(batch.runs, orchestrator.type),
        MATERIALIZATIONS: merging.materialization_rows(_with_targets(batch.materializations), orchestrator.type),
    }
    changes = {
        table: change
        for table, told in rows.items()
        if told and (change := _changed(writer, engine, table, orchestrator.name, told))
    }
    if not changes:
        return None
    days = set().union(*(change.days for change in changes.values()))
    near = {day + step for day in days for step in range(-RUN_REACH, RUN_REACH + 1)}
    before = engine.materialise(_issued(writer, engine, near), "before")
    for table, change in changes.items():
        _replace(writer, engine, table, orchestrator, change)
        done.rows[table.name] = done.rows.get(table.name, 0) + len(change.rows)
    after = engine.materialise(_issued(writer, engine, near), "after")
    differing = before.difference(after).union(after.difference(before))
    return engine.materialise(differing.select("query_id", "run_day").distinct(), "told")


def _with_targets(materializations: Iterable[Materialization]) -> Iterator[Materialization]:
    """Add what a statement writes, where the orchestrator tells the statement only; a name without schema tells nothing."""
    for one in materializations:
        yield one
        if one.statement and one.asset is None:
            dialect = "bigquery" if "`" in one.statement else "snowflake"
            for target in read(one.statement, dialect).targets:
                if "." in target:
                    yield replace(one, asset=_QUOTED.sub(r"\1", target), query_ids=(), statement=None)


def _issued(writer: Writer, engine: Engine, days: Collection[int]) -> ir.Table:
    return issued(*(writer.table(name, engine, days=days) for name in (RUNS.name, MATERIALIZATIONS.name)))


@dataclass(frozen=True)
class _Change:
    """What a batch makes of one table: per key the stored row and what it becomes, and the runs that it tells of."""

    rows: Mapping[Key, tuple[Row | None, Row]]
    beside: Sequence[Row]
    """Stored rows of these runs that stay as they are."""
    runs: ir.Table

    @property
    def days(self) -> set[int]:
        """The days to be written anew; that of a row may move as an earlier start becomes known."""
        return {row["day"] for pair in self.rows.values() for row in pair if row}


def _changed(writer: Writer, engine: Engine, table: Table, source: str, told: Sequence[Row]) -> _Change | None:
    """Merge what is told with the stored rows of its runs; None where they stay as they are."""
    wanted = merging.merge(table, told)
    near = {row["day"] + step for row in wanted.values() for step in range(-_LONGEST_RUN_DAYS, _LONGEST_RUN_DAYS + 1)}
    ids = pa.table({"run_id": pa.array(sorted({row["run_id"] for row in told}), pa.string())})
    runs = engine.register(ids, "told_runs", [table.column("run_id")])
    rows = writer.table(table.name, engine, source=source, days=near & writer.days(table.name, source))
    names = ("day", *told[0])
    stored = [{name: row[name] for name in names} for row in engine.rows(rows.semi_join(runs, "run_id"))]
    old = {tuple(row[name] for name in table.key): row for row in stored}
    new = merging.merge(table, [*(old[key] for key in wanted.keys() & old.keys()), *wanted.values()])
    changed = {key: (old.get(key), new[key]) for key in wanted if new[key] != old.get(key)}
    beside = [row for key, row in old.items() if key not in changed]
    return _Change(changed, beside, runs) if changed else None


def _replace(writer: Writer, engine: Engine, table: Table, orchestrator: Orchestrator, change: _Change) -> None:
    """Write the days of changed rows anew."""
    source, days = orchestrator.name, change.days
    others = writer.table(table.name, engine, source=source, days=days & writer.days(table.name, source))
    told = [*(row for row in change.beside if row["day"] in days), *(new for _, new in change.rows.values())]
    rows = engine.register(merging.arrow(table, told, source, orchestrator.type), table.name, table.columns)
    both = others.anti_join(change.runs, "run_id").select(*table.names).union(rows.select(*table.names))
    writer.replace(table.name, source, days, both, engine)


def _retell(
    config: Config,
    writer: Writer,
    engine: Engine,
    estate: Estate,
    told: ir.Table,
    at: datetime,
    info: dict[str, Any],
) -> dict[str, Any]:
    """Attribute the queries told of in every warehouse that was synced; return the snapshot's new info."""
    settings = config.section(AttributionSettings)
    code = code_of(config.base, config.section(CodeSettings))
    for connector in config.sources:
        if connector.settings.name in info.get("sources", {}):
            books = Books(writer, connector, engine, estate, settings, at, code)
            books.info = info
            info = books.retell(told)
    return info


def _known(ledger: Ledger) -> tuple[Problem, ...]:
    try:
        return ledger.problems()
    except LedgerEmpty:
        return ()


def _problems(ledger: Ledger, source: str, batch: Batch) -> list[Problem] | None:
    """Return all problems after a batch, None where they stay as they are; what was read from its beginning speaks for itself."""
    known = _known(ledger)
    kept = [p for p in known if p.source != source or p.table.rpartition(" from ")[2] not in batch.read]
    new = [problem for problem in batch.problems if problem not in kept][:_MOST_PROBLEMS]
    return None if len(kept) == len(known) and not new else [*kept, *new]
