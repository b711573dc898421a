"""Queries: the dearest shapes and queries, their masked text, the evidence of whose they are, and their place in the code."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from costlens_dashboard import formats, links
from costlens_dashboard.questions import statements
from costlens_dashboard.state import View
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md, plain, said

_SHAPES = (
    Column("text", "Statement", width="large", help="Literals and comments are taken out."),
    Column("cost", "Cost", "money"),
    Column("share", "Share", "share", help="Of the shapes shown."),
    Column("queries", "Queries", "count"),
    Column("per_query", "Cost per query", "money"),
    Column("seconds", "Run time", "seconds"),
    Column("asset", "Asset"),
    Column("team", "Team"),
    Column("method", "Attributed by"),
    Column("purpose", "Purpose"),
    Column("user", "User"),
    Column("pool", "Pool"),
    Column("source", "Source"),
    Column("shape", "Shape", width="small"),
)
_QUERIES = (
    Column("query_id", "Query", width="medium"),
    Column("cost", "Cost", "money"),
    Column("started_at", "Started", "instant"),
    Column("seconds", "Run time", "seconds"),
    Column("queued", "Queued", "seconds"),
    Column("status", "Status"),
    Column("asset", "Asset"),
    Column("team", "Team"),
    Column("method", "Attributed by"),
    Column("confidence", "Confidence", "share"),
    Column("code_ref", "Code"),
    Column("user", "User"),
    Column("role", "Role"),
    Column("pool", "Pool"),
    Column("pool_size", "Size"),
    Column("source", "Source"),
)
_EVIDENCE = (
    Column("method", "Method"),
    Column("asset", "Asset"),
    Column("team", "Team"),
    Column("share", "Share", "share"),
    Column("confidence", "Confidence", "share"),
    Column("text", "What it says", width="large"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    st.subheader("Shapes", anchor=False)
    shape = draw_shapes(view, None)
    st.subheader("Queries", anchor="queries")
    draw_queries(view, None, shape)
    return None


def answers(view: View) -> None:
    """Ask all that the page asks as it opens, for the answers to be there."""
    shapes = view.desk.lines(statements.shapes, view.scope, None)
    _texts(view, tuple(shapes["shape"]))
    view.desk.statements(statements.queries, view.scope, None, None)


def draw_shapes(view: View, asset: str | None) -> str | None:
    """Draw the dearest shapes; return the one that is picked."""
    found = view.desk.lines(statements.shapes, view.scope, asset)
    if found.empty:
        st.caption("No query has cost in this period.")
        return None
    frame = found.assign(share=found["cost"] / (found["cost"].sum() or 1.0), per_query=found["cost"] / found["queries"])
    frame["text"] = _texts(view, tuple(frame["shape"]))
    for name, count in (("team", "teams"), ("asset", "assets"), ("user", "users")):
        more = frame[count].fillna(0).astype(int)
        frame[name] = [_and_more(value, n) for value, n in zip(frame[name], more, strict=True)]
    if asset is None:
        first = frame.iloc[0]
        words = f"{formats.money(first['cost'], view.currency)} went into one shape, {formats.count(first['queries'])} queries"
        st.markdown(f"**{md(words)}**")
    words = f"The {len(frame)} dearest shapes" if len(frame) == statements.SHAPES else "Shapes, dearest first"
    st.caption(f"{words}: statements that differ in literals only are one. Pick one to see its text and its queries.")
    columns = _seen(view, _SHAPES, asset)
    table(frame, columns, name="shapes", rows=8, search=("text", "asset", "team", "shape"), opens=_open_shape)
    shape = _shape()
    row = frame[frame["shape"] == shape]
    if shape is None:
        return None
    text, source = (said(row["text"].iloc[0]), said(row["source"].iloc[0])) if len(row) else (None, None)
    _text(view, shape, text, view.desk.snapshot.info.get("types", {}).get(source))
    return shape


def _open_shape(row: pd.Series) -> None:
    st.query_params["shape"] = str(row["shape"])


def _shape() -> str | None:
    return st.query_params.get("shape")


def _and_more(value: Any, count: int) -> Any:
    if value is None or value != value:
        return None
    return f"{value} and {count - 1} more" if count > 1 else value


def _seen(view: View, columns: tuple[Column, ...], asset: str | None) -> tuple[Column, ...]:
    hidden = {"user", "role"} if view.reader.hides_users else set()
    if asset is not None:  # its page has said so
        hidden |= {"asset", "team"}
    if view.reader.hides_texts:
        hidden |= {"text"}
    return tuple(column for column in columns if column.name not in hidden)


def _texts(view: View, shapes: tuple[str, ...]) -> list[str | None]:
    if view.reader.hides_texts:
        return [None] * len(shapes)
    rows = view.desk.facts(statements.texts, ("shapes",), view.scope, shapes)
    known = dict(zip(rows["shape"], rows["text"], strict=True))
    return [known.get(shape) for shape in shapes]


def _text(view: View, shape: str, text: str | None, dialect: str | None) -> None:
    with st.container(border=True):
        if view.reader.hides_texts:
            st.caption("Texts are hidden by the configuration.")
        elif text is None:
            st.caption("The text of this shape is not in the ledger for this period.")
        else:
            st.code(laid_out(text, dialect), language="sql", wrap_lines=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(md(f"Shape {shape}"), width="stretch")
            st.button("Close", key="close-shape", type="tertiary", on_click=_close)


def _close() -> None:
    st.query_params.pop("shape", None)


def laid_out(text: str, dialect: str | None) -> str:
    """Return a masked statement of a kind of warehouse laid out for reading; one that no parser reads stays as it is."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if len(text) >= 20_000:
        return text
    try:
        return sqlglot.transpile(text, read=dialect, write=dialect, pretty=True)[0]
    except (SqlglotError, RecursionError, IndexError, ValueError):  # ValueError: a dialect that sqlglot does not know
        return text


def draw_queries(view: View, asset: str | None, shape: str | None) -> None:
    """Draw the dearest queries, with the evidence of the one that is picked."""
    frame = view.desk.statements(statements.queries, view.scope, shape, asset)
    if frame.empty:
        st.caption(
            "No single query is known in this period: rows per query may be kept for fewer days than the totals."
        )
        return
    frame = frame.assign(started_at=pd.to_datetime(frame["started_at"], unit="us", utc=True))
    of = " of the shape" if shape else ""
    is_cut = len(frame) == statements.QUERIES
    words = f"The {len(frame)} dearest queries{of}" if is_cut else f"Queries{of}, dearest first"
    st.caption(f"{words}. Pick one for its evidence.")
    columns = _seen(view, _QUERIES, asset)
    table(
        frame,
        columns,
        name="queries",
        rows=10,
        search=("query_id", "asset", "team"),
        opens=lambda row: _evidence(view, row),
    )


def _evidence(view: View, row: pd.Series) -> None:
    with st.container(border=True):
        asset, code = said(row["asset"]), said(row["code_ref"])
        whose = asset or said(row["team"]) or "nobody yet"
        confidence = formats.percent(row["confidence"])
        st.markdown(f"**{md(whose, 120)}, by {md(row['method'])}, confidence {confidence}**")
        if code:
            st.code(plain(code), language=None)
        rows = pd.DataFrame(_evidence_of(view, row), columns=[c.name for c in _EVIDENCE])
        table(
            rows,
            _EVIDENCE,
            name="evidence",
            rows=6,
            empty="Nothing spoke for anybody: see Unattributed for what would.",
        )
        with st.container(horizontal=True):
            if asset:
                links.link("asset", f"Asset {asset}", asset=asset)
            if said(row["shape"]) and "shape" not in st.query_params:
                st.caption(md(f"Shape {row['shape']}"))


def _evidence_of(view: View, row: pd.Series) -> list[dict[str, Any]]:
    """Return what spoke for whom; words that name a user or role that is hidden, and teams that are not the reader's, are left out."""
    names = [name for name in (said(row["user"]), said(row["role"])) if name and view.reader.hides_users]
    found = []
    for one in _read(row["evidence"]):
        team = said(one.get("team"))
        if view.reader.teams is not None and team != said(row["team"]) and not view.reader.may_see(team):
            continue
        text = str(one.get("text") or "")
        is_hidden = any(name.casefold() in text.casefold() for name in names)
        found.append({**{c.name: one.get(c.name) for c in _EVIDENCE}, "text": None if is_hidden else text})
    return found


def _read(evidence: Any) -> list[dict[str, Any]]:
    try:
        found = json.loads(evidence) if isinstance(evidence, str) else []
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
