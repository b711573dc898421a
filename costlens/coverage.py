"""Answers `costlens coverage`: what share of spend and of queries says by itself what it is for, and what to fix first.

A query is *tagged* where CostLens' tag (or a configured key of a tag or label) names its asset or team, *marked* where a
tool's own comment, tag or labels do (dbt, Airflow, Looker …), and *silent* else, whatever other evidence finds for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.fixes import Fix, fix_of, tool_of
from costlens.reading import day_number
from costlens.report import first_day, month_end

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.ledger import Ledger, Snapshot

#: What coverage is told by.
BY = ("connector", "application", "user", "pool")
TAGGED, MARKED, SILENT = "tagged", "marked", "silent"
_HOW = {"tag": TAGGED, "comment": MARKED}
ZERO = Decimal(0)


@dataclass(frozen=True)
class Share:
    """One connector, application, user or pool, or all of them."""

    name: str
    currency: str
    cost: Decimal
    queries: int
    tagged_cost: Decimal
    marked_cost: Decimal
    tagged_queries: int
    marked_queries: int

    @property
    def tagged(self) -> float:
        """Share of the money that is tagged."""
        return float(self.tagged_cost / self.cost) if self.cost else 0.0

    @property
    def known(self) -> float:
        """Share of the money that is tagged or marked."""
        return float((self.tagged_cost + self.marked_cost) / self.cost) if self.cost else 0.0

    @property
    def tagged_of_queries(self) -> float:
        """Share of the queries that is tagged."""
        return self.tagged_queries / self.queries if self.queries else 0.0

    @property
    def known_of_queries(self) -> float:
        """Share of the queries that is tagged or marked."""
        return (self.tagged_queries + self.marked_queries) / self.queries if self.queries else 0.0


@dataclass(frozen=True)
class Untagged:
    """Sessions of one application, user and script whose queries carry no tag of ours, and what would tag them."""

    connector: str
    application: str
    user: str
    pool: str
    path: str | None
    currency: str
    cost: Decimal
    """Of what is not tagged."""
    silent_cost: Decimal
    """Of that, what not even its tool marks."""
    lost_cost: Decimal
    """Of that, what no other evidence finds either."""
    queries: int
    sessions: int
    fix: Fix


@dataclass(frozen=True)
class Coverage:
    """The answer, ready to be shown; money per currency, never added over them."""

    month: str
    total: tuple[Share, ...]
    by: Mapping[str, tuple[Share, ...]]
    untagged: tuple[Untagged, ...]
    snapshot_id: int


def newest_month(ledger: Ledger, snapshot: Snapshot, source: str | None = None) -> str:
    """Return the newest billing month that has charges; raises UsageError where there is none."""
    with Engine() as engine:
        rows = ledger.table("daily", snapshot, engine, source=source, columns=["billing_period"])
        found = engine.rows(rows.aggregate(month=rows.billing_period.max()))[0]["month"]
    if found is None:
        raise UsageError("coverage: nothing is charged yet: run `costlens sync`")
    return str(found)


def coverage(ledger: Ledger, snapshot: Snapshot, month: str, source: str | None = None) -> Coverage:
    """Return what is tagged of the queries that were charged in a billing month."""
    days = range(day_number(first_day(month)) - 1, day_number(month_end(month)) + 2)
    with Engine() as engine:
        tables = {
            name: ledger.table(name, snapshot, engine, source=source, days=days)
            for name in ("charges", "attributions", "queries")
        }
        sessions = ledger.table("sessions", snapshot, engine, source=source)
        rows = engine.rows(_grouped(tables, sessions, month))
    if not rows:
        raise UsageError(f"coverage: no queries were charged in {month}{f' in source {source!r}' if source else ''}")
    types = snapshot.info.get("types", {})
    told = [_told(row, types) for row in rows]
    by = {name: _shares(told, name) for name in BY}
    return Coverage(month, _shares(told, None), by, _untagged(told), snapshot.id)


def _grouped(tables: Mapping[str, ir.Table], sessions: ir.Table, month: str) -> ir.Table:
    """Return the money and number of queries by all that is told: a row per source, session's client, user, pool and method."""
    charges, attributions, queries = tables["charges"], tables["attributions"], tables["queries"]
    charges = charges.filter((charges.billing_period == month) & charges.query_id.notnull())
    spent = charges.group_by(["source", "query_id", "currency"]).agg(cost=charges.cost.sum())
    told = attributions.filter(attributions.subject_kind == "query")
    told = told.group_by(["source", "subject_id"]).agg(
        method=told.method.min()
    )  # one method per query, whatever its shares
    opened = sessions.group_by(["source", "session_id"]).agg(
        application=sessions.application.max(), driver=sessions.driver.max(), path=sessions.path.max()
    )
    asked = queries.select("source", "query_id", "session_id", "user", "pool", "mark", "labels")
    rows = spent.join(asked, ["source", "query_id"])
    rows = rows.left_join(told, (rows.source == told.source) & (rows.query_id == told.subject_id)).drop("source_right")
    rows = rows.left_join(opened, ["source", "session_id"])
    tool = rows.mark.re_extract(r'"tool": ?"([a-z_]+)"', 1).nullif("")
    rows = rows.mutate(
        method=rows.method.fill_null("none"),
        tool=ibis.coalesce(tool, _tool_of_labels(rows.labels)),
        session=ibis.coalesce(rows.session_id, rows.query_id),
    )
    keys = ["source", "currency", "user", "pool", "application", "driver", "path", "tool", "method"]
    return rows.group_by(keys).agg(cost=rows.cost.sum(), queries=rows.count(), sessions=rows["session"].nunique())


def _tool_of_labels(labels: ir.StringValue) -> ir.Value:
    """Return the tool whose labels a job has."""
    known = {
        "dbt": '"dbt_',
        "looker": '"looker-context-',
        "airflow": '"airflow-dag"',
        "looker studio": '"looker_studio',
    }
    cases = [(labels.contains(mark), tool) for tool, mark in known.items()]
    return ibis.cases(*cases, else_=ibis.null("string"))


def _told(row: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    kind = types.get(row["source"], row["source"])
    return {
        **row,
        "how": _HOW.get(row["method"], SILENT),
        "connector": row["driver"] or kind,
        "application": tool_of(row["application"], row["tool"]) or "(unknown)",
        "user": row["user"] or "(unknown)",
        "pool": row["pool"] or "(no pool)",
        "kind": kind,
    }


def _shares(rows: Iterable[Mapping[str, Any]], by: str | None) -> tuple[Share, ...]:
    """Return the shares by one column, dearest first; all of them as one without."""
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        name = str(row[by]) if by else "(all)"
        found = sums.setdefault((row["currency"], name), {how: [ZERO, 0] for how in (TAGGED, MARKED, SILENT)})
        found[row["how"]][0] += row["cost"]
        found[row["how"]][1] += row["queries"]
    shares = [
        Share(
            name,
            currency,
            sum((part[0] for part in found.values()), ZERO),
            sum(part[1] for part in found.values()),
            found[TAGGED][0],
            found[MARKED][0],
            found[TAGGED][1],
            found[MARKED][1],
        )
        for (currency, name), found in sums.items()
    ]
    return tuple(sorted(shares, key=lambda share: (share.currency, -share.cost, share.name)))


def _untagged(rows: Sequence[Mapping[str, Any]]) -> tuple[Untagged, ...]:
    """Return the groups of sessions that one fix would tag: by money that nothing finds, then that is silent, then by all.

    People whom a rule of a team names already are left out: there is nothing to fix.
    """
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if row["how"] == TAGGED:
            continue
        key = (row["source"], row["currency"], row["connector"], row["application"], row["user"], row["path"])
        found = groups.setdefault(
            key, {"cost": ZERO, "silent": ZERO, "lost": ZERO, "queries": 0, "sessions": 0, "pools": {}, "row": row}
        )
        found["cost"] += row["cost"]
        found["silent"] += row["cost"] if row["how"] == SILENT else ZERO
        found["lost"] += row["cost"] if row["method"] == "none" else ZERO
        found["queries"] += row["queries"]
        found["sessions"] += row["sessions"]
        found["pools"][row["pool"]] = found["pools"].get(row["pool"], ZERO) + row["cost"]
    untagged = [
        Untagged(
            connector=found["row"]["connector"],
            application=found["row"]["application"],
            user=found["row"]["user"],
            pool=max(found["pools"], key=lambda pool: (found["pools"][pool], pool)),
            path=found["row"]["path"],
            currency=found["row"]["currency"],
            cost=found["cost"],
            silent_cost=found["silent"],
            lost_cost=found["lost"],
            queries=found["queries"],
            sessions=found["sessions"],
            fix=fix_of(found["row"]["kind"], found["row"]["application"], found["row"]["connector"], found["row"]),
        )
        for found in groups.values()
    ]
    worth = [each for each in untagged if each.lost_cost or not each.fix.is_rule]
    return tuple(
        sorted(worth, key=lambda each: (-each.lost_cost, -each.silent_cost, -each.cost, each.user, str(each.path)))
    )
