"""Why a query's cost went where it went: what it did, what it cost, every piece of evidence in order, and who pays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costlens.attribute import METHODS
from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.reading import with_team

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Ledger, Snapshot

_ASKED = (
    "source", "day", "query_id", "user", "role", "pool", "database", "schema", "status", "shape", "session_id", "parent_id",
    "started_at", "execution_ms",
)  # fmt: skip


@dataclass(frozen=True)
class Why:
    """All that the ledger knows of one query's cost."""

    query: dict[str, Any]
    text: str | None
    """Its statement with literals masked."""
    deed: dict[str, Any]
    """Verb, targets and sources of its statement."""
    cost: tuple[dict[str, Any], ...]
    """Category, day, units, unit, cost, currency and status of each charge."""
    paid_by: tuple[dict[str, Any], ...]
    """Asset, team, share, method and confidence: the answer."""
    evidence: tuple[dict[str, Any], ...]
    """All that spoke, in order of precedence; `wins` marks what decided, `agrees` whether it names the same asset."""
    traits: dict[str, Any]


def why(ledger: Ledger, snapshot: Snapshot, query_id: str) -> Why:
    """Return why a query's cost went where it went; raises UsageError for a query that the ledger does not hold."""
    with Engine() as engine:
        queries = ledger.table("queries", snapshot, engine, columns=_ASKED)
        found = engine.rows(queries.filter(queries.query_id == query_id).limit(1))
        if not found:
            raise UsageError(
                f"why: no query {query_id!r} in the ledger: it is the warehouse's own id of an ended statement"
            )
        query = found[0]
        days = [query["day"]]

        def of_day(name: str) -> ir.Table:
            return ledger.table(name, snapshot, engine, source=query["source"], days=days)

        told = of_day("attributions")
        told = told.filter((told.subject_id == query_id) & (told.subject_kind == "query"))
        told = engine.rows(with_team(engine, told, ledger.estate(snapshot)).order_by("asset"))
        charges = ledger.table(
            "charges", snapshot, engine, source=query["source"], since=query["day"] - 60, until=query["day"] + 2
        )
        charges = charges.filter(charges.query_id == query_id)
        sums = charges.group_by("category", "day", "unit", "currency", "status").agg(
            units=charges.units.sum(), cost=charges.cost.sum()
        )
        shapes, lineage = of_day("shapes"), of_day("lineage")
        text = engine.rows(shapes.filter(shapes["shape"] == query["shape"]).select("text").limit(1))
        deed = engine.rows(
            lineage.filter(lineage["shape"] == query["shape"]).select("verb", "targets", "sources").limit(1)
        )
        cost = engine.rows(sums.order_by("day", "category"))
    return Why(
        query=query,
        text=text[0]["text"] if text else None,
        deed={**deed[0], "targets": json.loads(deed[0]["targets"]), "sources": json.loads(deed[0]["sources"])}
        if deed
        else {},
        cost=tuple(cost),
        paid_by=tuple(
            {name: row[name] for name in ("asset", "team", "rule_team", "share", "method", "confidence")}
            for row in told
        ),
        evidence=_evidence(told),
        traits={name: told[0][name] for name in ("purpose", "environment", "code_ref", "code_version")} if told else {},
    )


def _evidence(told: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the evidence of a query in order of precedence."""
    if not told:
        return ()
    order = [method.NAME for method in METHODS]
    entries: list[dict[str, Any]] = json.loads(told[0]["evidence"])
    entries.sort(key=lambda entry: order.index(entry["method"]) if entry["method"] in order else len(order))
    assets = {row["asset"] for row in told if row["asset"]}
    teams = {row["team"] for row in told if row["team"]}

    def agrees(entry: dict[str, Any]) -> bool | None:
        if entry["asset"] and assets:
            return entry["asset"] in assets
        return entry["team"] in teams if entry["team"] and teams else None

    return tuple(
        {
            **entry,
            "wins": entry["method"] == told[0]["method"],
            "agrees": agrees(entry),
        }
        for entry in entries
    )


def total(cost: tuple[dict[str, Any], ...]) -> dict[str, Decimal]:
    """Return the sum of charges per currency."""
    sums: dict[str, Decimal] = {}
    for row in cost:
        sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row["cost"]
    return sums


def lines(answer: Why) -> list[str]:
    """Return the answer as lines for people; what a warehouse wrote is one line each and has no control codes."""
    query, shown = answer.query, []
    started = query["started_at"]
    when = f", {datetime.fromtimestamp(started / 1e6, timezone.utc).isoformat(timespec='seconds')}" if started else ""
    who = ", ".join(f"{name} {query[name]}" for name in ("user", "role", "pool") if query[name])
    shown.append(f"{query['query_id']} on {query['source']}{when}")
    shown.append(
        f"  {who or 'nobody named'}; {query['status'] or 'ended'}, {(query['execution_ms'] or 0) / 1000:,.1f} s"
    )
    if answer.deed:
        deed = answer.deed
        shown.append(
            f"  {deed['verb'] or 'statement'}: writes {_list(deed['targets'])}, reads {_list(deed['sources'])}"
        )
    if answer.text:
        shown.append(f"  {answer.text[:300]}{'…' if len(answer.text) > 300 else ''}")
    shown += ["", "what it cost"]
    shown += [_charge(row) for row in answer.cost] or ["  nothing"]
    shown += ["", "who pays"]
    for row in answer.paid_by:
        whose = f"{row['asset'] or 'no asset'}, {row['team'] or 'no team'}"
        shown.append(f"  {row['share']:7.2%}  {whose}  (method {row['method']}, confidence {row['confidence']:.2f})")
    shown += ["", "evidence, first that speaks wins"]
    for entry in answer.evidence:
        said = entry["asset"] or (f"team {entry['team']}" if entry["team"] else entry["text"])
        mark = "=>" if entry["wins"] else "  " if entry["agrees"] is not False else "≠ "
        shown.append(f"  {mark} {entry['method']:10} {entry['confidence']:.2f}  {said}: {entry['text']}")
    if not answer.evidence:
        shown.append("  none: `costlens unattributed` names the rule, tag or asset that would help")
    traits = ", ".join(f"{name} {value}" for name, value in answer.traits.items() if value)
    return [*shown, "", traits] if traits else shown


def _charge(row: dict[str, Any]) -> str:
    used = f"{row['units']:>16,.6f} {row['unit']:12}"
    return f"  {_day(row['day'])}  {row['category']:12} {used} {row['cost']:>14,.6f} {row['currency']} {row['status']}"


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "nothing"


def _day(day: int) -> str:
    return datetime.fromordinal(719_163 + day).date().isoformat()
