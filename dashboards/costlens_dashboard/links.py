"""Ways from page to page, with the filters taken along."""

from __future__ import annotations

from typing import Any

import streamlit as st

from costlens_dashboard.text import md

FILTERS = ("period", "days", "currency", "source", "team")


def _params(given: dict[str, str | None]) -> dict[str, Any]:
    held = {name: st.query_params.get_all(name) for name in FILTERS if name in st.query_params}
    return {**held, **{name: value for name, value in given.items() if value is not None}}


def page(name: str) -> Any:
    return st.session_state["pages"][name]


def go(name: str, **params: str | None) -> None:
    """Open a page."""
    st.switch_page(page(name), query_params=_params(params))


def link(name: str, label: str, **params: str | None) -> None:
    """Draw a link to a page; the label may be a warehouse's text."""
    st.page_link(page(name), label=md(label, 80), query_params=_params(params), icon=":material/arrow_forward:")
