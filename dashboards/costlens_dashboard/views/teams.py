"""Teams: what each spent over time, and what the month's policy gives it of money that is not its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from costlens.allocate.configured import policy_from
from costlens.statement.books import month_lines
from costlens_dashboard import charts, formats, links
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import spend
from costlens_dashboard.scope import compared
from costlens_dashboard.state import View
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("direct", "idle", "shared", "unattributed", "bill")
COLUMNS = (
    Column("name", "Team", width="medium"),
    Column("cost", "Cost", "money", help="What is its own: its assets', and what a rule says is its."),
    Column("share", "Share", "share"),
    Column("before", "Before", "money", help="The same days of the period before."),
    Column("change", "Change", "money"),
    Column("queries", "Queries", "count"),
    Column("provisional", "Not final", "money"),
)
ALLOCATED = (
    Column("team", "Team", width="medium"),
    Column("direct", "Own", "money"),
    Column("idle", "Idle", "money"),
    Column("shared", "Shared by rule", "money"),
    Column("unattributed", "Unattributed", "money"),
    Column("bill", "Bill's adjustments", "money"),
    Column("total", "Statement", "money", help="What the statement of the month shows, before rounding to cents."),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    frame = frame_of(view)
    if frame.empty:
        nothing("No team has cost in this period", "Pick another period.")
        return None
    with st.container(border=True):
        _over_time(view)
    st.subheader("By team", anchor=False)
    st.caption("Pick a team to open its own page.")
    table(frame, COLUMNS, name="teams", rows=16, search=("name",), opens=lambda row: _open(view, row))
    st.subheader("Allocation", anchor="allocation")
    draw_allocation(view, None)
    return None


def _open(view: View, row: pd.Series) -> None:
    if row["name"] in view.teams:
        links.go("team", team=str(row["name"]))


def frame_of(view: View) -> pd.DataFrame:
    """Return the teams with cost, the period before and the change, dearest first."""
    now, before = compared(view.scope, view.complete_until)
    frame = view.desk.ask(spend.by_name, view.scope, "team")
    then = view.desk.ask(spend.by_name, before, "team")[["name", "cost"]].rename(columns={"cost": "before"})
    same = view.desk.ask(spend.by_name, now, "team")[["name", "cost"]].rename(columns={"cost": "same"})
    frame = frame.merge(same, on="name", how="left").merge(then, on="name", how="left")
    frame["share"] = frame["cost"] / (frame["cost"].sum() or 1.0)
    if not view.is_whole(before):
        frame["before"] = None
    frame["change"] = frame["same"].fillna(0.0) - frame["before"] if view.is_whole(before) else None
    return frame


def months_of(view: View) -> pd.DataFrame:
    """Return month, name, cost of all months."""
    days = view.desk.books.cube.days(view.desk.snapshot)
    every = view.scope.with_(since=min(found[0] for found in days.values()), until=view.complete_until + 2, month=None)
    return view.desk.ask(spend.by_month, every, "team")


def _over_time(view: View) -> None:
    frame, names = charts.top_names(months_of(view), 9)
    own = frame[~frame["name"].str.startswith("(")].groupby("name")["cost"].sum()
    months = frame["month"].nunique()
    if len(own):
        share = formats.percent(own.max() / frame["cost"].sum())
        st.markdown(
            f"**{md(own.idxmax(), 40)} is the dearest of {months} months: {md(formats.short(own.max(), view.currency))}, {share}**"
        )
    st.caption("Cost by billing month and team")
    charts.stacked_months(frame, names, view.colours(names), "Cost by month and team")


def month_of(view: View) -> str:
    """Return the billing month that a scope is in."""
    return view.scope.month or formats.as_date(view.complete_until - 1).isoformat()[:7]


def allocated(view: View, month: str) -> Any:
    """Return the statement's lines of a month under the configured policy, one row per team and kind, kept."""
    policy = policy_from(view.desk.books.config)

    def make() -> pd.DataFrame:
        with view.desk.books.asking() as engine:
            lines = month_lines(view.desk.ledger, view.desk.snapshot, engine, month, policy)
        rows = [(line.owner, line.kind, line.currency, line.rule, line.origin_team, float(line.cost)) for line in lines]
        frame = pd.DataFrame(rows, columns=["team", "kind", "currency", "rule", "origin_team", "cost"])
        return frame.groupby(["team", "kind", "currency", "rule", "origin_team"], dropna=False, as_index=False).sum()

    return view.desk.keep(("allocated", month, tuple(policy.words())), make), policy.words()


def draw_allocation(view: View, team: str | None) -> None:
    """Draw what the policy gives to each team, or to one; on demand, for it reads every charge of the month."""
    month = month_of(view)
    label = f"Allocate {formats.month(month)} by the configured policy"
    if not st.toggle(label, key="allocate", bind="query-params"):
        st.caption(
            "Idle and other shared money spread over teams, as the statement does. It reads every charge of the month."
        )
        return
    with st.spinner("Allocating …"):
        frame, words = allocated(view, month)
    frame = frame[frame["currency"] == view.currency]
    if view.reader.teams is not None or view.scope.team:
        frame = frame[[view.reader.may_see(name) and view.scope.team in (None, name) for name in frame["team"]]]
    if team is not None:
        frame = frame[frame["team"] == team]
    st.caption(md("; ".join(words)))
    wide = frame.pivot_table(index="team", columns="kind", values="cost", aggfunc="sum", fill_value=0.0).reset_index()
    for kind in KINDS:
        if kind not in wide:
            wide[kind] = 0.0
    wide["total"] = wide[list(KINDS)].sum(axis=1)
    order = wide["team"].str.startswith("(")
    wide = wide.assign(order=order).sort_values(["order", "total"], ascending=[True, False])
    table(wide, _used(wide), name="allocation", rows=16)


def _used(wide: pd.DataFrame) -> Sequence[Column]:
    return [column for column in ALLOCATED if column.name not in KINDS or bool(wide[column.name].any())]
