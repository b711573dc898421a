"""Data: how fresh each source and table is, what could not be read, which grants are missing, and the last syncs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from costlens.errors import NOT_READ, Problem
from costlens.ledger import jobs
from costlens.ledger.lake import Selection
from costlens_dashboard import formats
from costlens_dashboard.state import View
from costlens_dashboard.tables import Column, table

DEEP = ":deep"
FEEDS = (
    Column("source", "Source"),
    Column("feed", "View", width="medium"),
    Column("at", "Read up to", "instant"),
    Column("behind", "Behind the sync"),
    Column("deep", "Read again up to", "instant", help="How far the daily deep read of late rows got."),
)
JOBS = (
    Column("name", "Job", width="medium"),
    Column("state", "State"),
    Column("ok_at", "Last well", "instant"),
    Column("next_at", "Next", "instant"),
    Column("message", "What it says", width="large"),
)
STORED = (
    Column("source", "Source"),
    Column("table", "Table", width="medium"),
    Column("first", "First day", "day"),
    Column("last", "Last day", "day"),
    Column("days", "Days", "count"),
    Column("rows", "Rows", "count"),
)
UNREAD = (
    Column("source", "Source"),
    Column("view", "View", width="medium"),
    Column("remedy", "What allows it", width="large"),
)
PROBLEMS = (
    Column("source", "Source"),
    Column("table", "Table"),
    Column("count", "Rows", "count"),
    Column("reason", "What is wrong", width="large"),
    Column("sample", "Such as"),
)
SYNCS = (
    Column("id", "Snapshot", "count"),
    Column("at", "Made", "instant"),
    Column("as_of", "As of", "instant"),
    Column("run_id", "Run", width="medium"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    snapshot, ledger = view.desk.snapshot, view.desk.ledger
    problems = [one for one in ledger.problems(snapshot) if view.scope.source in (None, one.source)]
    unread = _unread(view, problems)
    feeds = _feeds(view)
    cells = st.columns(4, gap="small")
    last = formats.as_date(view.complete_until - 1)
    cells[0].metric("Complete until", formats.day(last), border=True, height="stretch")
    cells[1].metric("Last sync, UTC", f"{snapshot.at:%-d %b, %H:%M}", border=True, height="stretch")
    cells[2].metric("Problems", formats.count(len(problems)), border=True, height="stretch")
    cells[3].metric("Not read", formats.count(len(unread)), border=True, height="stretch", help="Views and regions.")
    st.subheader("Freshness", anchor=False)
    table(feeds, FEEDS, name="freshness", rows=14, search=("source", "feed"), empty="No view was read yet.")
    if view.reader.teams is None:  # messages and samples name what is other teams'
        _service(view, problems, unread)
    st.subheader("What is stored", anchor=False)
    stored = view.desk.keep(("stored", view.scope.source), lambda: _stored(view))
    table(stored, STORED, name="tables", rows=16, search=("source", "table"))
    st.subheader("Last syncs", anchor=False)
    rows = [{c.name: getattr(one, c.name) for c in SYNCS} for one in reversed(ledger.snapshots())]
    table(pd.DataFrame(rows), SYNCS, name="syncs", rows=8)
    if view.desk.estate.conflicts and view.reader.teams is None:
        st.subheader("Conflicts of ownership", anchor=False)
        frame = pd.DataFrame({"text": list(view.desk.estate.conflicts)})
        table(frame, (Column("text", "What is claimed", width="large"),), name="conflicts", rows=8)
    return None


def _service(view: View, problems: list[Problem], unread: pd.DataFrame) -> None:
    st.subheader("Service", anchor="service")
    table(
        _jobs(view), JOBS, name="jobs", rows=10, empty="No service has run on this ledger: `costlens serve` starts one."
    )
    st.subheader("Missing grants", anchor="grants")
    none = "Every view was read when it was last asked for. `costlens check` asks the warehouse itself."
    table(unread, UNREAD, name="grants", rows=8, opens=_remedy, empty=none)
    st.subheader("Problems", anchor="problems")
    _problems([one for one in problems if NOT_READ not in one.reason], "problems", "Every row was read.")
    waiting = len(view.desk.ledger.dirty())
    if waiting:
        st.caption(f"{waiting:,} days wait for the next sync to be priced again.")


def _unread(view: View, problems: list[Problem]) -> pd.DataFrame:
    """Return what the last syncs could not read, with what allows it: whole views, and single regions of a view."""
    sources = view.desk.snapshot.info.get("sources", {})
    rows = [
        (source, feed, remedy)
        for source, state in sorted(sources.items())
        if view.scope.source in (None, source)
        for feed, remedy in sorted(state.get("missing", {}).items())
    ]
    for one in problems:
        place, is_unread, remedy = one.reason.partition(NOT_READ)
        if is_unread:
            rows.append((one.source, f"{one.table}, {place}", remedy))
    return pd.DataFrame(rows, columns=[column.name for column in UNREAD])


def _remedy(row: pd.Series) -> None:
    st.code(str(row["remedy"]), language=None, wrap_lines=True)


def _problems(found: list[Problem], name: str, none: str) -> None:
    if not found:
        st.caption(none)
        return
    rows = [{column.name: getattr(one, column.name) for column in PROBLEMS} for one in found]
    table(pd.DataFrame(rows), PROBLEMS, name=name, rows=8, opens=_whole)


def _whole(row: pd.Series) -> None:
    st.code(f"{row['source']} {row['table']}: {row['reason']} {row['sample']}", language=None, wrap_lines=True)


def _feeds(view: View) -> pd.DataFrame:
    cursors = view.desk.ledger.cursors()
    rows: list[dict[str, Any]] = []
    for (source, feed), at in sorted(cursors.items()):
        if view.scope.source in (None, source) and ":" not in feed:
            behind = (view.desk.snapshot.as_of - at).total_seconds()
            row = {"source": source, "feed": feed, "at": at, "deep": cursors.get((source, feed + DEEP))}
            rows.append({**row, "behind": formats.duration(behind) if behind > 1 else "up to date"})
    return pd.DataFrame(rows, columns=[column.name for column in FEEDS])


def _jobs(view: View) -> pd.DataFrame:
    rows = []
    for job in jobs.every(view.desk.ledger.database):
        state = "failed for good" if job.state == "failed" and job.is_permanent else job.state
        rows.append(
            {"name": job.name, "state": state, "ok_at": job.ok_at, "next_at": job.next_at, "message": job.message}
        )
    return pd.DataFrame(rows, columns=[column.name for column in JOBS])


def _stored(view: View) -> pd.DataFrame:
    lake, rows = view.desk.ledger.lake, []
    for name, version in sorted(view.desk.snapshot.versions.items()):
        found: dict[str, list[Any]] = {}
        for file in lake.select(name, version, Selection(view.scope.source)):
            found.setdefault(file.source, []).append(file)
        for source, files in found.items():
            days = {file.day for file in files}
            rows.append(
                {
                    "source": source,
                    "table": name,
                    "first": formats.as_date(min(days)),
                    "last": formats.as_date(max(days)),
                    "days": len(days),
                    "rows": sum(file.rows for file in files),
                }
            )
    return pd.DataFrame(rows, columns=[column.name for column in STORED])
