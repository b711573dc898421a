"""Unattributed: what is nobody's, dearest first, with the fix for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
import yaml

from costlens.settings.attribution import Settings
from costlens.unattributed import Group, Rest, rest
from costlens_dashboard import formats
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import spend, unattributed
from costlens_dashboard.scope import Scope
from costlens_dashboard.state import View
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md
from costlens_dashboard.views.pools import recent

COLUMNS = (
    Column("what", "What", width="medium"),
    Column("kind", "Kind"),
    Column("cost", "Cost", "money"),
    Column("share", "Share", "share", help="Of all money of the period."),
    Column("queries", "Queries", "count"),
    Column("source", "Source"),
    Column("fix", "The fix", width="large"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    if view.reader.teams is not None:
        nothing("For admins", "What is nobody's may be anybody's: only admins see it.")
        return None
    detail = _detail(view)
    rows = rows_of(view)
    whole = float(view.desk.ask(spend.total, detail).iloc[0]["cost"])
    if rows.empty:
        nothing("Everything is somebody's", "All money of this period has an asset or a team.")
        return None
    rows["share"] = rows["cost"] / whole if whole else 0.0
    few = rows.head(5)["share"].sum()
    share = formats.percent(rows["cost"].sum() / whole if whole else None)
    words = f"{formats.money(rows['cost'].sum(), view.currency)}, {share}, is nobody's; five fixes would place {formats.percent(few)}"
    st.markdown(f"**{md(words)}**")
    days = formats.span(formats.as_date(detail.since), formats.as_date(detail.until))
    st.caption(
        md(f"Of {view.period if detail.month else days}, dearest first. Pick a line to see what to write where.")
    )
    table(rows, COLUMNS, name="unattributed", rows=14, search=("what", "kind", "source"), opens=_fix)
    return None


def _detail(view: View) -> Scope:
    """Return the month, that the page says what its report says, or the last days of a longer period."""
    return view.scope if view.scope.month else recent(view)


def rows_of(view: View) -> pd.DataFrame:
    """Return what is nobody's of the month or the last days, dearest first, with the fix for each."""
    detail = _detail(view)
    settings = view.desk.books.config.section(Settings)

    def make() -> Rest:
        with view.desk.books.room:
            days = (detail.first_day, detail.until)
            return rest(view.desk.ledger, view.desk.snapshot, *days, "fix", settings, detail.month)

    told: Rest = view.desk.keep(("unattributed", detail.since, detail.until, detail.month), make, 1_000_000)
    groups = [group for group in told.groups if group.currency == view.currency]
    if view.reader.hides_users:
        groups = [_nameless(group) for group in groups]
    found = [_group(group) for group in groups if detail.source is None or detail.source in group.sources]
    found += [_shared(row) for row in view.desk.ask(unattributed.other, detail).to_dict("records")]
    frame = pd.DataFrame(found, columns=["what", "kind", "cost", "queries", "source", "fix", "hint", "file", "snippet"])
    return frame[frame["cost"] > 0].sort_values("cost", ascending=False, ignore_index=True)


def _nameless(group: Group) -> Group:
    """Return a group without what names a user: its name where it is one, and the hint, which tells who asked most."""
    if group.kind == "user":
        return replace(group, name="a user", users=Counter(), hint="")
    return replace(group, users=Counter(), hint="")


def _group(group: Group) -> dict[str, Any]:
    row: dict[str, Any] = {
        "what": group.name,
        "kind": group.kind,
        "cost": float(group.cost),
        "queries": group.queries or None,
        "source": ", ".join(sorted(group.sources)),
        "fix": group.fix,
        "hint": group.hint,
    }
    if group.rule:
        body: Any = [{"owns": [{group.rule[0]: group.rule[1]}]}]
        return {**row, "file": "teams.yml, under the team that it is of", "snippet": _yaml(body)}
    if group.kind in ("relation", "object"):
        body = {"assets": [{"key": group.name.lower(), "relations": [group.name], "team": "?"}]}
        return {**row, "file": "assets.yml", "snippet": _yaml(body)}
    why = f"costlens why {group.sample}" if group.sample else ""
    return {**row, "file": "What is known of one of its queries", "snippet": why}


def _shared(row: dict[str, Any]) -> dict[str, Any]:
    category, pool = str(row["category"]), row["pool"] if isinstance(row["pool"], str) else None
    base = {"kind": category, "cost": row["cost"], "queries": None, "source": row["source"], "hint": ""}
    if category == "idle" and pool:
        fix = "spread by the allocation policy, or the pool's team; less of it: see Pools"
        snippet = _yaml([{"owns": [{"pool": pool}]}])
        return {**base, "what": f"Idle of {pool}", "fix": fix, "file": "teams.yml, under its team", "snippet": snippet}
    name = f"{category} of {pool}" if pool else category
    body = {"allocation": {"rules": [{"name": name, "match": {"category": [category]}, "by": "proportional"}]}}
    fix = "spread by a rule of the allocation policy"
    return {**base, "what": name, "fix": fix, "file": "costlens.yml", "snippet": _yaml(body)}


def _yaml(body: Any) -> str:
    return str(yaml.safe_dump(body, allow_unicode=True, sort_keys=False))


def _fix(row: pd.Series) -> None:
    with st.container(border=True):
        st.markdown(f"**{md(row['what'], 100)}: {md(row['fix'], 200)}**")
        if row["hint"]:
            st.caption(md(row["hint"]))
        if row["snippet"]:
            st.caption(md(row["file"]))
            st.code(row["snippet"], language="yaml", wrap_lines=True)
