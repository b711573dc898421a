"""One team: what it spends, on what, what changed, its budget, its anomalies, and what is allocated to it."""

from __future__ import annotations

import streamlit as st

from costlens_dashboard import charts, formats, links
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import spend
from costlens_dashboard.scope import compared
from costlens_dashboard.state import View
from costlens_dashboard.tables import table
from costlens_dashboard.text import md, plain
from costlens_dashboard.views import assets, overview, teams


def draw(view: View) -> str | None:
    """Draw the page of the team that the filter names."""
    team = view.scope.team
    if team is None and view.reader.teams is not None and len(view.reader.teams) == 1:
        team = next(iter(view.reader.teams))
    if team is None:
        nothing("Pick a team", "The filter above has them all; the address of this page then is the team's own.")
        for name in [name for name in view.teams if view.reader.may_see(name)][:40]:
            links.link("team", name, team=name)
        return None
    scope = view.scope.with_(team=team)
    _figures(view, team)
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True):
        frame = view.desk.ask(spend.by_day, scope, "category")
        if len(frame):
            frame, names = charts.top_names(frame)
            sums = frame.groupby("name")["cost"].sum()
            share = formats.percent(sums.max() / sums.sum() if sums.sum() else None)
            st.markdown(f"**{share} of it is {md(sums.idxmax())}**")
            st.caption("Daily cost by what it was for")
            charts.stacked_days(frame, names, view.colours(names), f"Daily cost of {team}")
        else:
            st.caption("No cost in this period.")
    with right, st.container(border=True):
        overview.draw_budgets(view, team)
        overview.draw_anomalies(view, team)
        _about(view, team)
    with st.container(border=True):
        overview.draw_changes(view, scope, "asset")
    st.subheader("Assets", anchor=False)
    frame = assets.frame_of(view, scope)
    table(
        frame,
        assets.COLUMNS,
        name="assets",
        rows=10,
        search=("asset", "tags"),
        opens=lambda row: links.go("asset", asset=str(row["asset"])),
        empty="The team owns no asset with cost in this period.",
    )
    st.subheader("Allocation", anchor=False)
    teams.draw_allocation(view, team)
    return plain(team)


def _figures(view: View, team: str) -> None:
    scope = view.scope.with_(team=team)
    now, before = compared(scope, view.complete_until)
    row = view.desk.ask(spend.total, scope).iloc[0]
    then = float(view.desk.ask(spend.total, before).iloc[0]["cost"]) if view.is_whole(before) else 0.0
    same = float(view.desk.ask(spend.total, now).iloc[0]["cost"])
    whole = float(view.desk.ask(spend.total, view.scope.with_(team=None)).iloc[0]["cost"])
    cells = st.columns(4, gap="small")
    cells[0].metric(
        f"Cost, {view.currency}",
        md(formats.money(row["cost"])),
        formats.change(same, then),
        delta_color="inverse",
        delta_description="on before" if then else None,
        border=True,
        height="stretch",
    )
    share = formats.percent(row["cost"] / whole if whole else None, 1) if view.reader.teams is None else formats.NOTHING
    cells[1].metric("Share of all", share, border=True, height="stretch")
    cells[2].metric("Queries", formats.count(row["queries"]), border=True, height="stretch")
    cells[3].metric(
        f"Not final yet, {view.currency}", md(formats.money(row["provisional"])), border=True, height="stretch"
    )


def _about(view: View, team: str) -> None:
    known = next((one for one in view.desk.estate.teams if one.name == team), None)
    if known is None:
        return
    said = [known.cost_center, known.slack, known.email]
    st.caption(md(" · ".join(text for text in said if text)))
