"""Finds the rule of a policy that a row of money falls under, and what each team has of what the rules spread by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.allocate.policy import DRIVERS, Policy, Rule, Spread
from costlens.price.times import EPOCH

if TYPE_CHECKING:
    import ibis.expr.types as ir


#: What kind of line a spread makes.
SHARED, UNATTRIBUTED, BILL = "shared", "unattributed", "bill"


@dataclass(frozen=True)
class Numbered:
    """A rule with the number that rows are marked with, and the kind of the lines that it makes."""

    number: int
    name: str
    kind: str
    spread: Spread


def numbered(policy: Policy) -> tuple[Numbered, ...]:
    """Return the rules in the order in which they are tried, the policy's own words last."""
    given = [Numbered(n, rule.name, SHARED, rule.spread) for n, rule in enumerate(policy.rules)]
    last = len(given)
    return (
        *given,
        Numbered(last, "bill adjustments", BILL, policy.bill),
        Numbered(last + 1, "unattributed", UNATTRIBUTED, policy.unattributed),
    )


def rule_number(rows: ir.Table, policy: Policy) -> ir.Value:
    """Return the number of the rule that spreads a row over teams, null where the row stays whose it is.

    Takes rows with team, kind, how (of idle), day and what the rules match.
    """
    moved = rows.how.isin(["fair", "causal"]).fill_null(False)
    branches = []
    for number, rule in enumerate(policy.rules):
        if rule.spread.by in ("fair", "causal"):
            continue
        hit = matches(rows, rule)
        branches.append((hit & ~moved if rule.is_of_idle else hit, number))
    last = len(policy.rules)
    nobody = rows.team.isnull()
    of_bill = (rows.category == "adjustment") | rows.billed_as.notnull()
    kept = (rows.category == "idle") & ~moved
    branches += [(nobody & of_bill, last), (nobody & ~kept, last + 1)]
    return ibis.cases(*branches, else_=ibis.null("int64"))


def idle_how(rows: ir.Table, policy: Policy) -> ir.Value:
    """Return how a row of idle is allocated: fair, causal or separate; what a rule spreads otherwise is separate first."""
    branches = [
        (matches(rows, rule), rule.spread.by if rule.spread.by in ("fair", "causal") else "separate")
        for rule in policy.rules
        if rule.is_of_idle
    ]
    return ibis.cases(*branches, else_=policy.idle) if branches else ibis.literal(policy.idle)


def matches(rows: ir.Table, rule: Rule) -> ir.Value:
    """Return whether a row falls under a rule; a column that the rows lack matches nothing."""
    hit: ir.Value = ibis.literal(True)
    for name, globs in rule.match:
        if name not in rows.columns:
            return ibis.literal(False)
        hit = hit & rows[name].re_search(_regex(globs)).fill_null(False)
    if rule.valid_from:
        hit = hit & (rows.day >= rule.valid_from.toordinal() - EPOCH.toordinal())
    if rule.valid_to:
        hit = hit & (rows.day < rule.valid_to.toordinal() - EPOCH.toordinal())
    return hit


def _regex(globs: Iterable[str]) -> str:
    bodies = ["".join(_GLOB.get(c, re.escape(c)) for c in glob) for glob in globs]
    return f"(?is)^({'|'.join(bodies)})$"


_GLOB = {"*": ".*", "?": "."}


def weights(
    rules: Sequence[Numbered], measured: Sequence[Mapping[str, Any]]
) -> dict[tuple[int, str, str], dict[str, Decimal]]:
    """Return (rule, billing period, currency) -> team -> weight, all more than zero; what has none is not there.

    `measured` says, per period, currency and team, what each has of the drivers before anything is spread.
    """
    found: dict[tuple[int, str, str], dict[str, Decimal]] = {}
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in measured:
        groups.setdefault((row["billing_period"], row["currency"]), []).append(row)
    for rule in rules:
        for (period, currency), rows in groups.items():
            if shares := _weights(rule.spread, rows):
                found[rule.number, period, currency] = shares
    return found


def _weights(spread: Spread, rows: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    if spread.by == "fixed":
        return {team: share for team, share in spread.shares if share > 0}
    if spread.by not in DRIVERS:
        return {}
    mine = [row for row in rows if row["team"] is not None and (not spread.among or row["team"] in spread.among)]
    if spread.by == "even":
        return {team: Decimal(1) for team in spread.among or [row["team"] for row in mine if row["proportional"] > 0]}
    amounts = {row["team"]: Decimal(str(row[spread.by] or 0)).quantize(Decimal("1e-6")) for row in mine}
    return {team: amount for team, amount in amounts.items() if amount > 0}
