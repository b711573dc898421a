"""Assets: what each costs and of what, to search, sort and filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from costlens_dashboard import formats, links
from costlens_dashboard.questions import assets
from costlens_dashboard.scope import Scope
from costlens_dashboard.state import EVERY, View
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlens.estate import Asset

COLUMNS = (
    Column("asset", "Asset", width="medium"),
    Column("team", "Team", help="Who owned it on the period's days; the last by name where it changed hands."),
    Column("cost", "Cost", "money"),
    Column("trend", "Trend", "trend", help="Cost over the period, in fifteen steps at most.", width=110),
    Column("share", "Share", "share", help="Of all that is shown."),
    Column("runs", "Runs", "count", help="What an orchestrator said of it; empty where none is connected."),
    Column("per_run", "Cost per run", "money", help="Cost of builds by runs."),
    Column("queries", "Statements", "count"),
    Column("builds", "Builds", "money"),
    Column("tests", "Tests", "money"),
    Column("reads", "Reads", "money", help="Queries that only read it: what its consumers cost."),
    Column("storage", "Storage", "money"),
    Column("serverless", "Serverless", "money", help="Clustering, ingestion, AI and the like on its objects."),
    Column(
        "idle",
        "Idle share",
        "share",
        help="Idle of the pools it ran on, by its share of their work. An estimate, no charge.",
    ),
    Column("source", "Source"),
    Column("orchestrator", "Defined by"),
    Column("tags", "Tags"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    frame = frame_of(view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frame = _filter(frame, "orchestrator", "Defined by", "All definitions", "defined")
        frame = _tagged(frame)
    if len(frame):
        top = frame["cost"].head(10).sum() / frame["cost"].sum() if frame["cost"].sum() else None
        cost = md(formats.money(frame["cost"].sum(), view.currency))
        ten = f"; the ten dearest are {formats.percent(top)}" if len(frame) > 10 else ""
        st.markdown(f"**{len(frame):,} assets cost {cost}{ten}**")
        st.caption("Pick a row to see its queries, runs and neighbours.")

    def opened(row: pd.Series) -> None:
        links.go("asset", asset=str(row["asset"]))

    table(frame, COLUMNS, name="assets", rows=18, search=("asset", "team", "tags"), opens=opened)
    return None


def frame_of(view: View, scope: Scope | None = None) -> pd.DataFrame:
    """Return the assets with cost, runs and what the estate says of them, dearest first."""
    scope = scope or view.scope
    until = min(scope.until - 1 if scope.month else scope.until, view.complete_until)
    frame = view.desk.ask(assets.costs, scope, scope.since, max(until, scope.since + 1))
    frame["runs"] = frame["runs"].astype(float).where(frame["runs"] > 0)
    frame["per_run"] = frame["builds"] / frame["runs"]
    whole = frame["cost"].sum()
    frame["share"] = frame["cost"] / whole if whole else 0.0
    frame["idle"] = frame["waits"] / (frame["waits"] + frame["builds"] + frame["tests"] + frame["reads"])
    known = {asset.key: asset for asset in view.desk.estate.assets}
    frame["orchestrator"] = [_origin(known.get(key)) for key in frame["asset"]]
    frame["tags"] = [", ".join(known[key].tags) if key in known else "" for key in frame["asset"]]
    return frame


def _origin(asset: Asset | None) -> str:
    if asset is None:
        return "tags only"
    return "dbt" if asset.dbt_node else asset.origin


def _filter(frame: pd.DataFrame, column: str, label: str, every: str, key: str) -> pd.DataFrame:
    values = sorted({str(value) for value in frame[column] if value})
    if len(values) < 2:
        return frame
    picked = _pick(label, values, every, key)
    return frame if picked is None else frame[frame[column] == picked]


def _tagged(frame: pd.DataFrame) -> pd.DataFrame:
    tags = sorted({tag for text in frame["tags"] for tag in text.split(", ") if tag})
    if not tags:
        return frame
    picked = _pick("Tag", tags, "All tags", "tag")
    return frame if picked is None else frame[[picked in text.split(", ") for text in frame["tags"]]]


def _pick(label: str, values: Sequence[str], every: str, key: str) -> str | None:
    picked = st.selectbox(
        label,
        [EVERY, *values],
        key=key,
        bind="query-params",
        format_func=lambda value: every if value == EVERY else value,
        width=190,
    )
    return None if picked in (None, EVERY) else picked
