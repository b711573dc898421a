"""Method `run`: the orchestrator itself says which queries it issued, and for which assets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from costlens.attribute.dbt_node import dbt_traits
from costlens.attribute.parent import REACH_DAYS
from costlens.attribute.verdicts import Traits, Verdict, equal_shares
from costlens.estates.relations import parts_of
from costlens.model import Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.known import Known
    from costlens.attribute.scene import Scene, Voices

NAME = "run"
_CONFIDENCE = 1.0
#: A query of this many days before or after its materialization, whose parent run may be as far again.
REACH = 2 * REACH_DAYS
#: How close to the query an asset was named: by its run, by the run that started it, by what ran.
_RUN, _PARENT, _JOB = range(3)
#: Integrations give each statement a job of its own: `dag.task.query.1`, `model.shop.orders.sql.2`.
_STATEMENT = r"\.(?:query|sql)\.\d+$"


def speak(scene: Scene, _: Voices) -> list[ir.Table]:
    """Return verdicts on the queries that a run names."""
    if "materializations" not in scene.facts:
        return []
    told = scene.materialise(issued(scene.facts["runs"], scene.facts["materializations"]), "issued")
    if not scene.rows(told.limit(1)):
        return []
    queries = scene.subjects.filter(scene.subjects.kind == "query")
    queries = queries.select("subject", "day", "subject_id", query=bare(queries.subject_id))
    found = queries.join(told, queries.query == told.query_id)
    near = ((found.day - found.run_day).abs() <= REACH_DAYS) & same_job(found.subject_id, found.as_told)
    found = scene.materialise(found.filter(near).select("subject", "level", "name", "orchestrator", "code_ref"), "runs")
    return _verdicts(scene, found)


def _verdicts(scene: Scene, found: ir.Table) -> list[ir.Table]:
    """Read each distinct set of names once: few sets name many queries."""
    least = found.group_by("subject").agg(least=found.level.min())
    named = found.join(least, "subject")
    named = (
        named.filter(named.level == named.least)
        .select("subject", "level", "name", "orchestrator", "code_ref")
        .distinct()
    )
    sets = named.group_by("subject").agg(
        level=named.level.min(),
        names=named.name.collect(order_by=named.name).join("\n"),
        orchestrator=named.orchestrator.min(),
        code_ref=named.code_ref.min(),
    )
    sets = scene.materialise(sets, "named")
    keys = ["names", "orchestrator", "code_ref", "level"]
    rows = scene.rows(sets.select(keys).distinct())
    if not rows:
        return []
    said = [scene.verdicts.number(_verdict(row, scene.known)) for row in rows]
    columns = [*(Column(key, "text") for key in keys[:-1]), Column("level", "integer"), Column("verdict", "integer")]
    read = {key: pa.array([row[key] for row in rows], pa.string()) for key in keys[:-1]}
    read |= {"level": pa.array([row["level"] for row in rows]), "verdict": pa.array(said)}
    table = scene.register(pa.table(read), "by_run", columns)
    joined = sets.join(table, [sets[key].identical_to(table[key]) for key in keys])
    return [scene.materialise(joined.select("subject", "verdict"), "said_by_run")]


def _verdict(row: Mapping[str, Any], known: Known) -> Verdict:
    names = row["names"].split("\n")
    find = _job if row["level"] == _JOB else _asset
    resolved = {name: find(name, known) for name in names}
    assets = sorted({asset for asset in resolved.values() if asset})
    assets = assets or list({parts_of(name): name for name in reversed(names)}.values())  # one may be spelt in two ways
    traits = dbt_traits(names[0], known).or_else(Traits(purpose="build", code_ref=row["code_ref"]))
    return Verdict(
        method=NAME,
        confidence=_CONFIDENCE,
        text=f"{row['orchestrator']} says that its run issued the query",
        assets=equal_shares(assets),
        traits=traits,
    )


def _asset(name: str, known: Known) -> str | None:
    """Return the asset that an orchestrator means, None where the estate has none: then its own name must do."""
    found = known.by_node(name) or known.asset(name)
    return found if found != name or known.has(name) else known.by_words(name)


def _job(name: str, known: Known) -> str | None:
    """Return the asset that a job is: of `dag.group.task` the task's, else the group's, else the DAG's."""
    parts = name.split(".")
    longer = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return _asset(name, known) or next((found for part in longer if (found := known.by_words(part))), None)


def issued(runs: ir.Table, materializations: ir.Table) -> ir.Table:
    """Return which names stand for a query: query_id (bare), as_told, run_day, level, name, orchestrator, code_ref.

    The names of a materialization are for its own queries. Those of the run itself are for all that the run worked on,
    else for what the run that started it worked on, else for its job.
    """
    rows = materializations.mutate(run_id=materializations.source + "\n" + materializations.run_id)
    assets = rows.filter(rows.asset.notnull()).select("run_id", "day", "asset", "orchestrator", "code_ref")
    ids = rows.select(
        "run_id", "day", "asset", "orchestrator", "code_ref", as_told=rows.query_ids.cast("array<string>").unnest()
    )
    ids = ids.mutate(query_id=bare(ids.as_told))
    of_runs = ids.filter(ids.asset.isnull()).drop("asset", "code_ref")
    jobs = runs.select(
        run_id=runs.source + "\n" + runs.run_id,
        parent_id=runs.source + "\n" + runs.parent_id,
        run_day=runs.day,
        job=runs.job.re_replace(_STATEMENT, ""),
    )
    with_job = of_runs.join(jobs, "run_id")
    with_job = with_job.filter((with_job.day - with_job.run_day).abs() <= REACH_DAYS).drop("run_day")
    return ibis.union(
        _named(ids.filter(ids.asset.notnull()), _RUN, "asset"),
        _named(_of_run(of_runs, assets, of_runs.run_id), _RUN, "asset"),
        _named(_of_run(with_job, assets, with_job.parent_id), _PARENT, "asset"),
        _named(with_job.filter(with_job.job.notnull()).mutate(code_ref=ibis.null("string")), _JOB, "job"),
        distinct=True,
    )


def _of_run(ids: ir.Table, assets: ir.Table, run_id: ir.Value) -> ir.Table:
    told = assets.rename(its_run="run_id", its_day="day").drop("orchestrator")
    joined = ids.join(told, run_id == told.its_run)
    return joined.filter((joined.day - joined.its_day).abs() <= REACH_DAYS)


def _named(rows: ir.Table, level: int, name: str) -> ir.Table:
    return rows.select(
        "query_id",
        "as_told",
        "orchestrator",
        "code_ref",
        run_day=rows.day,
        level=ibis.literal(level, "int64"),
        name=rows[name],
    )


def bare(query_id: ir.StringValue) -> ir.StringValue:
    """Return a query's id without project and location: BigQuery's are written `job` and `project:location.job`."""
    return query_id.re_extract(r"([^.:]*)$", 1)


def same_job(query_id: ir.StringValue, as_told: ir.StringValue) -> ir.BooleanValue:
    """Tell whether two ids whose last parts are equal may be one: where both name a project it is the same one."""
    here, there = (text.lower().re_extract(r"^(.*)[:.][^:]*$", 1) for text in (query_id, as_told))
    project = [text.re_replace(r":[^:]*$", "") for text in (here, there)]
    return (here == "") | (there == "") | (project[0] == project[1])
