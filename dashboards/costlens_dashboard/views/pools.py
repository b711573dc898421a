"""Pools: each warehouse or reservation by hour, its idle by cause, its queue, and what other settings would have cost."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from costlens_dashboard import charts, formats
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import pools
from costlens_dashboard.scope import Scope
from costlens_dashboard.state import View, one_of
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md
from costlens_dashboard.what_if import SUSPENDS, options

#: Rows per query are read for so many days at most.
LONGEST = 31

COLUMNS = (
    Column("pool", "Pool", width="medium"),
    Column("source", "Source"),
    Column("cost", "Cost", "money"),
    Column("own", "Own", "money", help="What its queries used."),
    Column("idle", "Idle", "money", help="What was metered beyond its queries."),
    Column("share", "Idle share", "share"),
    Column("tail", "Suspend tail", "money", help="Idle after the last query until it stopped."),
    Column("minimum", "Minimum", "money", help="The least that a start is billed for."),
    Column("gap", "Gap", "money", help="Idle between two queries."),
    Column("queries", "Queries", "count"),
    Column(
        "waited",
        "Queued",
        "seconds",
        help="Time that queries waited for it, of the days that rows per query are kept for.",
    ),
    Column("saved", "Could save", "money", help="An estimate: the best other auto-suspend, or no baseline; see below."),
)
MINE = ("pool", "source", "own", "queries")
"""Columns of what is a team's own."""
OPTIONS = (
    Column("setting", "Setting", width="medium"),
    Column("cost", "Would have cost", "money"),
    Column("saved", "Saved", "money"),
    Column("per_month", "A month", "money"),
    Column("reasoning", "Why", width="large"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    frame = frame_of(view)
    if frame.empty:
        nothing("No pool has cost in this period", "Pick another period or source.")
        return None
    if view.reader.teams is not None:
        _of_a_member(view, frame)
        return None
    detail = recent(view)
    whole, idle = frame["own"].sum() + frame["idle"].sum(), frame["idle"].sum()
    words = (
        f"{formats.money(idle, view.currency)}, {formats.percent(idle / whole if whole else None)}, paid for idle pools"
    )
    st.markdown(f"**{md(words)}**")
    st.caption("Pick a pool to see its hours. " + _estimates_of(detail, view))
    table(frame, COLUMNS, name="pools", rows=10, search=("pool", "source"), opens=_opened)
    names = [f"{pool} · {source}" for pool, source in zip(frame["pool"], frame["source"], strict=True)]
    picked = one_of("Pool", names, "pool")
    if picked in names:
        _one(view, frame.iloc[names.index(picked)], detail)
    else:
        nothing("This pool has no cost in this period", "Pick another period, or another pool.")
    return None


def frame_of(view: View) -> pd.DataFrame:
    """Return the pools, dearest first; with queues and estimates for those who see all of what ran on them."""
    frame = view.desk.ask(pools.costs, view.scope)
    is_told = view.reader.teams is None and not frame.empty
    return _with_estimates(view, frame, recent(view)) if is_told else frame


def _of_a_member(view: View, frame: pd.DataFrame) -> None:
    """Draw what is a team's own: what pools idled and queued is of all who ran on them."""
    words = f"{formats.money(frame['own'].sum(), view.currency)} ran on {formats.many(len(frame), 'pool')}"
    st.markdown(f"**{md(words)}**")
    columns = [column for column in COLUMNS if column.name in MINE]
    table(frame, columns, name="pools", rows=10, search=("pool", "source"))
    st.caption("A pool's hours, idle and queue are shown to admins: other teams ran on it too.")


def _opened(row: pd.Series) -> None:
    name = f"{row['pool']} · {row['source']}"
    if st.session_state.get("opened-pool") != name:
        st.session_state["opened-pool"] = name
        st.session_state["pool"] = name


def recent(view: View) -> Scope:
    """Return the last UTC days of the scope, for what needs rows per query."""
    end = view.scope.until - 1 if view.scope.month else view.scope.until  # a month's scope ends a day late
    until = min(end, view.complete_until + 1)
    return view.scope.with_(since=max(view.scope.since, until - LONGEST), until=until, month=None)


def _estimates_of(detail: Scope, view: View) -> str:
    days = formats.span(formats.as_date(detail.since), formats.as_date(detail.until))
    return f"Estimates and queues are of {days}."


def _with_estimates(view: View, frame: pd.DataFrame, detail: Scope) -> pd.DataFrame:
    desk, keys = view.desk, ["source", "pool"]
    waited = desk.facts(pools.queued, ("queries",), detail)
    ran = desk.facts(pools.intervals, ("queries",), detail, SUSPENDS)
    metered = desk.facts(pools.metered, ("metering", "queries"), detail)
    costs = desk.ask(pools.costs, detail)[[*keys, "own", "idle"]]
    known = costs.merge(metered, on=keys, how="inner").merge(ran, on=keys, how="inner")
    best: dict[tuple[str, str], Any] = {}
    for row in known.to_dict("records"):
        best[row["source"], row["pool"]] = options(row)
    frame = frame.merge(waited, on=keys, how="left")
    frame["share"] = frame["idle"] / (frame["own"] + frame["idle"]).where(lambda sums: sums > 0)
    found = [best.get((source, pool), []) for source, pool in zip(frame["source"], frame["pool"], strict=True)]
    frame["options"] = found
    frame["saved"] = [
        max((option.saved for option in each if "size" not in option.setting), default=None) for each in found
    ]
    return frame


def _one(view: View, row: Any, detail: Scope) -> None:
    source, pool = str(row["source"]), str(row["pool"])
    hours = view.desk.facts(pools.hours, ("charges",), detail, source, pool)
    if hours.empty:
        st.caption("Rows per query are not kept for this period: there are no hours to show.")
        return
    cost = hours["cost"].sum()
    own = hours.loc[hours["name"] == "own", "cost"].sum()
    with st.container(border=True):
        used = formats.percent(own / cost if cost else None)
        st.markdown(f"**{md(pool, 60)} was used {used} of what it was paid for**")
        st.caption("Cost by hour: its own, and idle by cause")
        charts.pool_hours(hours, f"Cost of {pool} by hour")
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True):
        st.markdown(f"**{_busiest(hours)}**")
        st.caption("Utilisation by weekday and hour, UTC: own of all that was metered")
        charts.utilisation(hours, f"Utilisation of {pool}")
    with right, st.container(border=True):
        _queue(view, detail, source, pool)
    st.subheader("Other settings, an estimate", anchor=False)
    days = max(detail.days, 1)
    found = [{**option.__dict__, "per_month": option.saved / days * 30.4} for option in row["options"]]
    rows = pd.DataFrame(found, columns=[column.name for column in OPTIONS])
    st.caption(
        "From the intervals in which its queries ran, one cluster assumed. Caches that a longer tail keeps warm are not counted."
    )
    table(
        rows,
        OPTIONS,
        name="settings",
        empty="No other setting would have been cheaper, or its size and metering are not known.",
    )


def _busiest(hours: pd.DataFrame) -> str:
    at = pd.to_datetime(hours["hour"], unit="us", utc=True)
    sums = hours.assign(clock=at.dt.hour)[hours["name"] != "own"].groupby("clock")["cost"].sum()
    return f"Most idle at {int(sums.idxmax()):02}:00 UTC" if len(sums) else "Never idle"


def _queue(view: View, detail: Scope, source: str, pool: str) -> None:
    rows = view.desk.facts(pools.queue, ("queries",), detail, source, pool)
    if rows.empty:
        st.markdown("**No query waited**")
        st.caption("Nothing was queued on these days.")
        return
    st.markdown(f"**Queries waited {formats.duration(float(rows['waited'].sum()))} in all**")
    st.caption("Seconds queued by hour")
    charts.hourly_line(rows, "waited", f"Queue of {pool}")
