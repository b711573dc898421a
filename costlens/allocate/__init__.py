"""Allocates a month: charges and attributions under a policy -> lines whose money adds up, each with where it came from.

Charges are never changed: a line is a part of them that a policy gives to a team. Every currency adds up to the last of
twelve decimal places, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from costlens.allocate.idle import AMOUNTS, KEYS, allocated_idle, idle_hours
from costlens.allocate.policy import DRIVERS, IDLE, Policy, Rule, Spread, changed, policy_of
from costlens.allocate.rules import Numbered, idle_how, numbered, rule_number, weights
from costlens.allocate.split import EXACT, parts, settled
from costlens.model import Column
from costlens.price.times import EPOCH, Steps
from costlens.reading import with_team

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine
    from costlens.estate import Estate

__all__ = [
    "DIMENSIONS",
    "DRIVERS",
    "IDLE",
    "MEASURES",
    "OPTIONAL",
    "Books",
    "Policy",
    "Rule",
    "Spread",
    "allocate",
    "changed",
    "policy_of",
]

#: What a line is told apart by. `kind`: direct, idle, shared, unattributed, bill; `rule`: the words of the policy that made it;
#: `origin_team`: whose the money was before; `method`: of attribution.
DIMENSIONS = (
    *("source", "day", "billing_period", "account", "region", "service", "category", "cause", "pool", "object"),
    *("asset", "team", "method", "billed_as", "currency", "unit", "status", "kind", "rule", "origin_team"),
)
ACTIVITY = ("queries", "runs", "seconds", "bytes")
MEASURES = (*AMOUNTS, *ACTIVITY)
_OWNERS = ("asset", "team")
#: Dimensions that lines may do without.
OPTIONAL = ("day", "object", "method")
#: What rules may match beyond DIMENSIONS.
_ASKED = {"user", "role", "environment", "purpose"}
_TYPES = {"day": "int32", "runs": "int64", **dict.fromkeys(("queries", "seconds", "bytes"), "float64")}
_WEIGHTS = tuple(
    Column(name, kind)  # type: ignore[arg-type]
    for name, kind in (
        ("w_rule", "integer"),
        ("w_period", "text"),
        ("w_currency", "text"),
        ("w_team", "text"),
        ("weight", "decimal"),
    )
)


@dataclass(frozen=True)
class Books:
    """What is allocated: rows of the ledger of whole billing months, all sources together.

    `charges` are those of the months; `attributions`, `queries` and `pool_events` may reach beyond them. `billed_as` says, per
    source and service, what a service is that only bills know: credit, tax, support. `days` are all that charges may be of.
    """

    daily: ir.Table
    charges: ir.Table
    attributions: ir.Table
    queries: ir.Table
    pool_events: ir.Table
    billed_as: ir.Table
    estate: Estate
    days: range


def allocate(books: Books, policy: Policy, engine: Engine, dimensions: Sequence[str] = DIMENSIONS) -> ir.Table:
    """Return `dimensions` and MEASURES of every line; all its money is that of `books.charges` (of idle) and `books.daily`.

    Fewer dimensions (all but OPTIONAL are needed) make fewer lines, sooner; rules still see all.
    """
    steps = Steps(engine.materialise)
    asked = tuple(sorted({name for rule in policy.rules for name, _ in rule.match} & _ASKED))
    idle = idle_hours(books.charges)
    booked_on = idle.day if "day" in dimensions else _spell(idle, books, policy)
    idle = steps(idle.mutate(how=idle_how(idle, policy), booked_on=booked_on), "idle")
    rows = ibis.union(_direct(books, asked), *_idle(books, idle, policy, engine, asked))
    if "day" not in dimensions:
        rows = steps(_in_spells(rows, books, policy, dimensions), "summed")
    rows = rows.left_join(books.billed_as, ["source", "service"])
    rows = rows.drop(*(name for name in rows.columns if name.endswith("_right")))
    rows = with_team(engine, rows, books.estate)
    rows = rows.mutate(spread_by=rule_number(rows, policy))
    grouped = _summed(
        rows, *(name for name in dimensions if name not in ("kind", "rule", "origin_team")), "how", "spread_by"
    )
    rows = _settled(steps(grouped, "charged"), idle, steps)
    rules = numbered(policy)
    shares = _weights(rows, rules, engine)
    spread = steps(_spread(rows, shares, rules, dimensions, steps), "spread")
    whole = _whole(rows, shares)
    columns = (*dimensions, *MEASURES)
    return steps(ibis.union(whole.select(*columns), spread.select(*columns)), "allocated")


def _summed(rows: ir.Table, *keys: str) -> ir.Table:
    return rows.group_by(*keys).agg(**{name: rows[name].sum().cast(_TYPES.get(name, EXACT)) for name in MEASURES})


def _in_spells(rows: ir.Table, books: Books, policy: Policy, dimensions: Sequence[str]) -> ir.Table:
    """Return rows summed over days between which no owner and no rule changes: a tenth of them is left to look up owners for.

    `day` is the first of its spell.
    """
    matched = {name for rule in policy.rules for name, _ in rule.match}
    kept = {*dimensions, *matched, "rule_team", "how"} & {*rows.columns}
    return _summed(rows.mutate(day=_spell(rows, books, policy)), "day", *sorted(kept - {"day"}))


def _spell(rows: ir.Table, books: Books, policy: Policy) -> ir.Value:
    """Return the first day of the spell that `day` is of."""
    valid = [(one.valid_from, one.valid_to) for one in books.estate.ownership]
    valid += [(one.valid_from, one.valid_to) for one in policy.rules]
    bounds = {at.toordinal() - EPOCH.toordinal() for both in valid for at in both if at}
    marks = sorted(bounds & {*books.days[1:]})
    firsts = [books.days[0], *marks]
    spells = [(rows.day < until, first) for first, until in zip(firsts, marks, strict=False)]
    day = ibis.cases(*spells, else_=firsts[-1]) if spells else ibis.literal(firsts[-1])
    return day.cast("int32")


def _direct(books: Books, asked: tuple[str, ...]) -> ir.Table:
    """Return `daily` without its idle: what is charged to whom it is attributed to; `asked` are columns that rules match.

    Idle is taken from the charges, which tell its hour. Days of which only `daily` is kept, without charges, have theirs from there.
    """
    known = books.charges.select("source", "day").distinct().mutate(is_charged=True)
    daily = books.daily.left_join(known, ["source", "day"])
    rows = daily.filter((daily.category.fill_null("") != "idle") | daily.is_charged.isnull())
    taken = ("team", "kind", "rule", "origin_team", "billed_as")
    names = [*(name for name in DIMENSIONS if name not in taken), *asked, "rule_team"]
    measures = {name: rows[name].fill_null(0).cast(_TYPES.get(name, EXACT)) for name in MEASURES}
    return rows.select(*names, **measures, how=ibis.null("string"))


def _settled(rows: ir.Table, idle: ir.Table, steps: Steps) -> ir.Table:
    """Return grouped rows so that the parts of idle add up to the idle, whatever they were grouped by."""
    is_moved = (rows.category == "idle") & rows.how.isin(["fair", "causal"])
    is_moved = is_moved.fill_null(False)
    key = [name for name in (*KEYS, "how") if name in rows.columns]
    order = [name for name in (*_OWNERS, "spread_by") if name in rows.columns]
    moved = settled(rows.filter(is_moved), idle.filter(idle.how != "separate"), key, AMOUNTS, order, steps)
    return steps(ibis.union(rows.filter(~is_moved), moved.select(*rows.columns)), "settled")


def _idle(books: Books, idle: ir.Table, policy: Policy, engine: Engine, asked: tuple[str, ...]) -> list[ir.Table]:
    """Return idle by whom the policy gives it to, in the columns of `_direct`; `separate` stays the pool's owner's or nobody's."""
    hows = {policy.idle, *(rule.spread.by for rule in policy.rules if rule.is_of_idle)}
    found = []
    nothing = {name: ibis.null("string") for name in ("object", *asked)}
    activity = {name: ibis.literal(0).cast(_TYPES[name]) for name in ACTIVITY}
    if hows & {"fair", "causal"}:
        moved = idle.filter(idle.how != "separate")
        queries = books.queries if "causal" in hows else None
        rows = allocated_idle(moved, books.charges, books.attributions, queries, books.pool_events, engine)
        found.append(rows.mutate(method=ibis.literal("idle"), **nothing, **activity))
    columns = _direct(books, asked).columns
    if hows <= {"fair", "causal"}:
        return [rows.select(*columns) for rows in found]
    kept = idle.filter(idle.how == "separate")
    pools = books.attributions.filter(books.attributions.subject_kind == "pool").select(
        "source",
        "day",
        "asset",
        "rule_team",
        "method",
        pool_id="subject_id",
        weight=books.attributions.share.fill_null(1.0).cast(EXACT),
    )
    joined = kept.left_join(pools, ["source", "pool_id", "day"])
    joined = joined.mutate(weight=joined.weight.fill_null(1).cast(EXACT), method=joined.method.fill_null("none"))
    joined = joined.drop(*(name for name in joined.columns if name.endswith("_right")))
    separate = parts(joined, "idle_id", AMOUNTS, ("asset", "rule_team"), Steps(engine.materialise))
    found.append(separate.mutate(**nothing, **activity))
    return [rows.select(*columns) for rows in found]


def _weights(rows: ir.Table, rules: tuple[Numbered, ...], engine: Engine) -> ir.Table:
    """Return what each rule spreads by: rule, period, currency, team, weight. Money that is itself spread is no weight."""
    own = rows.filter(rows.spread_by.isnull() & rows.team.notnull())
    is_storage = own.category == "storage"
    measured = own.group_by("billing_period", "currency", "team").agg(
        proportional=own.cost.sum(),
        storage=ibis.ifelse(is_storage, own.cost, ibis.literal(0).cast(EXACT)).sum(),
        **{name: own[name].sum() for name in ACTIVITY},
    )
    found = weights(rules, engine.rows(measured))
    flat = [(*key, team, weight) for key, shares in sorted(found.items()) for team, weight in sorted(shares.items())]
    return engine.values(flat, "weights", _WEIGHTS)


def _on(rows: ir.Table, shares: ir.Table) -> list[ir.Value]:
    return [
        rows.spread_by == shares.w_rule,
        rows.billing_period == shares.w_period,
        rows.currency == shares.w_currency,
    ]


def _whole(rows: ir.Table, shares: ir.Table) -> ir.Table:
    """Return the rows that stay whose they are, and, without their money, the activity of those that are spread."""
    kind, rule = _kind(rows)
    stay = rows.anti_join(shares, _on(rows, shares)).mutate(kind=kind, rule=rule, origin_team=ibis.null("string"))
    gone = rows.semi_join(shares, _on(rows, shares))
    gone = gone.filter((gone.queries != 0) | (gone.seconds != 0) | (gone.bytes != 0) | (gone.runs != 0))
    gone = gone.mutate(
        **{name: ibis.literal(0).cast(EXACT) for name in AMOUNTS},
        kind=ibis.literal("direct"),
        rule=ibis.null("string"),
        origin_team=ibis.null("string"),
    )
    return ibis.union(stay, gone.select(*stay.columns))


def _kind(rows: ir.Table) -> tuple[ir.Value, ir.Value]:
    is_idle = rows.category == "idle"
    how = rows.how.fill_null("separate")
    return (
        ibis.ifelse(is_idle, "idle", "direct"),
        ibis.ifelse(is_idle, ibis.literal("idle: ") + how, ibis.null("string")),
    )


def _spread(
    rows: ir.Table, shares: ir.Table, rules: tuple[Numbered, ...], dimensions: Sequence[str], steps: Steps
) -> ir.Table:
    """Return the parts of what is spread: its day, pool and service stay, its asset and object are left out."""
    gone = rows.semi_join(shares, _on(rows, shares))
    left_out = ("kind", "rule", "origin_team", "asset", "object", "method")
    keys = [name for name in dimensions if name not in left_out]
    sums = gone.group_by(*keys, "spread_by").agg(**{name: gone[name].sum().cast(EXACT) for name in AMOUNTS})
    order = [sums[name] for name in (*keys, "spread_by")]
    sums = sums.mutate(spread_id=ibis.row_number().over(ibis.window(order_by=order)))
    joined = sums.join(shares, _on(sums, shares)).rename(origin_team="team")
    split = parts(joined, "spread_id", AMOUNTS, ("w_team",), steps)
    kinds = [(split.spread_by == rule.number, rule.kind) for rule in rules]
    words = [(split.spread_by == rule.number, f"{rule.name}: {rule.spread.words()}") for rule in rules]
    nothing = {name: ibis.null("string") for name in ("asset", "object")}
    return split.mutate(
        team=split.w_team,
        kind=ibis.cases(*kinds, else_="shared"),
        rule=ibis.cases(*words, else_=ibis.null("string")),
        method=ibis.literal("allocation"),
        **nothing,
        **{name: ibis.literal(0).cast(_TYPES[name]) for name in ACTIVITY},
    )
