"""What was spent, by day and by whatever groups it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.report import ADJUSTMENT, IDLE, OVERHEAD, UNATTRIBUTED

if TYPE_CHECKING:
    import ibis.expr.types as ir

GROUPS = ("team", "source", "category", "pool", "asset", "purpose", "environment", "method", "service")


def _label(rows: ir.Table, by: str) -> ir.Value:
    """Name the group of a row as the report does: what is nobody's is named by what it is."""
    if by in ("team", "asset"):
        nobody = ibis.cases(
            (rows.category == "idle", IDLE),
            (rows.category == "overhead", OVERHEAD),
            (rows.category == "adjustment", ADJUSTMENT),
            else_=UNATTRIBUTED,
        )
        if by == "asset":
            nobody = ibis.ifelse(rows.team.notnull(), rows.team + " (no asset)", nobody)
        return rows[by].fill_null(nobody)
    if by == "method":
        return rows.method.nullif("none").fill_null(UNATTRIBUTED)
    return rows[by].fill_null("(none)")


def total(rows: ir.Table) -> ir.Table:
    """Return the sums of all rows as one row."""
    told = rows.team.notnull() | rows.asset.notnull()
    zero = ibis.literal(0).cast("decimal(38, 12)")
    own = rows.category == "query"
    return rows.aggregate(
        cost=rows.cost.sum().fill_null(zero),
        told=ibis.ifelse(told, rows.cost, zero).sum().fill_null(zero),
        tagged=ibis.ifelse(own & rows.method.isin(["tag", "run", "comment"]), rows.cost, zero).sum().fill_null(zero),
        own=ibis.ifelse(own, rows.cost, zero).sum().fill_null(zero),
        idle=ibis.ifelse(rows.category == "idle", rows.cost, zero).sum().fill_null(zero),
        queries=rows.queries.sum().fill_null(0.0),
        provisional=rows.provisional_cost.sum().fill_null(zero),
        first_open=ibis.ifelse(rows.open_cost != 0, rows.day, ibis.null("int32")).min(),
        last=rows.day.max(),
    )


def by_day(rows: ir.Table, by: str) -> ir.Table:
    """Return day, name, cost."""
    named = rows.mutate(name=_label(rows, by))
    return named.group_by("day", "name").agg(cost=named.cost.sum()).filter(lambda t: t.cost != 0)


def by_name(rows: ir.Table, by: str) -> ir.Table:
    """Return name, cost, queries, seconds, provisional, dearest first."""
    named = rows.mutate(name=_label(rows, by))
    grouped = named.group_by("name").agg(
        cost=named.cost.sum(),
        queries=named.queries.sum(),
        seconds=named.seconds.sum(),
        provisional=named.provisional_cost.sum(),
    )
    return grouped.order_by(ibis.desc("cost"), "name")


def by_two(rows: ir.Table, by: str, across: str) -> ir.Table:
    """Return name, part, cost: one grouping within another."""
    named = rows.mutate(name=_label(rows, by), part=_label(rows, across))
    return named.group_by("name", "part").agg(cost=named.cost.sum()).filter(lambda t: t.cost != 0)


def by_month(rows: ir.Table, by: str) -> ir.Table:
    """Return month, name, cost by billing month."""
    named = rows.filter(rows.billing_period.notnull()).mutate(name=_label(rows, by))
    return named.group_by(month="billing_period", name="name").agg(cost=named.cost.sum())


def daily_total(rows: ir.Table) -> ir.Table:
    """Return day, cost."""
    return rows.group_by("day").agg(cost=rows.cost.sum()).order_by("day")


def currencies(rows: ir.Table) -> ir.Table:
    """Return currency, cost, dearest first."""
    rows = rows.filter(rows.currency.notnull())
    return rows.group_by("currency").agg(cost=rows.cost.sum()).order_by(ibis.desc("cost"))
