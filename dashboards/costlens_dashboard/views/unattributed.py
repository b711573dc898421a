"""Unattributed: what is nobody's, dearest first, with the fix for each."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
import yaml

from costlens_dashboard import formats
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import spend, unattributed
from costlens_dashboard.state import View
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md

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
    rows = rows_of(view)
    whole = float(view.desk.ask(spend.total, view.scope).iloc[0]["cost"])
    if rows.empty:
        nothing("Everything is somebody's", "All money of this period has an asset or a team.")
        return None
    rows["share"] = rows["cost"] / whole if whole else 0.0
    few = rows.head(5)["share"].sum()
    share = formats.percent(rows["cost"].sum() / whole if whole else None)
    words = f"{formats.money(rows['cost'].sum(), view.currency)}, {share}, is nobody's; five fixes would place {formats.percent(few)}"
    st.markdown(f"**{md(words)}**")
    st.caption("Pick a line to see what to write where.")
    columns = [column for column in COLUMNS if not (view.reader.hides_users and column.name in ("what", "fix"))]
    table(rows, columns, name="unattributed", rows=14, search=("what", "kind", "source"), opens=_fix)
    return None


def rows_of(view: View) -> pd.DataFrame:
    """Return what is nobody's, dearest first, with the fix for each."""
    asked = view.desk.lines(unattributed.queries, view.scope)
    rest = view.desk.lines(unattributed.other, view.scope)
    found = [_query(row) for row in asked.to_dict("records")] + [_line(row) for row in rest.to_dict("records")]
    frame = pd.DataFrame(found, columns=["what", "kind", "cost", "queries", "source", "fix", "file", "snippet"])
    return frame.sort_values("cost", ascending=False, ignore_index=True)


def _told(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _query(row: dict[str, Any]) -> dict[str, Any]:
    user, role, pool = _told(row["user"]), _told(row["role"]), _told(row["pool"])
    who = user or role or pool or "nobody named"
    rule = {"user": user} if user else {"role": role} if role else {"pool": pool}
    name, value = next(iter(rule.items()))
    where = f" on {pool}" if pool and name != "pool" else ""
    return {
        "what": f"{who}{where}",
        "kind": "queries",
        "cost": row["cost"],
        "queries": row["queries"],
        "source": row["source"],
        "fix": f"tag its statements, or give its {name} to a team",
        "file": "teams.yml, under the team that it is of",
        "snippet": yaml.safe_dump([{"owns": [{name: value or "?"}]}], allow_unicode=True),
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    category, pool, thing = str(row["category"]), _told(row["pool"]), _told(row["object"])
    base = {"kind": category, "cost": row["cost"], "queries": None, "source": row["source"]}
    if category == "idle" and pool:
        fix = "spread idle by the policy, or give the pool to a team; less of it: see Pools"
        snippet = yaml.safe_dump([{"owns": [{"pool": pool}]}], allow_unicode=True)
        return {**base, "what": f"Idle of {pool}", "fix": fix, "file": "teams.yml, under its team", "snippet": snippet}
    if thing:
        snippet = yaml.safe_dump(
            {"assets": [{"key": thing.lower(), "relations": [thing], "team": "?"}]}, allow_unicode=True
        )
        fix = "name the asset whose relation this is"
        return {**base, "what": thing, "fix": fix, "file": "assets.yml", "snippet": snippet}
    what = pool or _told(row["service"]) or category
    fix = "spread it by a rule of the allocation policy"
    body = {"allocation": {"rules": [{"name": what, "match": {"category": [category]}, "by": "proportional"}]}}
    return {
        **base,
        "what": what,
        "fix": fix,
        "file": "costlens.yml",
        "snippet": yaml.safe_dump(body, allow_unicode=True),
    }


def _fix(row: pd.Series) -> None:
    with st.container(border=True):
        st.markdown(f"**{md(row['what'], 100)}: {md(row['fix'], 160)}**")
        st.caption(md(row["file"]))
        st.code(row["snippet"], language="yaml", wrap_lines=True)
