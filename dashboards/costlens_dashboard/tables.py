"""Tables: columns of fixed kinds, search, and downloads of all rows as CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from costlens_dashboard import formats
from costlens_dashboard.text import cell, plain

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "money", "count", "share", "seconds", "decimal", "day", "instant", "trend", "bar", "list"]

ROW_HEIGHT = 35
SHOWN = 500
"""Rows that the browser gets; the rest is in the downloads."""


@dataclass(frozen=True)
class Column:
    """One column: its name in the frame, what it is called, its kind, and what it means."""

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    width: Any = None


def table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    name: str,
    rows: int = 15,
    search: Sequence[str] = (),
    opens: Callable[[pd.Series], None] | None = None,
    empty: str = "Nothing here in this period.",
) -> None:
    """Draw a table; `name` names its files and its search in the address; `opens` is called with the row that is picked."""
    found = _search(frame, search, name) if search else frame
    if found.empty:
        st.caption(empty if frame.empty else "Nothing matches.")
        return
    shown = found.head(SHOWN)
    picked: Any = st.dataframe(
        _shown(shown, columns),
        hide_index=True,
        column_config={column.name: _config(column) for column in columns},
        height=min(len(shown), rows) * ROW_HEIGHT + ROW_HEIGHT + 3,
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key=f"table-{name}",
        on_select="rerun" if opens else "ignore",
        selection_mode="single-row",
    )
    downloads(found, columns, name, len(shown))
    chosen = picked.selection.rows if opens else []
    if opens and chosen:
        opens(shown.iloc[chosen[0]])


def downloads(frame: pd.DataFrame, columns: Sequence[Column], name: str, shown: int | None = None) -> None:
    """Draw the buttons that download a table; files are made when they are asked for."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
        if shown is not None:
            of = (
                f"{shown:,} of {len(frame):,} rows; all are in the downloads"
                if shown < len(frame)
                else f"{len(frame):,} rows"
            )
            st.caption(of if len(frame) != 1 else "1 row", width="stretch")
        for kind, make, mime in (
            ("CSV", as_csv, "text/csv"),
            ("Parquet", as_parquet, "application/vnd.apache.parquet"),
        ):
            st.download_button(
                kind,
                data=partial(make, frame, columns),
                file_name=f"costlens-{name}.{kind.lower()}",
                mime=mime,
                key=f"{kind.lower()}-{name}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def as_csv(frame: pd.DataFrame, columns: Sequence[Column]) -> bytes:
    """Return the columns as CSV in UTF-8; no text of it is a spreadsheet's formula."""
    rows = frame[[column.name for column in columns if column.kind != "trend"]]
    text: str = rows.map(cell).to_csv(index=False, lineterminator="\n")
    return text.encode()


def as_parquet(frame: pd.DataFrame, columns: Sequence[Column]) -> bytes:
    """Return the columns as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame[[c.name for c in columns]], preserve_index=False), out)
    return out.getvalue()


def _search(frame: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    words = st.text_input(
        "Search",
        key=f"find-{name}",
        bind="query-params",
        placeholder="Search …",
        label_visibility="collapsed",
        icon=":material/search:",
    )
    if not words:
        return frame
    keep = None
    for word in words.casefold().split():
        hits = None
        for column in columns:
            mine = frame[column].astype("string").str.casefold().str.contains(word, regex=False, na=False)
            hits = mine if hits is None else hits | mine
        keep = hits if keep is None else keep & hits
    return frame[keep]


def _shown(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    shown = frame[[column.name for column in columns]].copy()
    for column in columns:
        if column.kind == "text":
            values = shown[column.name].astype(object)
            shown[column.name] = [None if value is None or value != value else plain(value, 2000) for value in values]
        elif column.kind == "share":
            shown[column.name] = shown[column.name].astype(float) * 100
        elif column.kind == "bar":
            shown[column.name] = shown[column.name].astype(float)
    return shown


def _config(column: Column) -> Any:
    kinds: dict[str, Any] = {
        "text": lambda **kw: st.column_config.TextColumn(**kw),
        "money": lambda **kw: st.column_config.NumberColumn(format=formats.MONEY, **kw),
        "count": lambda **kw: st.column_config.NumberColumn(format=formats.WHOLE, **kw),
        "decimal": lambda **kw: st.column_config.NumberColumn(format=formats.MONEY, **kw),
        "seconds": lambda **kw: st.column_config.NumberColumn(format="%,.0f s", **kw),
        "share": lambda **kw: st.column_config.NumberColumn(format=formats.SHARE, **kw),
        "day": lambda **kw: st.column_config.DateColumn(format="D MMM YYYY", **kw),
        "instant": lambda **kw: st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm:ss", timezone="UTC", **kw),
        "trend": lambda **kw: st.column_config.AreaChartColumn(y_min=0, **kw),
        "bar": lambda **kw: st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, **kw),
        "list": lambda **kw: st.column_config.ListColumn(**kw),
    }
    return kinds[column.kind](label=column.label, help=column.help or None, width=column.width)
