"""One asset: what it costs day by day, its runs, the shapes and queries behind it, its neighbours, owners and alerts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from costlens.anomaly import store
from costlens_dashboard import charts, formats, links
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import assets, statements
from costlens_dashboard.state import View, one_of
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md, plain, said
from costlens_dashboard.views.assets import frame_of
from costlens_dashboard.views.queries import draw_queries, draw_shapes

NEIGHBOURS = (
    Column("asset", "Asset"),
    Column("direction", "Direction"),
    Column("team", "Team"),
    Column("cost", "Cost", "money"),
    Column("reads", "Reads", "money"),
)
OWNERS = (
    Column("team", "Team"),
    Column("valid_from", "From", "day"),
    Column("valid_to", "Until", "day"),
    Column("origin", "Said by"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    frame = frame_of(view)
    if frame.empty:
        nothing(
            "No asset has cost in this period", "Pick another period, or see Unattributed for what has no asset yet."
        )
        return None
    asset = one_of("Asset", [str(name) for name in frame["asset"]], "asset")
    mine = frame[frame["asset"] == asset]
    if mine.empty:
        whose = "" if view.reader.teams is None else " of your teams"
        nothing(f"This asset has no cost{whose} in this period", "Pick another period, or see Assets for what has.")
        return None
    _figures(view, mine.iloc[0])
    with st.container(border=True):
        _days(view, asset)
    with st.container(border=True):
        _runs(view, asset)
    st.subheader("Shapes and queries behind it", anchor="queries")
    shape = draw_shapes(view, asset)
    draw_queries(view, asset, shape)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Upstream and downstream", anchor=False)
        _neighbours(view, frame, asset)
    with right:
        st.subheader("Owners", anchor=False)
        _owners(view, asset)
        st.subheader("Alerts", anchor=False)
        _alerts(view, asset)
    return plain(asset)


def _figures(view: View, row: Any) -> None:
    cells = st.columns(5, gap="small")
    figures = (
        (f"Cost, {view.currency}", formats.money(row["cost"]), f"{formats.percent(row['share'], 1)} of all"),
        ("Builds and tests", formats.money(row["builds"] + row["tests"]), None),
        ("Reads", formats.money(row["reads"]), None),
        ("Storage, services", formats.money(row["storage"] + row["serverless"]), None),
        ("Runs", formats.count(row["runs"]), _per_run(row, view.currency)),
    )
    for cell, (label, value, delta) in zip(cells, figures, strict=True):
        cell.metric(
            label,
            md(value),
            md(delta) if delta else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    team = said(row["team"])
    told = [f"Team {team}" if team else "No team"]
    known = next((asset for asset in view.desk.estate.assets if asset.key == row["asset"]), None)
    if known is not None:
        told += [known.kind, *known.relations, *known.tags, *([known.path] if known.path else [])]
    st.caption(md(" · ".join(told), 400))


def _per_run(row: Any, currency: str) -> str | None:
    return f"{formats.money(row['per_run'], currency)} each" if row["runs"] == row["runs"] and row["runs"] else None


def _days(view: View, asset: str) -> None:
    frame = view.desk.ask(assets.one_by_day, view.scope, asset)
    if frame.empty:
        st.caption("No cost in this period.")
        return
    frame, names = charts.top_names(frame)
    sums = frame.groupby("day")["cost"].sum()
    peak = formats.as_date(int(sums.idxmax()))
    words = f"{formats.money(float(sums.mean()), view.currency)} a day, at most {formats.money(float(sums.max()))} on {formats.day(peak)}"
    st.markdown(f"**{md(words)}**")
    st.caption("Daily cost by what it was for")
    charts.stacked_days(frame, names, view.colours(names), f"Daily cost of {asset}")


def _runs(view: View, asset: str) -> None:
    frame = view.desk.facts(assets.runs_of, ("materializations",), view.scope, _names(view, asset))
    what = "runs, as its orchestrator tells"
    if frame.empty:
        last = view.scope.until - 1 if view.scope.month else view.scope.until
        frame = view.desk.statements(statements.statements_of, view.scope, asset, "build", view.scope.since, last)
        what = "build statements"
    if frame.empty:
        st.markdown("**No run is known in this period**")
        return
    failed = int((frame["status"] == "failed").sum())
    middle = formats.duration(float(frame["seconds"].median()))
    st.markdown(f"**{len(frame):,} times, {failed} failed, {middle} at the median**")
    st.caption(f"Its {what}")
    charts.runs(frame, f"Runs of {asset}")


def _names(view: View, asset: str) -> tuple[str, ...]:
    known = next((one for one in view.desk.estate.assets if one.key == asset), None)
    return (asset, *known.relations, *([known.dbt_node] if known.dbt_node else [])) if known else (asset,)


def _neighbours(view: View, frame: pd.DataFrame, asset: str) -> None:
    known = {one.key: one for one in view.desk.estate.assets}
    up = known[asset].upstream if asset in known else ()
    down = [one.key for one in view.desk.estate.assets if asset in one.upstream]
    rows = pd.DataFrame(
        [(name, "upstream") for name in up] + [(name, "downstream") for name in down], columns=["asset", "direction"]
    )
    if view.reader.teams is not None:  # other teams' assets are not for this reader, not even by name
        rows = rows[rows["asset"].isin(set(frame["asset"]))]
    costs = frame[["asset", "team", "cost", "reads"]]
    rows = rows.merge(costs, on="asset", how="left").sort_values("cost", ascending=False)
    table(
        rows,
        NEIGHBOURS,
        name="neighbours",
        rows=10,
        opens=lambda row: links.go("asset", asset=str(row["asset"])),
        empty="No lineage is known: a dbt manifest or an orchestrator tells it.",
    )


def _owners(view: View, asset: str) -> None:
    owned = [own for own in view.desk.estate.ownership if own.asset == asset]
    rows = pd.DataFrame([(o.team, o.valid_from, o.valid_to, o.origin) for o in owned], columns=[c.name for c in OWNERS])
    table(rows, OWNERS, name="owners", empty="Nobody owns it: teams.yml, dbt's meta or CODEOWNERS can say who.")
    people = next((one.owners for one in view.desk.estate.assets if one.key == asset), ())
    if people:
        st.caption(md(", ".join(people)))


def _alerts(view: View, asset: str) -> None:
    found = [
        one
        for one in store.anomalies(view.desk.ledger.database, asset=asset)
        if view.reader.may_see(one.team) and one.currency == view.currency
    ]
    if not found:
        st.caption("No anomaly was ever found.")
    for one in found[:8]:
        label = f"{formats.day(one.first_day)}: {one.form}, {formats.signed(one.money, one.currency)}, {one.status}"
        links.link("anomalies", label, id=one.id)
