"""What one run of an asset is, told by its queries: a unit cost needs to know how often an asset was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.attribute.run import bare
from costlens.marks import RUN_KEYS

if TYPE_CHECKING:
    import ibis.expr.types as ir

_RUN = rf'"(?:{"|".join(RUN_KEYS)})"\s*:\s*"([^"\\]+)"'
#: Columns of QUERIES that `run_of` looks at.
CARRIERS = ("query_id", "tag", "labels", "mark", "root_id", "parent_id", "transaction_id")
_NO_TRANSACTION = "0"


def told_runs(materializations: ir.Table) -> ir.Table:
    """Return bare_id, told_run: the runs whose queries an orchestrator names."""
    ids = materializations.select("run_id", query_id=materializations.query_ids.cast("array<string>").unnest())
    ids = ids.mutate(bare_id=bare(ids.query_id))
    return ids.group_by("bare_id").agg(told_run=ids.run_id.min())


def calls(query_usage: ir.Table) -> ir.Table:
    """Return query_id, called_in: the outermost caller, where the vendor says it with a query's usage only."""
    rows = query_usage.mutate(called_in=ibis.coalesce(query_usage.root_id, query_usage.parent_id))
    rows = rows.filter(rows.called_in.notnull() & (rows.called_in != rows.query_id))
    return rows.group_by("query_id").agg(called_in=rows.called_in.max())


def run_of(queries: ir.Table, called: ir.Table | None, told: ir.Table | None) -> ir.Table:
    """Add `run` to rows of days and CARRIERS; `called` is what `calls` returned, `told` what `told_runs` did.

    What the query itself carries comes first, then what an orchestrator says, then its caller of the same day. Where nobody
    calls it a run, the statements of one call or of one transaction are a run, else each statement is its own.
    """
    said = ibis.coalesce(*(queries[name].re_extract(_RUN, 1).nullif("") for name in ("tag", "labels", "mark")))
    rows = queries.mutate(said=said, caller=ibis.coalesce(queries.root_id, queries.parent_id))
    if called is not None:
        rows = rows.left_join(called, "query_id").drop("query_id_right")
        rows = rows.mutate(caller=rows.caller.fill_null(rows.called_in))
    if told is not None:
        rows = rows.mutate(bare_id=bare(rows.query_id)).left_join(told, "bare_id").drop("bare_id_right")
        rows = rows.mutate(said=rows.said.fill_null(rows.told_run))
    alone = ibis.coalesce(rows.said, rows.transaction_id.nullif(_NO_TRANSACTION), rows.query_id)
    own = ibis.ifelse(rows.caller.notnull(), rows.said, alone)
    rows = rows.mutate(own=own)
    called_by = rows.filter(rows.caller.notnull()).select("day", query_id="caller")  # few: most statements nobody calls
    callers = rows.semi_join(called_by, ["day", "query_id"])
    callers = callers.select(caller_day="day", caller_id="query_id", caller_run="own")
    callers = callers.distinct(on=["caller_day", "caller_id"])
    joined = rows.left_join(callers, [rows.day == callers.caller_day, rows.caller == callers.caller_id])
    return joined.mutate(run=ibis.coalesce(joined.own, joined.caller_run, joined.caller))


def first_builds(builds: ir.Table) -> ir.Table:
    """Return day, asset, run, query_id: of each run that builds an asset on a day, the query that stands for it.

    A run that works on both sides of midnight UTC counts on both days: each day must be told without the other.
    """
    return builds.group_by("day", "asset", "run").agg(query_id=builds.query_id.min())
