"""Overhead (cloud services): what of the UTC day is billed, and who used it.

Snowflake bills cloud services only above 10 % of the day's warehouse compute, per account and UTC day
(docs.snowflake.com, "Understanding billing for cloud services usage"): 100 credits of compute and 15 of cloud services give
105 in all, 100 and 8 give 100, 0 and 3 give 3. So a query's own figure has no fixed price: it is a weight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from costlens.model import MICROSECONDS_PER_DAY as DAY
from costlens.price.line import line
from costlens.price.money import exact, rated, zero
from costlens.price.times import Steps, day_of, instant_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.connector import Billing


def overhead_lines(
    facts: Mapping[str, ir.Table], rates: ir.Table, billing: Billing, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return the lines of billed overhead: per query by its overhead_units on the day its execution began.

    What no query explains is a line without query per pool.
    """
    billed = materialise(billed_overhead(facts, billing, days, materialise), "billed_overhead")
    owed = billed.filter(billed.billed > 0)
    users = materialise(_users(facts, billing, days, owed), "overhead_users")
    totals = users.group_by("day", "account_key").agg(all_weight=users.weight.sum())
    nobody = owed.anti_join(totals.filter(totals.all_weight > 0), ["day", "account_key"]).select(
        "day",
        "account_key",
        pool_id=ibis.null("string"),
        pool=ibis.null("string"),
        query_id=ibis.null("string"),
        units=exact(owed.billed),
    )
    shared = users.join(totals, ["day", "account_key"]).join(owed, ["day", "account_key"])
    share = shared.weight.cast("float64") / shared.all_weight.cast("float64")
    shared = shared.filter((shared.all_weight > 0) & (shared.weight > 0)).select(
        *nobody.columns[:-1],
        units=exact(shared.billed.cast("float64") * share),
        billed=exact(shared.billed),
        who=ibis.coalesce(shared.query_id, ibis.literal("pool ") + shared.pool_id, ""),
    )
    shared = materialise(shared, "overhead_shares")
    key = ["day", "account_key"]
    sums = materialise(
        shared.group_by(key).agg(total=exact(shared.units.sum()), top=shared.units.max()), "overhead_sums"
    )
    tops = shared.join(sums, key).filter(lambda t: t.units == t.top)
    firsts = tops.group_by(key).agg(total=tops.total.max(), who=tops.who.min())
    shared = shared.left_join(materialise(firsts, "overhead_tops"), [*key, "who"])
    rest = ibis.ifelse(shared.total.notnull(), exact(shared.billed - shared.total), zero())
    shared = shared.mutate(units=exact(shared.units + rest)).select(*nobody.columns)
    rows = materialise(ibis.union(shared.filter(shared.units != zero()), nobody), "overhead")
    return _priced(rows, owed, rates, billing, materialise)


def billed_overhead(
    facts: Mapping[str, ir.Table], billing: Billing, days: Collection[int], materialise: Steps
) -> ir.Table:
    """Return day, account_key, account, region and `billed` units: the bill's own figure, or the rule where it is not there yet."""
    bill, metering = facts["bill"], facts["metering"]
    owed = bill.filter(
        bill.day.isin(sorted(days))
        & bill.kind.isin(["compute", "overhead"])
        & (bill.overhead_units.notnull() | bill.adjustment_units.notnull())
    )
    owed = owed.group_by("day", account_key=owed.account.fill_null("")).agg(
        told=exact((exact(owed.overhead_units.fill_null(0)) + exact(owed.adjustment_units.fill_null(0))).sum())
    )
    used = metering.filter(metering.day.isin(sorted(days)) & (metering.unit == billing.pool_unit))
    used = used.group_by("day", account_key=used.account.fill_null("")).agg(
        region=used.region.max(),
        compute=exact(exact(used.units.fill_null(0)).sum()),
        overhead=exact(exact(used.overhead_units.fill_null(0)).sum()),
    )
    both = materialise(used, "metered_overhead").outer_join(materialise(owed, "told_overhead"), ["day", "account_key"])
    free = exact(both.compute * ibis.literal(billing.overhead_free_share).cast("decimal(10, 6)"))
    by_rule = ibis.coalesce(exact(both.overhead - free), zero())
    billed = ibis.coalesce(both.told, by_rule)
    account_key = ibis.coalesce(both.account_key, both.account_key_right)
    return both.select(
        day=ibis.coalesce(both.day, both.day_right),
        account_key=account_key,
        account=account_key.nullif(""),
        region=both.region,
        billed=ibis.ifelse(billed > 0, billed, zero()),
    )


def _users(facts: Mapping[str, ir.Table], billing: Billing, days: Collection[int], owed: ir.Table) -> ir.Table:
    """Return who used overhead: queries by their own figure, and each pool by what its queries do not explain."""
    queries, metering = facts["queries"], facts["metering"]
    began = day_of(ibis.coalesce(queries.started_at, queries.submitted_at, queries.ended_at))
    asked = queries.filter(queries.overhead_units > 0).mutate(day=began, account_key=queries.account.fill_null(""))
    asked = asked.filter(asked.day.isin(sorted(days))).select(
        "day", "account_key", "pool_id", "pool", "query_id", weight=exact(asked.overhead_units)
    )
    asked = asked.semi_join(owed, ["day", "account_key"])
    keys = ("day", "account_key", "pool_id")
    metered = metering.filter(metering.day.isin(sorted(days)) & (metering.unit == billing.pool_unit))
    metered = metered.mutate(
        account_key=metered.account.fill_null(""), weight=exact(metered.overhead_units.fill_null(0))
    )
    metered = metered.select(*keys, "pool", "weight")
    told = asked.select(*keys, "pool", weight=exact(-asked.weight))
    pools = ibis.union(metered, told).group_by(*keys).agg(pool=lambda t: t.pool.max(), weight=lambda t: t.weight.sum())
    pools = pools.mutate(open=ibis.ifelse(pools.weight > 0, exact(pools.weight), zero()), all=pools.weight)
    days_of = ibis.window(group_by=["day", "account_key"])
    pools = pools.mutate(unexplained=pools["all"].sum().over(days_of), all_open=pools.open.sum().over(days_of))
    pools = pools.filter((pools.unexplained > 0) & (pools.open > 0))
    part = pools.unexplained.cast("float64") * pools.open.cast("float64") / pools.all_open.cast("float64")
    rest = pools.select(*keys, "pool", query_id=ibis.null("string"), weight=exact(part))
    return ibis.union(asked, rest.select(*asked.columns))


def _priced(rows: ir.Table, owed: ir.Table, rates: ir.Table, billing: Billing, materialise: Steps) -> ir.Table:
    service = ibis.literal(billing.overhead_service, "string")
    accounts = owed.select(
        "day", "account_key", "account", "region", service=service, unit=ibis.literal(billing.pool_unit)
    )
    priced = rated(accounts, rates)
    told = rows.join(priced, ["day", "account_key"])
    begin = instant_of(told.day)
    return line(
        told,
        started_at=begin,
        ended_at=begin + DAY,
        category="overhead",
        method=ibis.ifelse(told.query_id.notnull(), "vendor", "metered"),
        is_estimated=False,
    )
