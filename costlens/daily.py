"""Makes `daily`: charges, attributions and activity of each day, grouped by what people ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.engine import Engine, schema_of
from costlens.keys import keyed
from costlens.model import DAILY
from costlens.price.times import billing_period
from costlens.runs import CARRIERS, calls, first_builds, run_of, told_runs

if TYPE_CHECKING:
    import ibis.expr.types as ir

SUMS = ("units", "cost", "list_cost", "queries", "runs", "seconds", "bytes", "provisional_cost")
KEYS = tuple(column.name for column in DAILY.columns if column.name not in SUMS)
_AMOUNTS = ("units", "cost", "list_cost")
#: What many queries share, and what many charges of queries share, beside the day.
_PERSON = (
    "source",
    "user",
    "role",
    "shape",
    "pool",
    "account",
    "region",
    "asset",
    "rule_team",
    "method",
    "environment",
    "purpose",
)
_LINE = (
    "source",
    "billing_period",
    "account",
    "region",
    "service",
    "category",
    "cause",
    "pool",
    "object",
    "currency",
    "unit",
    "status",
)


def daily(
    facts: Mapping[str, ir.Table],
    charges: ir.Table,
    attributions: ir.Table,
    days: Collection[int],
    calendar: str,
    engine: Engine,
) -> ir.Table:
    """Return the DAILY rows of `days`; `calendar` is the zone of the vendor's billing months.

    Takes `queries` of all days that touch `days`, the charges of `days`, and the attributions of the days of those queries;
    `query_usage` and `materializations`, where there are any, say which queries are one run.
    A charge is split by the shares of its query, object or pool (its share of units and money, in decimal: the last digit may
    differ by one in the 12th place). Queries, seconds and bytes count once, on the UTC day a query ended; a run of an asset once
    a day, with the first of the queries that build it.
    """
    charges = charges.filter(charges.day.isin(list(days)))
    rest = engine.materialise(charges.filter(charges.query_id.isnull()), "not_asked")
    asked, lines = keyed(charges.filter(charges.query_id.notnull()), _LINE, "line", engine)
    told = _who(_met(facts["queries"], asked, days), attributions)
    who, people = keyed(told, _PERSON, "person", engine, held=True)
    paid = engine.materialise(_asked_sums(asked, who), "asked").join(lines, "line")
    active = _active_sums(_counted(facts, who.filter(who.day.isin(list(days)))), days, calendar)
    rows = ibis.union(
        _money(_by_person(paid, people)).select(*DAILY.names),
        _money(attributed(rest, attributions)).select(*DAILY.names),
        _activity(active.join(people, "person"), paid, rest).select(*DAILY.names),
    )
    grouped = rows.group_by(list(KEYS)).agg(**{name: rows[name].sum().cast(rows[name].type()) for name in SUMS})
    return grouped.select(*DAILY.names).cast(schema_of(DAILY.columns))


def owned(queries: ir.Table, charges: ir.Table, attributions: ir.Table) -> ir.Table:
    """Return charges split over whom they belong to: their columns with user, shape, asset and rule_team; cost is exact."""
    asked, rest = charges.filter(charges.query_id.notnull()), charges.filter(charges.query_id.isnull())
    names = (
        "source",
        "day",
        "hour",
        "category",
        "currency",
        "status",
        "pool",
        "user",
        "shape",
        "asset",
        "rule_team",
        "cost",
    )
    told = (_asked(asked, _who(queries, attributions)), attributed(rest, attributions))
    return ibis.union(*(_money(rows).select(*names) for rows in told))


def _met(queries: ir.Table, asked: ir.Table, days: Collection[int]) -> ir.Table:
    """Return the queries that ended on `days`, and of those beside them the ones that are charged there."""
    is_here = queries.day.isin(list(days))
    beside = queries.filter(~is_here)
    # Few queries are beside them, on a first sync none: it is for these that the charges are searched.
    charged = asked.select("query_id").semi_join(beside, "query_id")
    return ibis.union(queries.filter(is_here), beside.semi_join(charged, "query_id"))


def _who(queries: ir.Table, attributions: ir.Table) -> ir.Table:
    """Return each query with whom it belongs to, a row per share."""
    told = attributions.filter(attributions.subject_kind == "query").select(
        "subject_id", "asset", "rule_team", "share", "method", "environment", "purpose"
    )
    columns = ("source", "query_id", "day", "user", "role", "shape", "pool", "account", "region")
    mine = queries.select(*columns, "ended_at", "execution_ms", "bytes_scanned")
    joined = mine.left_join(told, mine.query_id == told.subject_id).drop("subject_id")
    return joined.mutate(share=joined.share.fill_null(1.0), method=joined.method.fill_null("none"))


def _asked(charges: ir.Table, who: ir.Table) -> ir.Table:
    """Return the charges of queries, split over whom their query belongs to."""
    told = who.select(
        "query_id",
        "user",
        "role",
        "shape",
        "asset",
        "rule_team",
        "share",
        "environment",
        "purpose",
        told_method="method",
    )
    return _split(charges.left_join(told, "query_id").drop("query_id_right"))


def _asked_sums(charges: ir.Table, who: ir.Table) -> ir.Table:
    """Return the charges of queries, split over whom their query belongs to, by day, line and person."""
    told = who.select("query_id", "person", "share")
    rows = charges.select("query_id", "day", "line", *_AMOUNTS).left_join(told, "query_id").drop("query_id_right")
    rows = _split(rows)
    sums = {name: rows[name].sum().cast(rows[name].type()) for name in _AMOUNTS}
    return rows.group_by("day", "line", "person").agg(**sums)


def _by_person(paid: ir.Table, people: ir.Table) -> ir.Table:
    names = ("user", "role", "shape", "asset", "rule_team", "environment", "purpose")
    told = people.select("person", *names, told_method="method")
    return paid.left_join(told, "person").drop("person_right")


def attributed(charges: ir.Table, attributions: ir.Table) -> ir.Table:
    """Join charges with the attribution of their query, object or pool: a row per charge and share, units and money split by it.

    Adds asset, rule_team, share, told_method, confidence, environment and purpose. A query is attributed once, on the day it ended;
    objects and pools once a day.
    """
    told = attributions.select(
        "subject_kind",
        "subject_id",
        "asset",
        "rule_team",
        "share",
        "confidence",
        "environment",
        "purpose",
        told_method="method",
        told_on=ibis.ifelse(attributions.subject_kind == "query", 0, attributions.day),
    )
    kind = ibis.cases(
        (charges.query_id.notnull(), "query"),
        (charges.object_id.notnull(), "object"),
        (charges.pool_id.notnull(), "pool"),
    )
    rows = charges.mutate(
        subject_kind=kind,
        subject_id=ibis.coalesce(charges.query_id, charges.object_id, charges.pool_id),
        told_on=ibis.ifelse(charges.query_id.notnull(), 0, charges.day),
    )
    keys = ["subject_kind", "subject_id", "told_on"]
    joined = rows.left_join(told, keys).drop(*(f"{key}_right" for key in keys), *keys)
    return _split(joined)


def _split(rows: ir.Table) -> ir.Table:
    share = rows.share.fill_null(1.0).cast("decimal(18, 12)")
    return rows.mutate(
        units=_part(rows.units, share), cost=_part(rows.cost, share), list_cost=_part(rows.list_cost, share)
    )


def _money(rows: ir.Table) -> ir.Table:
    nobody = {name: ibis.null("string") for name in ("user", "role", "shape") if name not in rows.columns}
    return rows.mutate(
        **nobody,
        provisional_cost=ibis.ifelse(rows.status == "final", ibis.literal(0).cast("decimal(38, 12)"), rows.cost),
        method=rows.told_method.fill_null("none"),
        queries=ibis.literal(0.0),
        runs=ibis.literal(0, type="int64"),
        seconds=ibis.literal(0.0),
        bytes=ibis.literal(0.0),
    )


def _part(value: ir.Value, share: ir.Value) -> ir.Value:
    """Multiply in decimal; a whole share keeps the digits as they are."""
    return ibis.ifelse(share == 1, value, (value.cast("decimal(24, 12)") * share).cast("decimal(38, 12)"))


def _counted(facts: Mapping[str, ir.Table], who: ir.Table) -> ir.Table:
    """Add `runs`: 1 for the query that stands for a run of its asset, else 0."""
    told, usage = facts.get("materializations"), facts.get("query_usage")
    builds = who.filter((who.purpose == "build") & who.asset.notnull()).select("day", "asset", "query_id")
    builds = builds.join(facts["queries"].select(*CARRIERS), "query_id")
    called = None if usage is None else calls(usage)
    first = first_builds(run_of(builds, called, None if told is None else told_runs(told))).mutate(is_first=True)
    rows = who.left_join(first, ["day", "asset", "query_id"])
    rows = rows.drop(*(name for name in rows.columns if name.endswith("_right")))
    return rows.mutate(runs=ibis.ifelse(rows.is_first.fill_null(False), 1, 0).cast("int64"))


def _active_sums(who: ir.Table, days: Collection[int], calendar: str) -> ir.Table:
    """Count each query once, by day, month and person."""
    rows = who.mutate(
        billing_period=billing_period(who.ended_at, days, calendar),
        queries=who.share,
        seconds=who.execution_ms.fill_null(0) / 1000.0 * who.share,
        bytes=who.bytes_scanned.fill_null(0) * who.share,
    )
    names = ("queries", "runs", "seconds", "bytes")
    sums = {name: rows[name].sum().cast(rows[name].type()) for name in names}
    return rows.group_by("day", "billing_period", "person").agg(**sums)


def _activity(active: ir.Table, *charges: ir.Table) -> ir.Table:
    """Put what queries did beside the money of their pool."""
    paid = ibis.union(*(rows.select("day", "category", "pool", "service", "unit", "currency") for rows in charges))
    own = paid.filter(paid.category == "query")
    pools = own.group_by(pool_key=own.pool.fill_null("")).agg(service=own.service.max(), unit=own.unit.max())
    currencies = paid.group_by("day").agg(currency=paid.currency.max())
    joined = active.left_join(currencies, "day").drop("day_right")
    joined = joined.left_join(pools, joined.pool.fill_null("") == pools.pool_key).drop("pool_key")
    zero = ibis.literal(0).cast("decimal(38, 12)")
    text = ibis.null("string")
    return joined.mutate(
        category=ibis.literal("query"),
        cause=text,
        object=text,
        status=text,
        units=zero,
        cost=zero,
        list_cost=zero,
        provisional_cost=zero,
    )
