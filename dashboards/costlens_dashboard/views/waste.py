"""Waste: what is built and not read, fails and runs again, is tested, or idles; each with its money a month and the reasoning."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import streamlit as st

from costlens_dashboard import charts, formats, links, palette
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import pools, waste
from costlens_dashboard.state import View, choice
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md, said
from costlens_dashboard.views.pools import recent

DAYS_A_MONTH = 30.4
KINDS = {
    "all": "All",
    "unread": "Never read",
    "rebuilt": "Rebuilt more than read",
    "failing": "Failing and retried",
    "testing": "Tests and CI",
    "idle": "Idle tails",
}
COLUMNS = (
    Column("what", "What", width=230),
    Column("per_month", "A month", "money", help="What the period's days come to in a month."),
    Column("reasoning", "Why it is thought so", width=360),
    Column("kind", "Kind", width=150),
    Column("team", "Team"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    rows = rows_of(view)
    if rows.empty:
        nothing("No waste was found in this period", "Nothing is built unread, fails, is tested or idles here.")
        return None
    sums = rows.groupby("kind", as_index=False)["per_month"].sum().rename(columns={"kind": "name", "per_month": "cost"})
    sums = sums.sort_values("cost", ascending=False)
    first = sums.iloc[0]
    words = f"{formats.money(sums['cost'].sum(), view.currency)} a month might not be needed, most of it: {first['name'].lower()}"
    with st.container(border=True):
        st.markdown(f"**{md(words)}**")
        st.caption("An estimate: each line says why. One asset may stand in more than one line.")
        colours = dict(zip(list(KINDS.values())[1:], palette.COLOURS, strict=False))
        charts.bars(sums, colours, "Waste by kind", currency=view.currency, compare=False)
    kind = choice("Kind", tuple(KINDS), "kind", KINDS)
    shown = rows if kind == "all" else rows[rows["kind"] == KINDS[kind]]
    table(shown, COLUMNS, name="waste", rows=16, search=("what", "team", "reasoning"), opens=_opened)
    return None


def _opened(row: pd.Series) -> None:
    if asset := said(row["asset"]):
        links.go("asset", asset=asset)


def rows_of(view: View) -> pd.DataFrame:
    """Return all lines of waste, dearest first."""
    found = [*_unread(view), *_failing(view), *_testing(view), *_idle(view)]
    frame = pd.DataFrame(found, columns=["what", "kind", "team", "per_month", "reasoning", "asset"])
    return frame[frame["per_month"] >= 0.01].sort_values("per_month", ascending=False, ignore_index=True)


def _line(
    what: str, kind: str, team: Any, per_month: float, reasoning: str, asset: str | None = None
) -> dict[str, Any]:
    return {
        "what": what,
        "kind": KINDS[kind],
        "team": said(team),
        "per_month": per_month,
        "reasoning": reasoning,
        "asset": asset,
    }


def _days(view: View) -> int:
    return max(min(view.scope.until, view.complete_until) - view.scope.since, 1)


def _unread(view: View) -> list[dict[str, Any]]:
    """Compare how often assets are built and read: by queries, and by the builds of what is downstream of them."""
    # Of all teams: what another team builds from an asset is a use of it.
    frame = view.desk.ask(waste.use, view.scope.with_(team=None, only=None))
    if frame.empty or not frame["read"].sum():
        return []  # where no read is known at all, nothing can be called unread
    built = dict(zip(frame["asset"], frame["built"], strict=True))
    below: Counter[str] = Counter()
    for known in view.desk.estate.assets:
        for upstream in known.upstream:
            below[upstream] += int(built.get(known.key, 0))
    factor, found = DAYS_A_MONTH / _days(view), []
    for row in frame[(frame["built"] > 0) & _is_shown(view, frame["team"])].to_dict("records"):
        asset, builds, reads = str(row["asset"]), float(row["built"]), float(row["read"]) + below[str(row["asset"])]
        times = f"{formats.count(builds)} builds"
        if reads == 0:
            cost = (row["builds"] + row["storage"]) * factor
            found.append(_line(asset, "unread", row["team"], cost, f"{times}; no query, no asset reads it", asset))
        elif reads < builds:
            cost = row["builds"] * (1 - reads / builds) * factor
            why = f"{times} for {formats.count(reads)} reads: as many would do"
            found.append(_line(asset, "rebuilt", row["team"], cost, why, asset))
    return found


def _is_shown(view: View, teams: pd.Series) -> pd.Series:
    shown = [view.scope.team in (None, said(team)) and view.reader.may_see(said(team)) for team in teams]
    return pd.Series(shown, index=teams.index, dtype=bool)


def _failing(view: View) -> list[dict[str, Any]]:
    detail = recent(view)
    frame = view.desk.statements(waste.failed, detail)
    factor, found = DAYS_A_MONTH / max(detail.days, 1), []
    for row in frame.to_dict("records"):
        asset, team = said(row["asset"]), said(row["team"])
        what = asset or f"Statements of {team or 'nobody'}"
        why = f"{formats.count(row['failed'])} of {formats.count(row['ran'])} failed; {formats.count(row['retried'])} tried again"
        if row["retried"]:
            why += f", {formats.count(row['recovered'])} then well"
        found.append(_line(what, "failing", row["team"], float(row["cost"]) * factor, why, asset))
    return found


def _testing(view: View) -> list[dict[str, Any]]:
    frame = view.desk.ask(waste.testing, view.scope)
    factor = DAYS_A_MONTH / _days(view)
    words = {"ci": "CI runs", "tests": "tests", "development": "development"}
    return [
        _line(
            f"{words[row['kind']][:1].upper()}{words[row['kind']][1:]} of {said(row['team']) or 'nobody'}",
            "testing",
            row["team"],
            row["cost"] * factor,
            f"{formats.count(row['queries'])} statements in {words[row['kind']]}: fewer, or samples",
        )
        for row in frame.to_dict("records")
    ]


def _idle(view: View) -> list[dict[str, Any]]:
    if view.reader.teams is not None or view.scope.team:
        return []
    frame = view.desk.ask(pools.costs, view.scope)
    factor = DAYS_A_MONTH / _days(view)
    return [
        _line(
            f"Pool {row['pool']}",
            "idle",
            None,
            row["tail"] * factor,
            f"{formats.percent(row['tail'] / row['cost'])} of it waits after the last query: see Pools",
        )
        for row in frame[frame["tail"] > 0].to_dict("records")
    ]
