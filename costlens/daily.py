"""Makes `daily`: charges, attributions and activity of each day, grouped by what people ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.engine import schema_of
from costlens.model import DAILY

if TYPE_CHECKING:
    import ibis.expr.types as ir

SUMS = ("units", "cost", "list_cost", "queries", "runs", "seconds", "bytes", "provisional_cost")
KEYS = tuple(column.name for column in DAILY.columns if column.name not in SUMS)


def daily(facts: Mapping[str, ir.Table], charges: ir.Table, attributions: ir.Table, days: Collection[int]) -> ir.Table:
    """Return the DAILY rows of `days`.

    Takes `queries` of all days that touch `days`, the charges of `days`, and the attributions of the days of those queries.
    A charge is split by the shares of its query, object or pool (its share of units and money, in decimal: the last digit may
    differ by one in the 12th place). Queries, seconds and bytes count once, on the UTC day a query ended.
    """
    queries = facts["queries"].select(
        "source",
        "query_id",
        "day",
        "user",
        "role",
        "shape",
        "pool",
        "account",
        "region",
        "execution_ms",
        "bytes_scanned",
    )
    money = _money(attributed(charges.filter(charges.day.isin(list(days))), attributions), queries)
    activity = _activity(queries.filter(queries.day.isin(list(days))), charges, attributions)
    rows = ibis.union(money.select(*DAILY.names), activity.select(*DAILY.names))
    grouped = rows.group_by(list(KEYS)).agg(**{name: rows[name].sum().cast(rows[name].type()) for name in SUMS})
    return grouped.select(*DAILY.names).cast(schema_of(DAILY.columns))


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
    share = joined.share.fill_null(1.0).cast("decimal(18, 12)")
    return joined.mutate(
        units=_part(joined.units, share), cost=_part(joined.cost, share), list_cost=_part(joined.list_cost, share)
    )


def _money(rows: ir.Table, queries: ir.Table) -> ir.Table:
    who = queries.select("query_id", "user", "role", "shape")
    joined = rows.left_join(who, "query_id").drop("query_id_right", "method")
    return joined.mutate(
        provisional_cost=ibis.ifelse(joined.status == "final", ibis.literal(0).cast("decimal(38, 12)"), joined.cost),
        method=joined.told_method.fill_null("none"),
        queries=ibis.literal(0.0),
        runs=ibis.literal(0, type="int64"),
        seconds=ibis.literal(0.0),
        bytes=ibis.literal(0.0),
    )


def _part(value: ir.Value, share: ir.Value) -> ir.Value:
    """Multiply in decimal; a whole share keeps the digits as they are."""
    return ibis.ifelse(share == 1, value, (value.cast("decimal(24, 12)") * share).cast("decimal(38, 12)"))


def _activity(queries: ir.Table, charges: ir.Table, attributions: ir.Table) -> ir.Table:
    """Count each query once, beside the money of its own kind."""
    own = charges.filter((charges.category == "query") & charges.query_id.notnull())
    line = own.group_by("query_id").agg(
        service=own.service.max(),
        billing_period=own.billing_period.max(),
        currency=own.currency.max(),
        unit=own.unit.max(),
        status=own.status.max(),
    )
    period = charges.group_by("day").agg(day_period=charges.billing_period.max(), day_currency=charges.currency.max())
    mine = attributions.filter(attributions.subject_kind == "query").select(
        "subject_id", "asset", "rule_team", "share", "method", "environment", "purpose"
    )
    joined = queries.left_join(line, "query_id").drop("query_id_right")
    joined = joined.left_join(period, "day").drop("day_right")
    joined = joined.left_join(mine, joined.query_id == mine.subject_id)
    share = joined.share.fill_null(1.0)
    zero = ibis.literal(0).cast("decimal(38, 12)")
    text = ibis.null("string")
    return joined.mutate(
        category=ibis.literal("query"),
        billing_period=ibis.coalesce(joined.billing_period, joined.day_period),
        currency=ibis.coalesce(joined.currency, joined.day_currency),
        cause=text,
        object=text,
        method=joined.method.fill_null("none"),
        units=zero,
        cost=zero,
        list_cost=zero,
        provisional_cost=zero,
        queries=share,
        runs=ibis.literal(0, type="int64"),
        seconds=joined.execution_ms.fill_null(0) / 1000.0 * share,
        bytes=joined.bytes_scanned.fill_null(0) * share,
    )
